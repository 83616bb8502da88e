//! The window's texts in the user's language.
//!
//! In the source they stand in English; a table a language (`assets/texts/`) has what stands for each. [`tr!`] is for texts
//! of the window itself, [`of`] for those that other tables hold, and [`worded`] for the sentences of the layers below,
//! which the command line says in English. What has no translation stays English; a test says what lacks one.

mod language;
mod template;

use std::cell::Cell;
use std::fmt::Display;

pub use language::LanguageId;

thread_local! {
    /// The language of the window that this thread draws.
    static SPOKEN: Cell<LanguageId> = const { Cell::new(LanguageId::ENGLISH) };
}

/// A text of the window, in its language: `tr!("Open")`, or with values `tr!("{n} labels", n)`, `tr!("{n} of {all}", n, all =
/// labels.len())`. A value that wants a format has it where it is given: `mm = format_args!("{mm:.1}")`.
macro_rules! tr {
    ($text:literal) => {
        $crate::ui::texts::of($text)
    };
    ($text:literal, $($name:ident $(= $value:expr)?),+ $(,)?) => {
        match $crate::ui::texts::translation($text) {
            None => format!($text, $($name = $crate::ui::texts::value!($name $($value)?)),+),
            Some(template) => $crate::ui::texts::filled(
                template,
                &[$((stringify!($name), $crate::ui::texts::value!($name $($value)?))),+],
            ),
        }
    };
}
/// The value of a name in [`tr!`]: what is given, else what is called so.
macro_rules! value {
    ($name:ident) => {
        &$name
    };
    ($name:ident $value:expr) => {
        &$value
    };
}
pub(crate) use {tr, value};

/// What is drawn by this thread from now on is in this language.
pub fn speak(language: LanguageId) {
    SPOKEN.set(language);
}

/// What stands for a text in the language that is spoken; `None` where it is English, or not translated.
pub(crate) fn translation(text: &str) -> Option<&'static str> {
    SPOKEN.get().texts()?.exact(text)
}

/// A text that some table has in English, in the language that is spoken.
pub fn of(text: &'static str) -> &'static str {
    translation(text).unwrap_or(text)
}

/// A sentence of a layer below, such as an error, in the language that is spoken: known by its words, whatever values
/// stand in it. As it is where it is not known.
pub fn worded(text: &str) -> String {
    let found = SPOKEN.get().texts().and_then(|texts| texts.worded(text));
    found.unwrap_or_else(|| text.to_owned())
}

/// A translated text with its values.
pub(crate) fn filled(template: &str, values: &[(&str, &dyn Display)]) -> String {
    template::fill(template, |name| {
        let value = values.iter().find(|(known, _)| *known == name);
        value.map(|(_, value)| value.to_string())
    })
}
