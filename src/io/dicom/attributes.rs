//! Reading attributes of a data set without ever failing on one of them.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use dicom_encoding::text::{SpecificCharacterSet, TextCodec};

use super::dataset::{DataSet, Entry, Value};

/// The attributes of one data set or sequence item. A value that is absent, empty or not what it
/// should be is `None`. What is written in an unexpected representation is read all the same.
#[derive(Clone, Copy)]
pub(super) struct Attributes<'a>(pub &'a DataSet<'a>);

impl<'a> Attributes<'a> {
    fn entry(self, tag: Tag) -> Option<&'a Entry<'a>> {
        self.0.get(tag)
    }

    /// The bytes of a value that is no sequence.
    pub fn bytes(self, tag: Tag) -> Option<&'a [u8]> {
        match self.entry(tag)?.value {
            Value::Bytes(bytes) => Some(bytes),
            Value::Items(_) => None,
        }
    }

    /// A text without padding; several values joined by backslashes.
    pub fn text(self, tag: Tag) -> Option<String> {
        let entry = self.entry(tag)?;
        if let Some(numbers) = binary_numbers(entry) {
            let words: Vec<_> = numbers.iter().map(f64::to_string).collect();
            return Some(words.join("\\")).filter(|t| !t.is_empty());
        }
        trimmed(&lossy(self.bytes(tag)?))
    }

    /// A text in the characters that the data set declares.
    pub fn decoded_text(self, tag: Tag) -> Option<String> {
        self.decoded_text_of(tag, self)
    }

    /// A text of an item in the characters that its data set `root` declares.
    pub fn decoded_text_of(self, tag: Tag, root: Self) -> Option<String> {
        let declared = root.texts(tags::SPECIFIC_CHARACTER_SET);
        let set = declared
            .iter()
            .find_map(|code| SpecificCharacterSet::from_code(code));
        let decoded = set.and_then(|set| set.decode(self.bytes(tag)?).ok());
        decoded.map_or_else(|| self.text(tag), |text| trimmed(&text))
    }

    /// The value's bytes as text: for private attributes, whose representation may be unknown.
    pub fn raw_text(self, tag: Tag) -> Option<String> {
        Some(lossy(self.bytes(tag)?))
    }

    /// The values of a multi-valued text.
    pub fn texts(self, tag: Tag) -> Vec<String> {
        let text = self.text(tag).unwrap_or_default();
        let values = text.split('\\').map(|v| v.trim().to_owned());
        values.filter(|v| !v.is_empty()).collect()
    }

    /// All numbers of an attribute; `None` if any is not finite.
    pub fn numbers(self, tag: Tag) -> Option<Vec<f64>> {
        let entry = self.entry(tag)?;
        let values = match binary_numbers(entry) {
            Some(numbers) => numbers,
            None => text_numbers(&lossy(self.bytes(tag)?))?,
        };
        let sound = !values.is_empty() && values.iter().all(|v| v.is_finite());
        sound.then_some(values)
    }

    /// Exactly `N` numbers.
    pub fn exactly<const N: usize>(self, tag: Tag) -> Option<[f64; N]> {
        self.numbers(tag)?.try_into().ok()
    }

    /// Distances between rows and between columns, both above zero. One number alone stands for both.
    pub fn spacing(self, tag: Tag) -> Option<[f64; 2]> {
        let spacing = match *self.numbers(tag)? {
            [both] => [both; 2],
            [rows, columns, ..] => [rows, columns],
            [] => return None,
        };
        spacing.iter().all(|&mm| mm > 0.0).then_some(spacing)
    }

    /// The first number.
    pub fn number(self, tag: Tag) -> Option<f64> {
        self.numbers(tag)?.first().copied()
    }

    /// The first value as a whole number.
    pub fn integer(self, tag: Tag) -> Option<i64> {
        let number = self.number(tag)?;
        (number.abs() < 9e15).then_some(number as i64)
    }

    /// Tags that an attribute names.
    pub fn tags(self, tag: Tag) -> Vec<Tag> {
        let Some(entry) = self.entry(tag) else {
            return Vec::new();
        };
        let word = |c: &[u8]| match entry.big_endian {
            true => u16::from_be_bytes([c[0], c[1]]),
            false => u16::from_le_bytes([c[0], c[1]]),
        };
        let bytes = self.bytes(tag).unwrap_or_default();
        let quads = bytes.chunks_exact(4);
        quads.map(|q| Tag(word(&q[..2]), word(&q[2..]))).collect()
    }

    /// Whether the attribute is there with a value.
    pub fn has(self, tag: Tag) -> bool {
        self.entry(tag).is_some_and(|e| match &e.value {
            Value::Bytes(bytes) => !bytes.is_empty(),
            Value::Items(items) => !items.is_empty(),
        })
    }

    /// The items of a sequence.
    pub fn items(self, tag: Tag) -> &'a [DataSet<'a>] {
        match self.entry(tag).map(|e| &e.value) {
            Some(Value::Items(items)) => items,
            _ => &[],
        }
    }

    /// The first item of a sequence.
    pub fn item(self, tag: Tag) -> Option<Self> {
        self.items(tag).first().map(Attributes)
    }

    /// The tag of a private attribute: its block is the one that `creator` reserved; without any reservation the
    /// usual first one, as some programs remove those.
    pub fn private(self, group: u16, creator: &str, element: u8) -> Option<Tag> {
        let named = |block: u16| self.text(Tag(group, block));
        let mut blocks = (0x10..=0xFF_u16).filter_map(|block| Some((block, named(block)?)));
        let mut any = false;
        let own = blocks.find(|(_, name)| {
            any = true;
            name.eq_ignore_ascii_case(creator)
        });
        let block = match own {
            Some((block, _)) => block,
            None if any => return None,
            None => 0x10,
        };
        Some(Tag(group, (block << 8) | u16::from(element)))
    }
}

