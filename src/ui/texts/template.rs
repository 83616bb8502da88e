//! Texts with values in them, as Rust's formats have them: `{name}`, `{0}`, `{}`, each perhaps with a format.

use std::borrow::Cow;

/// In a translation, `{name:text}` is a value that is a text of ours itself, to be translated too.
const IS_TEXT: &str = "text";

/// A part of a text.
enum Part<'a> {
    Words(&'a str),
    /// A value: its name and its format.
    Value(&'a str, &'a str),
}

/// The parts of a text, in order. A brace that is written twice is not known here: our texts have none.
fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    text.split_inclusive('}').flat_map(|piece| {
        let (words, value) = match piece.strip_suffix('}').and_then(|p| p.split_once('{')) {
            Some((words, value)) => (words, Some(value)),
            None => (piece, None),
        };
        let value = value.map(|value| {
            let (name, format) = value.split_once(':').unwrap_or((value, ""));
            Part::Value(name, format)
        });
        let words = (!words.is_empty()).then_some(Part::Words(words));
        words.into_iter().chain(value)
    })
}

/// The text with a value for each name; a name without one stays as it is written.
pub(super) fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let filled = parts(text).map(|part| match part {
        Part::Words(words) => words.to_owned(),
        Part::Value(name, format) => match value(name) {
            Some(value) if format == IS_TEXT => super::worded(&value),
            Some(value) => value,
            None => format!("{{{name}}}"),
        },
    });
    filled.collect()
}

/// A text with values, to be found again in what was made of it.
pub(super) struct Template<'a> {
    first: &'a str,
    /// Each value's name, and the words that follow it.
    rest: Vec<(Cow<'a, str>, &'a str)>,
}

impl<'a> Template<'a> {
    /// Fewer letters than these could be of any text.
    const FEWEST_LETTERS: usize = 8;

    /// `None` for a text without values, or with too few words to be known by them.
    pub fn new(text: &'a str) -> Option<Self> {
        let mut template = Self {
            first: "",
            rest: Vec::new(),
        };
        for part in parts(text) {
            match (part, template.rest.last_mut()) {
                (Part::Words(words), None) => template.first = words,
                (Part::Words(words), Some((_, after))) => *after = words,
                (Part::Value("", _), _) => {
                    let place = template.rest.len().to_string();
                    template.rest.push((Cow::Owned(place), ""));
                }
                (Part::Value(name, _), _) => template.rest.push((Cow::Borrowed(name), "")),
            }
        }
        let words = std::iter::once(template.first).chain(template.rest.iter().map(|(_, w)| *w));
        let letters = words.flat_map(str::chars).filter(|c| c.is_alphabetic());
        let is_known = letters.count() >= Self::FEWEST_LETTERS && !template.rest.is_empty();
        is_known.then_some(template)
    }

    /// How many bytes of words it has.
    pub fn words_length(&self) -> usize {
        let after: usize = self.rest.iter().map(|(_, words)| words.len()).sum();
        self.first.len() + after
    }

    /// The values in a text that was made of this one; `None` where it was not.
    pub fn values_in<'b>(&self, text: &'b str) -> Option<Vec<(&str, &'b str)>> {
        let mut text = text.strip_prefix(self.first)?;
        let mut values = Vec::new();
        let (last, middle) = self.rest.split_last()?;
        for (name, words) in middle {
            let (value, after) = text.split_once(words)?;
            values.push((&**name, value));
            text = after;
        }
        let (name, words) = last;
        values.push((&**name, text.strip_suffix(words)?));
        Some(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_of_a_text_gives_its_values_back() {
        let template = Template::new("{} of {name} labels ({mm:.1} mm)").expect("has words");
        let values = template.values_in("3 of 17 labels (0.5 mm)");
        assert_eq!(
            values,
            Some(vec![("0", "3"), ("name", "17"), ("mm", "0.5")])
        );
        assert_eq!(template.values_in("3 of 17 labels"), None);
        assert!(Template::new("{a}: {b}").is_none() && Template::new("Labels").is_none());
    }

    #[test]
    fn values_are_filled_in_by_name_in_any_order() {
        let value = |name: &str| (name != "c").then(|| name.to_uppercase());
        assert_eq!(fill("{b} 之 {a}, {c}", value), "B 之 A, {c}");
    }
}
