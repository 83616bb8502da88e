//! From a frame's bytes to numbers: byte order, stored bits, sign, colour.

use super::codec::Decoded;
use super::format::{Photometric, PixelFormat};
use crate::volume::Rgb;

/// Where the value is within an allocated sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BitField {
    /// Bytes of a sample: 1, 2 or 4.
    bytes: usize,
    /// Unused bits below the value.
    shift: u32,
    /// Bits of the value.
    bits: u32,
    signed: bool,
}

impl BitField {
    /// The field of a format; `precision` is what a codestream says where it has fewer bits.
    pub fn of(format: &PixelFormat, precision: Option<u32>) -> Self {
        Self {
            bytes: format.sample_bytes(),
            shift: format.high_bit + 1 - format.bits_stored,
            bits: precision.unwrap_or(format.bits_stored),
            signed: format.signed,
        }
    }

    /// Whether every allocated bit belongs to the value.
    fn is_whole(self) -> bool {
        self.shift == 0 && self.bits as usize == 8 * self.bytes
    }

    /// The stored value in the bits of a sample: masked, sign-extended.
    #[inline]
    fn value(self, raw: u32) -> i64 {
        let unused = 32 - self.bits;
        let top = (raw >> self.shift) << unused;
        match self.signed {
            true => i64::from(top.cast_signed() >> unused),
            false => i64::from(top >> unused),
        }
    }

    /// Calls `put` with every value of little-endian samples, in order.
    fn each(self, bytes: &[u8], mut put: impl FnMut(i64)) {
        match self.bytes {
            1 => bytes.iter().for_each(|&b| put(self.value(u32::from(b)))),
            2 => bytes
                .as_chunks::<2>()
                .0
                .iter()
                .for_each(|&c| put(self.value(u32::from(u16::from_le_bytes(c))))),
            _ => bytes
                .as_chunks::<4>()
                .0
                .iter()
                .for_each(|&c| put(self.value(u32::from_le_bytes(c)))),
        }
    }
}

/// A voxel type that frames are decoded into.
pub(super) trait Voxel: bytemuck::Pod + Send + Sync {
    /// From a stored value, which fits by the choice of type.
    fn from_stored(value: i64) -> Self;
    /// From an interpolated or rescaled value.
    fn from_real(value: f64) -> Self;
    /// As a number.
    fn real(self) -> f64;
}

macro_rules! voxel {
    ($($t:ty: $round:expr),*) => {$(
        impl Voxel for $t {
            #[inline]
            fn from_stored(value: i64) -> Self {
                value as Self
            }
            #[inline]
            fn from_real(value: f64) -> Self {
                let round: fn(f64) -> f64 = $round;
                round(value) as Self
            }
            #[inline]
            fn real(self) -> f64 {
                self as f64
            }
        }
    )*};
}

voxel!(
    u8: f64::round, i8: f64::round, u16: f64::round, i16: f64::round, u32: f64::round,
    i32: f64::round, f32: |v| v, f64: |v| v
);

/// Writes the stored values of a frame.
pub(super) fn store<T: Voxel>(bytes: &[u8], field: BitField, slab: &mut [T]) {
    if field.is_whole() && size_of::<T>() == field.bytes && cfg!(target_endian = "little") {
        bytemuck::cast_slice_mut(slab).copy_from_slice(bytes);
        return;
    }
    let mut slots = slab.iter_mut();
    field.each(bytes, |value| {
        if let Some(slot) = slots.next() {
            *slot = T::from_stored(value);
        }
    });
}

/// Writes the physical values of a frame.
pub(super) fn store_rescaled<T: Voxel>(
    bytes: &[u8],
    field: BitField,
    rescale: crate::volume::Rescale,
    slab: &mut [T],
) {
    let mut slots = slab.iter_mut();
    field.each(bytes, |value| {
        if let Some(slot) = slots.next() {
            *slot = T::from_real(rescale.apply(value as f64));
        }
    });
}

/// Brings native samples to little endian.
pub(super) fn to_little_endian(
    mut bytes: Vec<u8>,
    format: &PixelFormat,
    swap_pairs: bool,
) -> Vec<u8> {
    // Bytes of 8-bit samples are swapped in pairs when they were written as 16-bit words.
    let width = if swap_pairs { 2 } else { format.sample_bytes() };
    bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse);
    bytes
}

/// The colours of 8-bit samples, one for each pixel.
pub(super) fn colours<'a>(
    decoded: &'a Decoded,
    format: &PixelFormat,
) -> impl Iterator<Item = Rgb> + 'a {
    let pixels = format.pixels();
    let planar = format.planar && !decoded.is_interleaved;
    let is_422 = format.is_422;
    let at = move |pixel: usize, sample: usize| match (is_422, sample) {
        (true, 0) => decoded.bytes[pixel / 2 * 4 + pixel % 2],
        (true, _) => decoded.bytes[pixel / 2 * 4 + 1 + sample],
        (false, _) if planar => decoded.bytes[sample * pixels + pixel],
        (false, _) => decoded.bytes[3 * pixel + sample],
    };
    let space = decoded.space;
    (0..pixels).map(move |p| {
        let samples = [at(p, 0), at(p, 1), at(p, 2)];
        match space {
            Photometric::Ybr => rgb_of_ybr(samples, [0.0, 1.0, 1.0]),
            // PS3.3 C.7.6.3.1.2: luminance over 219 steps, differences over 224.
            Photometric::YbrPartial => rgb_of_ybr(samples, [16.0, 255.0 / 219.0, 255.0 / 224.0]),
            _ => samples,
        }
    })
}

/// Red, green and blue of luminance and two colour differences (PS3.3 C.7.6.3.1.2), given the luminance of black and
/// by what luminance and differences are stretched.
fn rgb_of_ybr([y, b, r]: [u8; 3], [black, of_y, of_difference]: [f32; 3]) -> Rgb {
    let y = (f32::from(y) - black) * of_y;
    let [b, r] = [b, r].map(|v| (f32::from(v) - 128.0) * of_difference);
    let rgb = [
        y + 1.402 * r,
        y - 0.344_136 * b - 0.714_136 * r,
        y + 1.772 * b,
    ];
    rgb.map(|v| v.round().clamp(0.0, 255.0) as u8)
}
