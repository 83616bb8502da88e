//! How much a model doubts what it finds without a prompt, in one number: which case is to be read first.

use crate::geometry::VoxelIndex;
use crate::models::{AutoResult, Estimate, UncertainPart};
use crate::volume::{Grid, LabelMap};

/// A voxel at least as uncertain as this counts as unsure: in and out are at most three to one.
const UNSURE_PERCENT: u8 = 75;

/// How much a model doubts an automatic answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Doubt {
    /// The Dice to expect, the mean of what was looked for; what must be there and was not found counts as 0.
    pub expected_dice: f64,
    /// The part of the voxels on both sides of the answer's border that the model is unsure of, 0 to 1; `None` where it does
    /// not say how sure it is of voxels, or found nothing.
    pub unsure_border: Option<f64>,
}

/// A structure that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    /// Its name on the model's card.
    pub name: String,
    /// It need not be there.
    pub may_be_missing: bool,
}

impl Doubt {
    /// The doubt about an answer in which these structures were looked for; `None` where the model does not say how good
    /// its answers are, or where nothing was found that must be there.
    pub fn of(result: &AutoResult, sought: &[Sought]) -> Option<Self> {
        let found = |s: &Sought| result.table.by_name(&s.name).is_some();
        let counted = sought.iter().filter(|s| found(s) || !s.may_be_missing);
        let dice: Option<Vec<f64>> = counted
            .map(|s| match found(s) {
                true => expected(result, &s.name),
                false => Some(0.0),
            })
            .collect();
        let dice = dice.filter(|dice| !dice.is_empty())?;
        Some(Self {
            expected_dice: dice.iter().sum::<f64>() / dice.len() as f64,
            unsure_border: unsure_border(result),
        })
    }

    /// From 0, no doubt at all, to 1: the mean of the Dice that is expected to lack and of the unsure part of the border.
    pub fn value(&self) -> f64 {
        let lacking = 1.0 - self.expected_dice;
        self.unsure_border
            .map_or(lacking, |unsure| (lacking + unsure) / 2.0)
    }
}

/// The Dice to expect of a structure that was found; of a model that only judges its whole answer, that.
fn expected(result: &AutoResult, name: &str) -> Option<f64> {
    let insight = result.insight.as_ref();
    let own = insight.and_then(|i| i.structures.iter().find(|f| f.name == name));
    let whole = || result.estimate.map(Estimate::dice);
    own.map(|f| f.expected_dice)
        .or_else(whole)
        .map(|dice| f64::from(dice).clamp(0.0, 1.0))
}

fn unsure_border(result: &AutoResult) -> Option<f64> {
    let labels = &result.labels;
    let part = result.insight.as_ref()?.certainty.on(&labels.grid)?;
    share_of_border(labels, &part)
}

/// The unsure part of the voxels with a neighbour across the border between any label and none.
fn share_of_border(labels: &LabelMap, part: &UncertainPart) -> Option<f64> {
    let grid = &labels.grid;
    let (mut border, mut unsure) = (0_usize, 0_usize);
    for offset in part.offsets_above(0, grid) {
        border += usize::from(is_at_border(labels, grid, offset));
    }
    for offset in part.offsets_above(UNSURE_PERCENT, grid) {
        unsure += usize::from(is_at_border(labels, grid, offset));
    }
    (border > 0).then(|| unsure as f64 / border as f64)
}

fn is_at_border(labels: &LabelMap, grid: &Grid, offset: usize) -> bool {
    let is_in = labels.voxels[offset] != 0;
    let VoxelIndex(at) = grid.voxel_at(offset);
    (0..3).any(|axis| {
        [-1, 1].into_iter().any(|step| {
            let mut beside = at;
            beside[axis] += step;
            let beside = grid.offset_of(VoxelIndex(beside));
            beside.is_some_and(|n| (labels.voxels[n] != 0) != is_in)
        })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{AutoInsight, Evidence, FoundStructure, Traits};
    use super::*;
    use crate::geometry::Affine;
    use crate::models::Certainty;
    use crate::volume::LabelTable;

    const SIDE: usize = 12;

    fn sought(name: &str, may_be_missing: bool) -> Sought {
        Sought {
            name: name.to_owned(),
            may_be_missing,
        }
    }

    /// A slab of a structure up to the plane i = 5, whose lower half (k < 6) has a border in doubt.
    fn answer() -> AutoResult {
        let grid = Grid::new([SIDE; 3], Affine::from_spacing([1.0; 3], [0.0; 3]));
        let mut labels = LabelMap::empty(grid);
        let mut logits = vec![0.0; grid.len()];
        for (offset, logit) in logits.iter_mut().enumerate() {
            let VoxelIndex([i, _, k]) = grid.voxel_at(offset);
            labels.voxels[offset] = u16::from(i <= 5);
            let sign = if i <= 5 { 1.0 } else { -1.0 };
            let is_unsure = k < 6 && (5..=6).contains(&i);
            *logit = sign * if is_unsure { 0.2 } else { 8.0 };
        }
        let mut table = LabelTable::default();
        table.add(1, "liver");
        let found = FoundStructure {
            name: "liver".to_owned(),
            volume_ml: 1.0,
            expected_dice: 0.9,
            evidence: Evidence {
                traits: Traits::default(),
                look: Vec::new(),
            },
        };
        AutoResult {
            labels,
            table,
            estimate: Some(Estimate::Dice(0.7)),
            insight: Some(Arc::new(AutoInsight {
                certainty: Certainty::of_logits(grid, &logits),
                structures: vec![found],
            })),
            nothing: None,
            warnings: Vec::new(),
        }
    }

    #[test]
    fn doubt_is_dice_that_lacks_and_border_in_doubt() {
        let doubt = Doubt::of(&answer(), &[sought("liver", false)]).expect("it says");
        assert!((doubt.expected_dice - 0.9).abs() < 1e-6);
        assert_eq!(doubt.unsure_border, Some(0.5));
        assert!((doubt.value() - 0.3).abs() < 1e-6);
    }

    #[test]
    fn what_must_be_there_and_was_not_found_is_doubted_most() {
        let with = |more: Sought| Doubt::of(&answer(), &[sought("liver", false), more]);
        let lacking = with(sought("spleen", false)).expect("it says");
        assert!((lacking.expected_dice - 0.45).abs() < 1e-6);
        let allowed = with(sought("spleen", true)).expect("it says");
        assert!((allowed.expected_dice - 0.9).abs() < 1e-6);
        assert_eq!(Doubt::of(&answer(), &[sought("spleen", true)]), None);
    }

    #[test]
    fn a_model_that_judges_only_the_whole_or_nothing_says_no_more() {
        let mut result = answer();
        result.insight = None;
        let doubt = Doubt::of(&result, &[sought("liver", false)]).expect("it says");
        assert!((doubt.value() - 0.3).abs() < 1e-6 && doubt.unsure_border.is_none());
        result.estimate = None;
        assert_eq!(Doubt::of(&result, &[sought("liver", false)]), None);
    }
}
