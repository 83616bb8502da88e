//! The headers of elements in a data set, read without trusting any length in them.

use super::syntax::Encoding;

pub(super) const ITEM: (u16, u16) = (0xFFFE, 0xE000);
pub(super) const ITEM_END: (u16, u16) = (0xFFFE, 0xE00D);
const SEQUENCE_END: (u16, u16) = (0xFFFE, 0xE0DD);

/// Sequences of undefined length nested deeper than this are refused: no real object has them, and following them
/// recurses.
const MAX_DEPTH: usize = 64;

/// Why no element could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The bytes at hand end first: read more of the file.
    NeedMore,
    /// It reaches past the end of the file or makes no sense.
    Broken,
}

/// An element: what it is and where its value is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element {
    /// Group and element.
    pub tag: (u16, u16),
    /// Value representation as written; zeros where it is implicit.
    pub vr: [u8; 2],
    /// First byte of the value.
    pub value: u64,
    /// Declared length of the value; `None` where a delimiter ends it.
    pub length: Option<u64>,
}

impl Element {
    /// Whether the value, if its length is undefined, comes in fragments of bytes rather than items of elements.
    fn is_fragmented(&self) -> bool {
        is_pixels(self.tag) || matches!(&self.vr, b"OB" | b"OW" | b"OF" | b"OD" | b"OL" | b"OV")
    }
}

/// Whether this is an element that holds pixel values.
pub(super) fn is_pixels(tag: (u16, u16)) -> bool {
    matches!(tag, (0x7FE0, 0x0008..=0x0010))
}

/// The bytes of a stream so far, and how long it is as a whole.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a> {
    pub head: &'a [u8],
    pub total: u64,
}

impl<'a> Bytes<'a> {
    /// `n` bytes at `at`.
    pub fn get(&self, at: u64, n: u64) -> Result<&'a [u8], Stop> {
        let end = at.checked_add(n).ok_or(Stop::Broken)?;
        if end > self.total {
            return Err(Stop::Broken);
        }
        self.head
            .get(at as usize..end as usize)
            .ok_or(Stop::NeedMore)
    }

    /// The element that begins at `at`.
    pub fn element(&self, at: u64, encoding: Encoding) -> Result<Element, Stop> {
        let raw = self.get(at, 8)?;
        let u16_at = |i: usize| {
            let pair = [raw[i], raw[i + 1]];
            match encoding.big_endian {
                true => u16::from_be_bytes(pair),
                false => u16::from_le_bytes(pair),
            }
        };
        let tag = (u16_at(0), u16_at(2));
        let vr = [raw[4], raw[5]];
        let short = |length: u32| Self::sized(tag, vr, at + 8, length);
        let implicit = |length: u32| Self::sized(tag, [0; 2], at + 8, length);
        if tag.0 == 0xFFFE || !encoding.explicit {
            return Ok(implicit(self.u32(at + 4, encoding)?));
        }
        if has_short_length(vr) {
            return Ok(short(u32::from(u16_at(6))));
        }
        if !vr.iter().all(u8::is_ascii_uppercase) {
            // Some writers leave the representation out in places; others put question marks there.
            let length = self.u32(at + 4, encoding)?;
            if at + 8 + u64::from(length) <= self.total {
                return Ok(implicit(length));
            }
        }
        if !has_long_length(vr) && u16_at(6) != 0 {
            return Ok(short(u32::from(u16_at(6))));
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

    /// How the items of a sequence are laid out. Content of unknown representation is implicit little endian
    /// (PS3.5 6.2.2), though some writers keep it explicit.
    pub fn inner_encoding(&self, element: &Element, outer: Encoding) -> Result<Encoding, Stop> {
        if &element.vr != b"UN" {
            return Ok(outer);
        }
        let implicit = Encoding::IMPLICIT_LITTLE;
        let item = match self.element(element.value, implicit) {
            Ok(item) => item,
            Err(Stop::NeedMore) => return Err(Stop::NeedMore),
            Err(Stop::Broken) => return Ok(implicit),
        };
        let first = match self.get(item.value, 8) {
            Ok(first) => [first[4], first[5]],
            Err(Stop::NeedMore) => return Err(Stop::NeedMore),
            Err(Stop::Broken) => return Ok(implicit),
        };
        Ok(match has_short_length(first) || has_long_length(first) {
            true => Encoding::EXPLICIT_LITTLE,
            false => implicit,
        })
    }

    /// The position after an element's value, its delimiter included.
    pub fn after(
        &self,
        element: &Element,
        limit: u64,
        encoding: Encoding,
        depth: usize,
    ) -> Result<u64, Stop> {
        match element.length {
            Some(length) => self.end(element.value, length, limit),
            None if element.is_fragmented() => self.after_fragments(element.value, limit, encoding),
            None => {
                let inner = self.inner_encoding(element, encoding)?;
                self.after_items(element.value, limit, inner, depth)
            }
        }
    }

    fn end(&self, at: u64, length: u64, limit: u64) -> Result<u64, Stop> {
        let end = at.checked_add(length).ok_or(Stop::Broken)?;
        if end > limit {
            return Err(Stop::Broken);
        }
        Ok(end)
    }

    fn after_fragments(&self, mut at: u64, limit: u64, encoding: Encoding) -> Result<u64, Stop> {
        loop {
            let item = self.element(at, encoding)?;
            match (item.tag, item.length) {
                (SEQUENCE_END, _) => return Ok(item.value),
                (ITEM, Some(length)) => at = self.end(item.value, length, limit)?,
                _ => return Err(Stop::Broken),
            }
        }
    }

    fn after_items(
        &self,
        mut at: u64,
        limit: u64,
        encoding: Encoding,
        depth: usize,
    ) -> Result<u64, Stop> {
        loop {
            let item = self.element(at, encoding)?;
            match item.tag {
                SEQUENCE_END => return Ok(item.value),
                ITEM => at = self.after_item(&item, limit, encoding, depth)?.1,
                _ => return Err(Stop::Broken),
            }
        }
    }

    /// Where the elements of an item end, and where the next item begins.
    pub fn after_item(
        &self,
        item: &Element,
        limit: u64,
        encoding: Encoding,
        depth: usize,
    ) -> Result<(u64, u64), Stop> {
        if let Some(length) = item.length {
            let end = self.end(item.value, length, limit)?;
            return Ok((end, end));
        }
        if depth >= MAX_DEPTH {
            return Err(Stop::Broken);
        }
        let mut at = item.value;
        loop {
            let element = self.element(at, encoding)?;
            match element.tag {
                ITEM_END => return Ok((at, element.value)),
                // The item's own delimiter was forgotten.
                SEQUENCE_END => return Ok((at, at)),
                _ => at = self.after(&element, limit, encoding, depth + 1)?,
            }
        }
    }
}

/// Value representations whose length field has 16 bits.
pub(super) fn has_short_length(vr: [u8; 2]) -> bool {
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

/// Value representations whose length field has 32 bits, after two bytes of zeros.
fn has_long_length(vr: [u8; 2]) -> bool {
    matches!(
        &vr,
        b"OB"
            | b"OD"
            | b"OF"
            | b"OL"
            | b"OV"
            | b"OW"
            | b"SQ"
            | b"SV"
            | b"UC"
            | b"UN"
            | b"UR"
            | b"UT"
            | b"UV"
    )
}
