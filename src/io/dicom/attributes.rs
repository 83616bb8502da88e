//! Reading attributes of a data set without ever failing on one of them.

use dicom_core::Tag;
use dicom_object::InMemDicomObject;

/// The attributes of one data set or sequence item. A value that is absent, empty or not what it
/// should be is `None`.
#[derive(Clone, Copy)]
pub(super) struct Attributes<'a>(pub &'a InMemDicomObject);

impl<'a> Attributes<'a> {
    /// A text without padding; several values joined by backslashes.
    pub fn text(self, tag: Tag) -> Option<String> {
        let raw = self.0.get(tag)?.to_str().ok()?;
        let text = raw.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The value's bytes as text: for private attributes, whose representation may be unknown.
    pub fn raw_text(self, tag: Tag) -> Option<String> {
        let bytes = self.0.get(tag)?.to_bytes().ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The values of a multi-valued text.
    pub fn texts(self, tag: Tag) -> Vec<String> {
        let text = self.text(tag).unwrap_or_default();
        let values = text.split('\\').map(|v| v.trim().to_owned());
        values.filter(|v| !v.is_empty()).collect()
    }

    /// All numbers of an attribute; `None` if any is not finite.
    pub fn numbers(self, tag: Tag) -> Option<Vec<f64>> {
        let values = self.0.get(tag)?.to_multi_float64().ok()?;
        let sound = !values.is_empty() && values.iter().all(|v| v.is_finite());
        sound.then_some(values)
    }

    /// Exactly `N` numbers.
    pub fn exactly<const N: usize>(self, tag: Tag) -> Option<[f64; N]> {
        self.numbers(tag)?.try_into().ok()
    }

    /// The first number.
    pub fn number(self, tag: Tag) -> Option<f64> {
        self.numbers(tag)?.first().copied()
    }

    /// The first value as a whole number.
    pub fn integer(self, tag: Tag) -> Option<i64> {
        self.0.get(tag)?.to_int::<i64>().ok()
    }

    /// Whether the attribute is there with a value.
    pub fn has(self, tag: Tag) -> bool {
        self.0.get(tag).is_some_and(|e| {
            e.items()
                .map_or_else(|| !e.value().is_empty_value(), |i| !i.is_empty())
        })
    }

    /// The items of a sequence.
    pub fn items(self, tag: Tag) -> &'a [InMemDicomObject] {
        self.0.get(tag).and_then(|e| e.items()).unwrap_or_default()
    }

    /// The first item of a sequence.
    pub fn item(self, tag: Tag) -> Option<Self> {
        self.items(tag).first().map(Attributes)
    }
}

/// Whether a value has no bytes.
trait EmptyValue {
    fn is_empty_value(&self) -> bool;
}

impl<I, P> EmptyValue for dicom_core::DicomValue<I, P> {
    fn is_empty_value(&self) -> bool {
        self.primitive()
            .is_some_and(|p| p.calculate_byte_len() == 0)
    }
}
