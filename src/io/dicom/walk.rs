//! A walk over the elements of a DICOM data set that trusts no length in it.
//!
//! It finds where the header ends and the pixels begin, and checks that every element up to there,
//! nested ones included, lies inside the file. What has passed can be handed to a parser that
//! reserves memory by declared lengths.

use super::syntax::Encoding;

/// Nested deeper than this is refused: no real object is, and parsers recurse.
const MAX_DEPTH: usize = 24;

const ITEM: (u16, u16) = (0xFFFE, 0xE000);
const ITEM_END: (u16, u16) = (0xFFFE, 0xE00D);
const SEQUENCE_END: (u16, u16) = (0xFFFE, 0xE0DD);

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

enum Stop {
    NeedMore,
    Broken,
}

struct Element {
    tag: (u16, u16),
    vr: [u8; 2],
    value: u64,
    length: Option<u64>,
}

/// The file's bytes so far, and how long it is as a whole.
struct Bytes<'a> {
    head: &'a [u8],
    total: u64,
}

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
            let next = bytes.skip(&element, total, encoding, 0)?;
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

fn is_pixels(tag: (u16, u16)) -> bool {
    matches!(tag, (0x7FE0, 0x0008..=0x0010))
}

impl Bytes<'_> {
    /// `n` bytes at `at`.
    fn get(&self, at: u64, n: u64) -> Result<&[u8], Stop> {
        let end = at.checked_add(n).ok_or(Stop::Broken)?;
        if end > self.total {
            return Err(Stop::Broken);
        }
        self.head
            .get(at as usize..end as usize)
            .ok_or(Stop::NeedMore)
    }

    fn element(&self, at: u64, encoding: Encoding) -> Result<Element, Stop> {
        let raw = self.get(at, 8)?;
        let u16_at = |i: usize| {
            let pair = [raw[i], raw[i + 1]];
            match encoding.big_endian {
                true => u16::from_be_bytes(pair),
                false => u16::from_le_bytes(pair),
            }
        };
        let tag = (u16_at(0), u16_at(2));
        if tag.0 == 0xFFFE || !encoding.explicit {
            let length = self.u32(at + 4, encoding)?;
            return Ok(Self::sized(tag, [0; 2], at + 8, length));
        }
        let vr = [raw[4], raw[5]];
        if has_short_length(vr) {
            let length = u32::from(u16_at(6));
            return Ok(Self::sized(tag, vr, at + 8, length));
        }
        let length = self.u32(at + 8, encoding)?;
        Ok(Self::sized(tag, vr, at + 12, length))
    }

    fn sized(tag: (u16, u16), vr: [u8; 2], value: u64, length: u32) -> Element {
        Element {
            tag,
            vr,
            value,
            length: (length != u32::MAX).then_some(u64::from(length)),
        }
    }

    fn u32(&self, at: u64, encoding: Encoding) -> Result<u32, Stop> {
        let raw = self.get(at, 4)?;
        let quad = [raw[0], raw[1], raw[2], raw[3]];
        Ok(match encoding.big_endian {
            true => u32::from_be_bytes(quad),
            false => u32::from_le_bytes(quad),
        })
    }

    /// The position after an element's value, everything nested in it checked.
    fn skip(
        &self,
        element: &Element,
        limit: u64,
        encoding: Encoding,
        depth: usize,
    ) -> Result<u64, Stop> {
        // Content of unknown representation is implicit little endian (PS3.5 6.2.2).
        let inner = match &element.vr {
            b"UN" => Encoding::IMPLICIT_LITTLE,
            _ => encoding,
        };
        let Some(length) = element.length else {
            return self.items(element.value, limit, false, inner, depth);
        };
        let end = element.value.checked_add(length).ok_or(Stop::Broken)?;
        if end > limit {
            return Err(Stop::Broken);
        }
        let may_be_sequence = match &element.vr {
            b"SQ" => true,
            [0, 0] => length >= 8 && self.element(element.value, inner)?.tag == ITEM,
            _ => false,
        };
        if may_be_sequence {
            self.items(element.value, end, true, inner, depth)?;
        }
        Ok(end)
    }

    /// The items of a sequence, up to `limit` or, when its length is not declared, its delimiter.
    fn items(
        &self,
        mut at: u64,
        limit: u64,
        sized: bool,
        encoding: Encoding,
        depth: usize,
    ) -> Result<u64, Stop> {
        if depth >= MAX_DEPTH {
            return Err(Stop::Broken);
        }
        loop {
            if sized && at >= limit {
                return Ok(limit);
            }
            let item = self.element(at, encoding)?;
            match (item.tag, item.length) {
                (SEQUENCE_END, _) => return Ok(item.value),
                (ITEM, Some(length)) => {
                    let end = item.value.checked_add(length).ok_or(Stop::Broken)?;
                    if end > limit {
                        return Err(Stop::Broken);
                    }
                    at = self.elements(item.value, end, true, encoding, depth + 1)?;
                }
                (ITEM, None) => {
                    at = self.elements(item.value, limit, false, encoding, depth + 1)?;
                }
                _ => return Err(Stop::Broken),
            }
        }
    }

    /// The elements of an item, up to `limit` or its delimiter.
    fn elements(
        &self,
        mut at: u64,
        limit: u64,
        sized: bool,
        encoding: Encoding,
        depth: usize,
    ) -> Result<u64, Stop> {
        loop {
            if sized && at >= limit {
                return Ok(limit);
            }
            let element = self.element(at, encoding)?;
            if element.tag == ITEM_END {
                return Ok(element.value);
            }
            at = self.skip(&element, limit, encoding, depth)?;
        }
    }
}

/// Value representations whose length field has 16 bits.
fn has_short_length(vr: [u8; 2]) -> bool {
    matches!(
        &vr,
        b"AE"
            | b"AS"
            | b"AT"
            | b"CS"
            | b"DA"
            | b"DS"
            | b"DT"
            | b"FL"
            | b"FD"
            | b"IS"
            | b"LO"
            | b"LT"
            | b"PN"
            | b"SH"
            | b"SL"
            | b"SS"
            | b"ST"
            | b"TM"
            | b"UI"
            | b"UL"
            | b"US"
    )
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
        big_endian: explicit && big < little,
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
