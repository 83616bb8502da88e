//! Elements as bytes.

use dicom_core::{Tag, VR};

use super::super::element::has_short_length;
use super::super::syntax::Encoding;

const ITEM: u32 = 0xFFFE_E000;
const ITEM_END: u32 = 0xFFFE_E00D;
const SEQUENCE_END: u32 = 0xFFFE_E0DD;

/// Elements written one after the other. Sequences and items end by delimiters.
pub(super) struct Encoder {
    encoding: Encoding,
    out: Vec<u8>,
}

impl Encoder {
    pub fn new(encoding: Encoding) -> Self {
        let out = Vec::new();
        Self { encoding, out }
    }

    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    /// An element whose value is in this encoding's byte order.
    pub fn element(&mut self, tag: Tag, vr: VR, value: &[u8]) {
        let padding = match vr {
            VR::UI | VR::OB | VR::UN => 0,
            _ => b' ',
        };
        let is_odd = !value.len().is_multiple_of(2);
        let length = value.len() + usize::from(is_odd);
        self.head(tag, vr, length as u32);
        self.out.extend_from_slice(value);
        if is_odd {
            self.out.push(padding);
        }
    }

    /// A text, by tag and representation.
    pub fn text(&mut self, tag: u32, vr: &str, value: &str) {
        self.binary(tag, vr, value.as_bytes());
    }

    /// Bytes, by tag and representation.
    pub fn binary(&mut self, tag: u32, vr: &str, value: &[u8]) {
        let vr = vr.parse().unwrap_or(VR::UN);
        self.element(split(tag), vr, value);
    }

    pub fn start_sequence(&mut self, tag: Tag) {
        self.head(tag, VR::SQ, u32::MAX);
    }

    pub fn start_item(&mut self) {
        self.delimiter(ITEM, u32::MAX);
    }

    pub fn end_item(&mut self) {
        self.delimiter(ITEM_END, 0);
    }

    pub fn end_sequence(&mut self) {
        self.delimiter(SEQUENCE_END, 0);
    }

    /// Elements that were encoded alike.
    pub fn append(&mut self, other: Self) {
        self.out.extend(other.out);
    }

    fn delimiter(&mut self, tag: u32, length: u32) {
        self.tag(split(tag));
        self.u32(length);
    }

    /// Tag, representation and length of an element.
    pub fn head(&mut self, tag: Tag, vr: VR, length: u32) {
        self.tag(tag);
        if !self.encoding.explicit {
            return self.u32(length);
        }
        let letters = vr.to_string().as_bytes();
        let is_short = has_short_length([letters[0], letters[1]]);
        match u16::try_from(length) {
            Ok(length) if is_short => {
                self.out.extend_from_slice(letters);
                self.u16(length);
            }
            _ => {
                // What is too long for its representation is written as unknown (PS3.5 6.2.2).
                self.out
                    .extend_from_slice(if is_short { b"UN" } else { letters });
                self.u16(0);
                self.u32(length);
            }
        }
    }

    fn tag(&mut self, tag: Tag) {
        self.u16(tag.group());
        self.u16(tag.element());
    }

    fn u16(&mut self, value: u16) {
        self.out.extend(match self.encoding.big_endian {
            true => value.to_be_bytes(),
            false => value.to_le_bytes(),
        });
    }

    fn u32(&mut self, value: u32) {
        self.out.extend(match self.encoding.big_endian {
            true => value.to_be_bytes(),
            false => value.to_le_bytes(),
        });
    }
}

/// A tag in one number as group and element.
pub(super) fn split(tag: u32) -> Tag {
    Tag((tag >> 16) as u16, tag as u16)
}
