//! The tables of texts: complete, of the same values, without what nobody shows, and drawn by a font that has them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use eframe::egui;
use prosector::session::TEMPLATES;
use prosector::session::operations::OPERATIONS;
use prosector::ui::input::SHORTCUTS;
use prosector::ui::key_profiles::ProfileId;
use prosector::ui::layout::LAYOUTS;
use prosector::ui::tools::TOOLS;
use prosector::volume::{ColourMap, Modality, window::presets};

use super::architecture::sources;

/// Texts of English, and what stands for them in each other language.
fn tables() -> Vec<(String, BTreeMap<String, String>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/texts");
    let files = fs::read_dir(folder).expect("the tables are there");
    let tables: Vec<_> = files
        .map(|file| {
            let path = file.expect("readable entry").path();
            let text = fs::read_to_string(&path).expect("readable table");
            let table = toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            (path.display().to_string(), table)
        })
        .collect();
    assert!(!tables.is_empty(), "there is a language beside English");
    tables
}

/// The string literals of a source with what stands before each, comments left out.
fn literals(source: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let chars: Vec<char> = source.chars().collect();
    let mut at = 0;
    let mut before = String::new();
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('/')) => at += chars[at..].iter().take_while(|c| **c != '\n').count(),
            ('\'', Some('\\')) => {
                at += 2 + chars[at + 2..].iter().take_while(|c| **c != '\'').count();
            }
            ('\'', Some(_)) if chars.get(at + 2) == Some(&'\'') => at += 3,
            ('"', _) => {
                let (text, end) = literal(&chars, at + 1);
                found.push((std::mem::take(&mut before), text));
                at = end;
            }
            (c, _) => {
                before.push(c);
                at += 1;
            }
        }
    }
    found
}

/// The text of a literal that begins here, as the compiler takes it, and where the source goes on.
fn literal(chars: &[char], mut at: usize) -> (String, usize) {
    let mut text = String::new();
    while chars[at] != '"' {
        if chars[at] != '\\' {
            text.push(chars[at]);
            at += 1;
            continue;
        }
        at += 2;
        match chars[at - 1] {
            'n' => text.push('\n'),
            '\n' => at += chars[at..].iter().take_while(|c| c.is_whitespace()).count(),
            'u' => {
                let code: String = chars[at + 1..].iter().take_while(|c| **c != '}').collect();
                at += code.len() + 2;
                let code = u32::from_str_radix(&code, 16).expect("a code");
                text.push(char::from_u32(code).expect("a character"));
            }
            escaped => text.push(escaped),
        }
    }
    (text, at + 1)
}

/// All texts that are shown: those in `tr!`, and those of the tables that menus, panels and forms are made of.
fn shown() -> BTreeSet<String> {
    let mut shown = BTreeSet::new();
    for (file, source) in sources() {
        if file.starts_with("ui/") || file.starts_with("app/desktop/") {
            let of_window = literals(&source).into_iter();
            let is_macro = |before: &str| {
                let before = before.trim_end().strip_suffix("tr!(");
                before.is_some_and(|before| {
                    !before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
                })
            };
            let translated = of_window.filter(|(before, _)| is_macro(before));
            shown.extend(translated.map(|(_, text)| text));
        }
    }
    assert!(shown.len() > 400, "the window's own texts are found");
    let mut add = |text: &str| shown.extend([text.to_owned()]);
    for tool in TOOLS {
        add(tool.title);
        add(tool.hint);
        add(tool.kind.receives());
    }
    for operation in OPERATIONS {
        let [title, hint, step] = [operation.title, operation.hint, operation.step];
        [title, hint, step].into_iter().for_each(&mut add);
        for parameter in operation.parameters() {
            add(parameter.name);
            add(parameter.hint);
            let words = parameter.kind.choices().unwrap_or_default();
            let words = words.iter().filter(|w| w.parse::<f64>().is_err());
            words.for_each(|word| add(word));
        }
    }
    LAYOUTS.iter().for_each(|layout| add(layout.title));
    TEMPLATES.iter().for_each(|t| add(t.title));
    SHORTCUTS.iter().for_each(|s| add(s.action.in_english()));
    ProfileId::all().for_each(|id| add(id.profile().title));
    ColourMap::ALL.iter().for_each(|map| add(map.name()));
    for modality in [Modality::Ct, Modality::Mr, Modality::Pet] {
        presets(modality).iter().for_each(|(name, _)| add(name));
    }
    shown
}

/// The names of the values in a text.
fn values(text: &str) -> BTreeSet<String> {
    let values = text.split('{').skip(1).enumerate();
    values
        .map(|(n, rest)| {
            let end = rest.find(['}', ':']).expect("a value ends");
            match &rest[..end] {
                "" => n.to_string(),
                name => name.to_owned(),
            }
        })
        .collect()
}

#[test]
fn every_text_that_is_shown_is_in_every_language() {
    let shown = shown();
    for (path, table) in tables() {
        let missing: Vec<_> = shown.iter().filter(|t| !table.contains_key(*t)).collect();
        assert!(missing.is_empty(), "{path} lacks {missing:#?}");
    }
}

#[test]
fn no_table_has_what_no_source_says() {
    let mut said = BTreeSet::new();
    for (_, source) in sources() {
        said.extend(literals(&source).into_iter().map(|(_, text)| text));
    }
    for (path, table) in tables() {
        let unused: Vec<_> = table.keys().filter(|text| !said.contains(*text)).collect();
        assert!(unused.is_empty(), "{path} has {unused:#?}");
    }
}

#[test]
fn translations_have_the_values_of_their_texts() {
    for (path, table) in tables() {
        for (english, text) in table {
            assert_eq!(values(&english), values(&text), "{path}: {english}");
            assert!(!text.trim().is_empty(), "{path}: {english}");
        }
    }
}

#[test]
fn the_windows_fonts_have_every_character() {
    let ctx = egui::Context::default();
    prosector::ui::theme::apply(&ctx);
    drop(ctx.run_ui(egui::RawInput::default(), |_| {}));
    for (path, table) in tables() {
        for text in table.values() {
            for font in [
                egui::FontId::proportional(13.0),
                egui::FontId::monospace(12.0),
            ] {
                let lacking =
                    |c: &char| !c.is_control() && !ctx.fonts_mut(|f| f.has_glyph(&font, *c));
                let lacking: String = text.chars().filter(lacking).collect();
                assert!(
                    lacking.is_empty(),
                    "{path}: no glyph for {lacking} of {text}"
                );
            }
        }
    }
    // Names that users give: 肾上腺 and characters of the second level of GB 2312, which the texts do not have.
    let names = "肾上腺髋臼鳞状颞骨";
    assert!(ctx.fonts_mut(|f| f.has_glyphs(&egui::FontId::proportional(13.0), names)));
}
