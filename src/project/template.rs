//! Which labels a case must have.

use super::files::LabelRule;
use crate::volume::{LabelLayers, LabelTable};

/// What keeps a label map from being done: labels that must be there and are not, and those that must have a voxel and
/// have none, in words.
pub fn missing_labels(
    rules: &[LabelRule],
    layers: &LabelLayers,
    table: &LabelTable,
) -> Vec<String> {
    let counts = layers.counts();
    let missing = rules.iter().filter_map(|rule| {
        let label = table.by_name(&rule.name);
        let voxels = label.and_then(|label| counts.get(&label.value));
        match (voxels.copied().unwrap_or(0), rule.may_be_empty) {
            (1.., _) | (0, true) => None,
            (0, false) => Some(format!("{} has no voxel", rule.name)),
        }
    });
    missing.collect()
}
