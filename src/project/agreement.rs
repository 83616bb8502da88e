//! How well two readers agree on a case, label by label.

use super::ProjectError;
use crate::volume::metrics::{Agreement, Overlap};
use crate::volume::{LabelLayers, LabelTable, Mask};

/// Two readings of a label.
#[derive(Debug, Clone, PartialEq)]
pub struct PairAgreement {
    /// The label's name.
    pub label: String,
    /// Dice, surface Dice, volumes.
    pub agreement: Agreement,
    /// Cohen's kappa; `None` where neither reader has the label.
    pub kappa: Option<f64>,
}

/// Cohen's kappa of two readers who say of each of `total` voxels whether it belongs to a label; `None` where chance
/// alone would have them agree on all.
pub fn kappa(overlap: Overlap, total: usize) -> Option<f64> {
    let n = total as f64;
    let [a, b, both] = [overlap.pred, overlap.truth, overlap.both].map(|count| count as f64 / n);
    let agreed = both + (1.0 - a - b + both);
    let by_chance = a * b + (1.0 - a) * (1.0 - b);
    (by_chance < 1.0).then(|| (agreed - by_chance) / (1.0 - by_chance))
}

/// Compares two readings of one scan, in the labels `names`; surfaces within `tolerance_mm` agree.
///
/// # Errors
/// Label maps on different grids.
pub fn agreement(
    [a, b]: [(&LabelLayers, &LabelTable); 2],
    names: &[String],
    tolerance_mm: f64,
) -> Result<Vec<PairAgreement>, ProjectError> {
    if a.0.grid().dims != b.0.grid().dims {
        return Err(ProjectError::refused(
            "the two readings are on different grids; were they made on the same scan?",
        ));
    }
    let compared = names.iter().map(|name| {
        let masks = [a, b].map(|(layers, table)| mask_of(layers, table, name));
        let overlap = Overlap::between(&masks[0].voxels, &masks[1].voxels);
        PairAgreement {
            label: name.clone(),
            agreement: Agreement::between(&masks[0], &masks[1], tolerance_mm),
            kappa: kappa(overlap, masks[0].voxels.len()),
        }
    });
    Ok(compared.collect())
}

/// The voxels of the label of a name; none where there is no such label.
pub(super) fn mask_of(layers: &LabelLayers, table: &LabelTable, name: &str) -> Mask {
    let label = table.by_name(name);
    let map = label.and_then(|label| Some((label, layers.get(label.layer)?)));
    match map {
        Some((label, map)) => map.mask_of(label.value),
        None => Mask::empty(*layers.grid()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Overlap, kappa};

    #[test]
    fn kappa_is_that_of_the_textbook() {
        // Cohen's table of 20 and 15 agreed, 5 and 10 not, of 50: 0.4.
        let overlap = Overlap {
            pred: 25,
            truth: 30,
            both: 20,
        };
        assert!((kappa(overlap, 50).expect("defined") - 0.4).abs() < 1e-12);
        let same = Overlap {
            pred: 7,
            truth: 7,
            both: 7,
        };
        assert_eq!(kappa(same, 50), Some(1.0));
        let nothing = Overlap {
            pred: 0,
            truth: 0,
            both: 0,
        };
        assert_eq!(kappa(nothing, 50), None);
    }
}
