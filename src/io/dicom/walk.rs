//! A walk over the elements of a DICOM data set that trusts no length in it.
//!
//! It finds where the header ends and the pixels begin, and checks that every element up to there lies inside the
//! file.

use super::element::{Bytes, Element, Stop, has_short_length, is_pixels};
use super::syntax::Encoding;

/// Where the pixel values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PixelElement {
    /// Group and element: (7FE0,0010), or 0008 and 0009 for floating point.
    pub tag: (u16, u16),
    /// Value representation as written; zeros where it is implicit.
    pub vr: [u8; 2],
    /// First byte of the value, counted in the stream that was walked.
    pub offset: u64,
    /// Declared length of the value; `None` when it comes in fragments.
    pub length: Option<u64>,
}

/// What the walk found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    /// End of the sound elements before the pixels.
    pub end: usize,
    /// The pixels, if any.
    pub pixels: Option<PixelElement>,
    /// An element reaches past the end of the file or makes no sense.
    pub cut_short: bool,
}

/// The bytes at hand end before the header does: read more of the file.
#[derive(Debug)]
pub(super) struct NeedMore;

/// Walks the top-level elements from `start` to the pixels or the end. `head` is the beginning of a
/// stream of `total` bytes.
pub(super) fn walk(
    head: &[u8],
    start: usize,
    total: u64,
    encoding: Encoding,
) -> Result<Extent, NeedMore> {
    let bytes = Bytes { head, total };
    let mut at = start as u64;
    let extent = |at: u64, pixels, cut_short| Extent {
        end: at as usize,
        pixels,
        cut_short,
    };
    while at < total {
        let step = bytes.element(at, encoding).and_then(|element| {
            if is_pixels(element.tag) {
                return Ok((element, None));
            }
            let next = bytes.after(&element, total, encoding, 0)?;
            Ok((element, Some(next)))
        });
        match step {
            Ok((_, Some(next))) => at = next,
            Ok((e, None)) => {
                let pixels = PixelElement {
                    tag: e.tag,
                    vr: e.vr,
                    offset: e.value,
                    length: e.length,
                };
                return Ok(extent(at, Some(pixels), false));
            }
            Err(Stop::NeedMore) => return Err(NeedMore),
            Err(Stop::Broken) => return Ok(extent(at, None, true)),
        }
        if at > head.len() as u64 {
            return Err(NeedMore);
        }
    }
    Ok(extent(at.min(total), None, false))
}

/// The beginning of a DICOM file: what comes before the data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Preface {
    /// Declared transfer syntax UID, empty if there is none.
    pub syntax: String,
    /// First byte of the data set.
    pub dataset: usize,
}

/// Reads the preamble and the file meta group, either of which may be missing.
pub(super) fn preface(head: &[u8], total: u64) -> Result<Preface, NeedMore> {
    let bytes = Bytes { head, total };
    let mut at = match () {
        () if head.get(128..132) == Some(b"DICM") => 132,
        () if head.starts_with(b"DICM") => 4,
        () => 0,
    };
    let mut syntax = String::new();
    while head.get(at..at + 2) == Some(&[0x02, 0x00]) {
        match bytes.element(at as u64, Encoding::EXPLICIT_LITTLE) {
            Ok(Element {
                tag,
                value,
                length: Some(length),
                ..
            }) => {
                let Ok(raw) = bytes.get(value, length) else {
                    break;
                };
                if tag == (0x0002, 0x0010) {
                    let text = String::from_utf8_lossy(raw);
                    syntax = text.trim_matches(['\0', ' ']).to_owned();
                }
                at = (value + length) as usize;
            }
            Err(Stop::NeedMore) => return Err(NeedMore),
            _ => break,
        }
    }
    Ok(Preface {
        syntax,
        dataset: at,
    })
}

/// Layout of the data set by its first element.
pub(super) fn guess_encoding(dataset: &[u8]) -> Encoding {
    let Some(first) = dataset.get(..8) else {
        return Encoding::EXPLICIT_LITTLE;
    };
    let explicit = first[4..6].iter().all(u8::is_ascii_uppercase);
    let little = u16::from_le_bytes([first[0], first[1]]);
    let big = u16::from_be_bytes([first[0], first[1]]);
    Encoding {
        explicit,
        // The first group is a small number.
        big_endian: explicit && big < little && big < 0x0100,
    }
}

/// Whether a file that begins with these bytes (132 or more, if it has them) is DICOM, with or
/// without preamble and file meta group.
pub(crate) fn is_dicom(head: &[u8]) -> bool {
    if head.get(128..132) == Some(b"DICM") || head.starts_with(b"DICM") {
        return true;
    }
    let Some(first) = head.get(..8) else {
        return false;
    };
    let encoding = guess_encoding(head);
    let group = match encoding.big_endian {
        true => u16::from_be_bytes([first[0], first[1]]),
        false => u16::from_le_bytes([first[0], first[1]]),
    };
    let element = match encoding.big_endian {
        true => u16::from_be_bytes([first[2], first[3]]),
        false => u16::from_le_bytes([first[2], first[3]]),
    };
    if !matches!(group, 0x0002 | 0x0008) || element > 0x0100 {
        return false;
    }
    let known_vr = has_short_length([first[4], first[5]]) || &first[4..6] == b"OB";
    let length = u32::from_le_bytes([first[4], first[5], first[6], first[7]]);
    match encoding.explicit {
        true => known_vr,
        false => length % 2 == 0 && length <= 256 && head.len() > 16,
    }
}
