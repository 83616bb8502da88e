//! The colours that TotalSegmentator's structures have in its own table.

use std::collections::BTreeMap;
use std::sync::LazyLock;

static COLORS: LazyLock<BTreeMap<String, [u8; 3]>> =
    LazyLock::new(|| toml::from_str(include_str!("colors.toml")).expect("a test reads the table"));

/// The colour of a structure, sRGB; `None` for one that the table lacks.
pub(super) fn color_of(name: &str) -> Option<[u8; 3]> {
    COLORS.get(name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_read() {
        assert_eq!(color_of("aorta"), Some([216, 108, 54]));
        assert_eq!(color_of("abacus"), None);
    }
}
