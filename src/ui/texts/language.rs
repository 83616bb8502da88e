//! The languages: a line and a table of texts each.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::template::{self, Template};

/// A language.
struct Language {
    /// As the system calls it: the beginning of `zh_CN.UTF-8`, `zh-Hans-CN`.
    id: &'static str,
    /// What it calls itself.
    title: &'static str,
    /// What stands for the English texts; `None`: those themselves.
    texts: Option<LazyLock<Texts>>,
}

static LANGUAGES: [Language; 2] = [
    Language {
        id: "en",
        title: "English",
        texts: None,
    },
    Language {
        id: "zh",
        title: "简体中文",
        texts: Some(LazyLock::new(|| {
            Texts::parse(include_str!("../../../assets/texts/zh.toml"))
        })),
    },
];

/// Chooses a language; English where nothing else is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct LanguageId(usize);

impl LanguageId {
    /// That of the source.
    pub const ENGLISH: Self = Self(0);

    /// All of them, in the order of menus.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..LANGUAGES.len()).map(Self)
    }

    /// The language of a locale such as `zh_CN.UTF-8`; English where there is none of it.
    pub fn of_locale(locale: &str) -> Self {
        let end = locale.find(|c: char| !c.is_ascii_alphabetic());
        let id = &locale[..end.unwrap_or(locale.len())];
        let known = LANGUAGES.iter().position(|l| l.id.eq_ignore_ascii_case(id));
        known.map_or(Self::ENGLISH, Self)
    }

    /// What it calls itself.
    pub fn title(self) -> &'static str {
        LANGUAGES[self.0].title
    }

    /// Its texts, by the English ones; `None` for English.
    pub(super) fn texts(self) -> Option<&'static Texts> {
        LANGUAGES[self.0].texts.as_deref()
    }
}

impl From<String> for LanguageId {
    fn from(id: String) -> Self {
        Self::of_locale(&id)
    }
}

impl From<LanguageId> for String {
    fn from(id: LanguageId) -> Self {
        LANGUAGES[id.0].id.to_owned()
    }
}

/// The texts of a language.
pub(super) struct Texts {
    exact: HashMap<&'static str, &'static str>,
    /// Those with values in them, the ones with most words first: a sentence is rather that than a shorter one.
    templates: Vec<(Template<'static>, &'static str)>,
}

impl Texts {
    /// The table of a file that is compiled in: English texts and what stands for them.
    fn parse(file: &'static str) -> Self {
        let table: HashMap<String, String> =
            toml::from_str(file).expect("a table of texts, as a test says");
        let leaked = table.into_iter().map(|(english, text)| {
            let [english, text]: [&'static str; 2] = [english.leak(), text.leak()];
            (english, text)
        });
        let exact: HashMap<_, _> = leaked.collect();
        let mut templates: Vec<_> = exact
            .iter()
            .filter_map(|(english, text)| Some((Template::new(english)?, *text)))
            .collect();
        templates.sort_by_key(|(template, _)| std::cmp::Reverse(template.words_length()));
        Self { exact, templates }
    }

    /// What stands for exactly this text.
    pub fn exact(&self, text: &str) -> Option<&'static str> {
        self.exact.get(text).copied()
    }

    /// What stands for a text with values in it; sentences of layers below may have been begun with a capital since.
    pub fn worded(&self, text: &str) -> Option<String> {
        let found = |text: &str| {
            let exact = self.exact(text).map(ToOwned::to_owned);
            exact.or_else(|| self.by_template(text))
        };
        found(text).or_else(|| found(&with_small_initial(text)?))
    }

    fn by_template(&self, text: &str) -> Option<String> {
        self.templates.iter().find_map(|(template, translated)| {
            let values = template.values_in(text)?;
            Some(template::fill(translated, |name| {
                let value = values.iter().find(|(known, _)| *known == name);
                value.map(|(_, value)| (*value).to_owned())
            }))
        })
    }
}

/// The text as part of a line; `None` where it is one already.
fn with_small_initial(text: &str) -> Option<String> {
    let mut chars = text.chars();
    let first = chars.next().filter(|c| c.is_uppercase())?;
    Some(first.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_says_its_language_and_english_is_for_all_others() {
        let chinese = LanguageId(1);
        for locale in ["zh_CN.UTF-8", "zh-Hans-CN", "zh", "ZH_TW"] {
            assert_eq!(LanguageId::of_locale(locale), chinese, "{locale}");
        }
        for locale in ["de_DE.UTF-8", "C", "", "zhe"] {
            assert_eq!(
                LanguageId::of_locale(locale),
                LanguageId::ENGLISH,
                "{locale}"
            );
        }
        assert_eq!(LanguageId::from(String::from(chinese)), chinese);
    }
}
