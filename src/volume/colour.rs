//! Colours of voxels.

/// Red, green, blue, 8 bit each.
pub type Rgb = [u8; 3];

/// How bright a colour is (ITU-R BT.601).
#[inline]
pub fn luminance([r, g, b]: Rgb) -> u8 {
    let [r, g, b] = [r, g, b].map(u32::from);
    ((299 * r + 587 * g + 114 * b + 500) / 1000) as u8
}
