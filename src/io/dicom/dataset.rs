//! The elements of a data set as a tree. Values stay where they are in the file's bytes, so a tree takes a few times
//! the room of its elements' headers, whatever lengths they declare.

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::StandardDataDictionary;

use super::element::{Bytes, Element, ITEM, Stop};
use super::syntax::Encoding;

/// Sequences nested deeper than this are left unread.
const MAX_DEPTH: usize = 16;

/// The elements of one level, ascending by tag.
#[derive(Debug, Default)]
pub(super) struct DataSet<'a> {
    entries: Vec<Entry<'a>>,
}

/// One element.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub tag: Tag,
    /// As written; `None` where it is implicit, unknown or says nothing.
    written: Option<VR>,
    /// Most significant byte first.
    pub big_endian: bool,
    pub value: Value<'a>,
}

/// What an element holds.
#[derive(Debug)]
pub(super) enum Value<'a> {
    Bytes(&'a [u8]),
    Items(Vec<DataSet<'a>>),
}

impl<'a> DataSet<'a> {
    /// Reads all elements in `bytes`; the flag says whether all of them make sense. What was read before one that does
    /// not is kept.
    pub fn parse(bytes: &'a [u8], encoding: Encoding) -> (Self, bool) {
        let parser = Parser(Bytes {
            head: bytes,
            total: bytes.len() as u64,
        });
        parser.level(0, bytes.len() as u64, encoding, 0)
    }

    /// All elements, ascending by tag; of several with one tag the last.
    pub fn entries(&self) -> Vec<&Entry<'a>> {
        let next = |n: usize| self.entries.get(n + 1).map(|e| e.tag);
        let all = self.entries.iter().enumerate();
        let kept = all.filter(|(n, e)| next(*n) != Some(e.tag));
        kept.map(|(_, e)| e).collect()
    }

    /// The element with this tag; the last of several.
    pub fn get(&self, tag: Tag) -> Option<&Entry<'a>> {
        let after = self.entries.partition_point(|e| e.tag <= tag);
        self.entries[..after].last().filter(|e| e.tag == tag)
    }
}

impl Entry<'_> {
    /// How the value is laid out: as written, or else as the standard's dictionary has it.
    pub fn layout(&self) -> VR {
        self.written.unwrap_or_else(|| self.vr())
    }

    /// How to read the value: as written, or else as the standard's dictionary has it.
    pub fn vr(&self) -> VR {
        let in_dictionary = || dictionary_vr(self.tag);
        match self.written {
            // Some programs write what they do not know as bytes.
            Some(vr @ (VR::OB | VR::OW)) => in_dictionary().unwrap_or(vr),
            Some(vr) => vr,
            None => in_dictionary().unwrap_or(VR::UN),
        }
    }
}

fn dictionary_vr(tag: Tag) -> Option<VR> {
    let entry = StandardDataDictionary.by_tag(tag)?;
    Some(entry.vr().relaxed())
}

struct Parser<'a>(Bytes<'a>);

impl<'a> Parser<'a> {
    fn level(
        &self,
        mut at: u64,
        end: u64,
        encoding: Encoding,
        depth: usize,
    ) -> (DataSet<'a>, bool) {
        let mut entries: Vec<Entry<'a>> = Vec::new();
        let mut is_sound = true;
        while at < end {
            let step = self.0.element(at, encoding).and_then(|element| {
                let next = self.0.after(&element, end, encoding, depth)?;
                Ok((self.entry(&element, next, encoding, depth)?, next))
            });
            match step {
                Ok((entry, next)) => {
                    entries.push(entry);
                    at = next;
                }
                Err(_) => {
                    is_sound = false;
                    break;
                }
            }
        }
        entries.sort_by_key(|e| e.tag);
        entries.shrink_to_fit();
        (DataSet { entries }, is_sound)
    }

    fn entry(
        &self,
        element: &Element,
        next: u64,
        encoding: Encoding,
        depth: usize,
    ) -> Result<Entry<'a>, Stop> {
        let value = match self.is_sequence(element) && depth < MAX_DEPTH {
            true => {
                let inner = self.0.inner_encoding(element, encoding)?;
                Value::Items(self.items(element.value, next, inner, depth + 1))
            }
            false => {
                let length = element.length.unwrap_or(next - element.value);
                Value::Bytes(self.0.get(element.value, length)?)
            }
        };
        Ok(Entry {
            tag: Tag(element.tag.0, element.tag.1),
            written: VR::from_binary(element.vr).filter(|&vr| vr != VR::UN),
            big_endian: encoding.big_endian,
            value,
        })
    }

    /// Private sequences are left unread: nothing of them is needed.
    fn is_sequence(&self, element: &Element) -> bool {
        if !element.tag.0.is_multiple_of(2) {
            return false;
        }
        match &element.vr {
            b"SQ" => true,
            [0, 0] | b"UN" => {
                let tag = Tag(element.tag.0, element.tag.1);
                dictionary_vr(tag) == Some(VR::SQ)
            }
            _ => false,
        }
    }

    /// The items up to `end`, or to what makes no sense.
    fn items(&self, mut at: u64, end: u64, encoding: Encoding, depth: usize) -> Vec<DataSet<'a>> {
        let mut items = Vec::new();
        while at < end {
            let Ok(item) = self.0.element(at, encoding) else {
                break;
            };
            if item.tag != ITEM {
                break;
            }
            let Ok((last, next)) = self.0.after_item(&item, end, encoding, depth) else {
                break;
            };
            items.push(self.level(item.value, last, encoding, depth).0);
            at = next;
        }
        items
    }
}
