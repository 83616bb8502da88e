//! Table E.1-1 of PS3.15 (2026c), in `profile.tsv`: what the basic profile does to which attribute. Curves (50xx),
//! overlays (60xx) and private attributes are ranges, and in `rules.rs`.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::rules::Action;

/// The action of an attribute, by its group and element in one number; `None` where the table does not name it.
pub(super) fn of(tag: u32) -> Option<Action> {
    TABLE.get(&tag).copied()
}

static TABLE: LazyLock<HashMap<u32, Action>> = LazyLock::new(|| {
    let lines = include_str!("profile.tsv").lines();
    lines.filter_map(row).collect()
});

/// `0010,0010`, letters, name, between tabs.
fn row(line: &str) -> Option<(u32, Action)> {
    let mut cells = line.split('\t');
    let (tag, letters) = (cells.next()?.replace(',', ""), cells.next()?);
    Some((u32::from_str_radix(&tag, 16).ok()?, action(letters)?))
}

/// The action that the table's letters stand for. Where it leaves a choice to the object's definition, what keeps every
/// object valid is done: `X/D`, `Z/D` and `X/Z/D` give a dummy, `X/Z` nothing, and of `X/Z/U*`, a list of references, the
/// UIDs inside are replaced.
fn action(letters: &str) -> Option<Action> {
    Some(match letters {
        "X" => Action::Remove,
        "Z" | "X/Z" => Action::Empty,
        "U" => Action::NewUid,
        "D" | "X/D" | "Z/D" | "X/Z/D" => Action::Dummy,
        "X/Z/U*" => Action::Keep,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Action, TABLE, of};

    #[test]
    fn every_line_of_the_table_is_read() {
        assert_eq!(include_str!("profile.tsv").lines().count(), 652);
        assert_eq!(TABLE.len(), 652);
        // Patient's name and birth date, address, study UID, series date, references, modality.
        assert_eq!(of(0x0010_0010), Some(Action::Empty));
        assert_eq!(of(0x0010_0030), Some(Action::Empty));
        assert_eq!(of(0x0010_1040), Some(Action::Remove));
        assert_eq!(of(0x0020_000D), Some(Action::NewUid));
        assert_eq!(of(0x0008_0021), Some(Action::Dummy));
        assert_eq!(of(0x0008_1140), Some(Action::Keep));
        assert_eq!(of(0x0008_0060), None);
    }
}