/// The numbers of a binary value; `None` where the value is text.
fn binary_numbers(entry: &Entry) -> Option<Vec<f64>> {
    let Value::Bytes(bytes) = entry.value else {
        return None;
    };
    let big = entry.big_endian;
    match entry.vr() {
        VR::US | VR::OW => Some(each(bytes, big, |b| f64::from(u16::from_le_bytes(b)))),
        VR::SS => Some(each(bytes, big, |b| f64::from(i16::from_le_bytes(b)))),
        VR::UL | VR::OL => Some(each(bytes, big, |b| f64::from(u32::from_le_bytes(b)))),
        VR::SL => Some(each(bytes, big, |b| f64::from(i32::from_le_bytes(b)))),
        VR::FL | VR::OF => Some(each(bytes, big, |b| f64::from(f32::from_le_bytes(b)))),
        VR::FD | VR::OD => Some(each(bytes, big, f64::from_le_bytes)),
        VR::UV | VR::OV => Some(each(bytes, big, |b| u64::from_le_bytes(b) as f64)),
        VR::SV => Some(each(bytes, big, |b| i64::from_le_bytes(b) as f64)),
        _ => None,
    }
}

fn each<const N: usize>(bytes: &[u8], big_endian: bool, number: fn([u8; N]) -> f64) -> Vec<f64> {
    let words = bytes.as_chunks::<N>().0.iter().copied();
    let little = words.map(|mut word| {
        if big_endian {
            word.reverse();
        }
        number(word)
    });
    little.collect()
}

/// Numbers written as text, in the spellings that are met.
fn text_numbers(text: &str) -> Option<Vec<f64>> {
    let text = trimmed(text)?;
    let text = text.trim_end_matches(['\\', ' ', '\0']);
    let values: Option<Vec<f64>> = text.split('\\').map(number).collect();
    // Blanks in place of backslashes.
    values.or_else(|| {
        text.split(['\\', ' '])
            .filter(|w| !w.is_empty())
            .map(number)
            .collect()
    })
}

fn number(word: &str) -> Option<f64> {
    let word = word.trim_matches(is_padding);
    let parsed = word.parse();
    // A decimal comma, or Fortran's mark of an exponent.
    parsed
        .or_else(|_| word.replacen(',', ".", 1).replace(['d', 'D'], "e").parse())
        .ok()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn is_padding(c: char) -> bool {
    c.is_whitespace() || c == '\0'
}

fn trimmed(text: &str) -> Option<String> {
    let text = text.trim_matches(is_padding);
    (!text.is_empty()).then(|| text.to_owned())
}
