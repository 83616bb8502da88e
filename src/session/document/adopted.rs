//! How proposed structures become labels, and names for new ones.

use std::collections::BTreeMap;

use crate::volume::{LabelTable, LayerId};

use super::proposal::PackedProposal;

/// The labels that proposed structures become.
pub(in crate::session) struct Adopted {
    /// The document's table, with the labels that are new.
    pub table: LabelTable,
    /// For each value of the proposal that of the label: the one with its name, else its own value, else a free one.
    pub value_of: BTreeMap<u16, u16>,
}

impl Adopted {
    /// Labels that are new begin in `layer`. `names` is the proposal's table.
    pub fn by(
        table: &LabelTable,
        layer: LayerId,
        packed: &PackedProposal,
        names: &LabelTable,
    ) -> Self {
        let mut table = table.clone();
        let mut value_of = BTreeMap::new();
        for value in packed.values() {
            let name = names
                .get(value)
                .map_or_else(|| format!("structure_{value}"), |l| l.name.clone());
            let known = table.by_title(&name).map(|l| l.value);
            let free = || match table.get(value) {
                None => Some(value),
                Some(_) => table.next_free_value(),
            };
            let Some(mine) = known.or_else(free) else {
                continue;
            };
            if known.is_none() {
                table.add_in(layer, mine, &name);
            }
            value_of.insert(value, mine);
        }
        Self { table, value_of }
    }
}

/// Stems of the names that labels get which nobody has named.
pub(in crate::session) const LESION: &str = "lesion";
pub(in crate::session) const LABEL: &str = "label";

/// Whether a name was made by [`unused_name`] for a label that nobody has named.
pub(in crate::session) fn is_made_up(name: &str) -> bool {
    let numbered = |stem| name.strip_prefix(stem)?.strip_prefix('_');
    let is_number = |n: &str| n.parse::<u32>().is_ok();
    [LESION, LABEL]
        .into_iter()
        .filter_map(numbered)
        .any(is_number)
}

/// `{stem}_N` with the smallest N from 1 that no label has.
pub(in crate::session) fn unused_name(table: &LabelTable, stem: &str) -> String {
    (1u32..)
        .map(|n| format!("{stem}_{n}"))
        .find(|name| table.by_title(name).is_none())
        .expect("a table has fewer labels than there are numbers")
}
