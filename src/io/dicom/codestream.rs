//! The size that a compressed image says it has, read before any decoder sees it.

use super::format::Photometric;

/// What the header of a codestream declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamInfo {
    pub columns: usize,
    pub rows: usize,
    pub samples: usize,
    /// Bits of a sample.
    pub precision: u32,
    /// JPEG that transforms blocks (as opposed to lossless prediction).
    pub is_dct: bool,
    /// What a JPEG stream says of its colours.
    pub colours: Colours,
}

/// What a JPEG stream says of its colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Colours {
    /// It has a JFIF marker, which is for luminance and colour differences alone.
    is_jfif: bool,
    /// The transform that Adobe's marker names: 0 for none.
    adobe_transform: Option<u8>,
    /// Its components are called R, G and B.
    named_rgb: bool,
}

impl Colours {
    /// Whether its components are red, green and blue. Names and markers count first, then what the object says.
    pub fn is_rgb(self, photometric: Photometric) -> bool {
        match (self.named_rgb, self.is_jfif, self.adobe_transform) {
            (true, ..) => true,
            (_, true, _) => false,
            (.., Some(transform)) => transform == 0,
            _ => photometric == Photometric::Rgb,
        }
    }
}

/// Reads the frame header of a JPEG or JPEG-LS stream.
pub(super) fn jpeg_info(data: &[u8]) -> Option<StreamInfo> {
    let mut at = data.starts_with(&[0xFF, 0xD8]).then_some(2)?;
    let mut colours = Colours::default();
    loop {
        if *data.get(at)? != 0xFF {
            return None;
        }
        let marker = *data.get(at + 1)?;
        match marker {
            0xFF => at += 1,
            0x01 | 0xD0..=0xD8 => at += 2,
            0xD9 | 0xDA => return None,
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF | 0xF7 => {
                let f = data.get(at + 4..at + 10)?;
                let word = |i: usize| usize::from(u16::from_be_bytes([f[i], f[i + 1]]));
                let component = |i: usize| data.get(at + 10 + 3 * i).map(u8::to_ascii_uppercase);
                colours.named_rgb = [0, 1, 2].map(component) == [b'R', b'G', b'B'].map(Some);
                return Some(StreamInfo {
                    precision: u32::from(f[0]),
                    rows: word(1),
                    columns: word(3),
                    samples: usize::from(f[5]),
                    is_dct: !matches!(marker, 0xC3 | 0xC7 | 0xCB | 0xCF | 0xF7),
                    colours,
                });
            }
            _ => {
                let length = data.get(at + 2..at + 4)?;
                let segment = data.get(at + 4..)?;
                if marker == 0xE0 && segment.starts_with(b"JFIF\0") {
                    colours.is_jfif = true;
                }
                if marker == 0xEE && segment.starts_with(b"Adobe") {
                    colours.adobe_transform = segment.get(11).copied();
                }
                at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
            }
        }
    }
}

/// Reads the SIZ segment of a JPEG 2000 codestream, bare or in a JP2 wrapper.
pub(super) fn jpeg2000_info(data: &[u8]) -> Option<StreamInfo> {
    const SEARCHED: usize = 4096;
    let searched = &data[..data.len().min(SEARCHED)];
    let at = searched
        .windows(4)
        .position(|w| w == [0xFF, 0x4F, 0xFF, 0x51])?;
    let siz = data.get(at + 4..at + 43)?;
    let long = |i: usize| u32::from_be_bytes([siz[i], siz[i + 1], siz[i + 2], siz[i + 3]]);
    let extent = |end: usize, start: usize| long(end).checked_sub(long(start));
    Some(StreamInfo {
        columns: extent(4, 12)? as usize,
        rows: extent(8, 16)? as usize,
        samples: usize::from(u16::from_be_bytes([siz[36], siz[37]])),
        precision: u32::from(siz[38] & 0x7F) + 1,
        is_dct: false,
        colours: Colours::default(),
    })
}
