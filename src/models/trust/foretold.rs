//! How well the Dice is foretold, measured on answers that were not learnt from.

use std::collections::BTreeSet;

use super::dice_curve::{DiceCurve, JudgedAnswer};
use super::traits::share_of;

/// An answer's Dice as it was foretold, and as it was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Foretold {
    /// By the probabilities of its voxels alone, before anything was learnt.
    pub before: f64,
    /// By a curve that was learnt from other answers.
    pub learnt: f64,
    /// The true one.
    pub dice: f64,
}

impl Foretold {
    /// Foretells each answer by a curve learnt from those of other groups. Without a second group there is nothing to
    /// learn from, and nothing is foretold.
    pub fn by_others(answers: &[JudgedAnswer], group: fn(&JudgedAnswer) -> &str) -> Vec<Self> {
        let groups: BTreeSet<&str> = answers.iter().map(group).collect();
        let foretold = |left_out: &str| -> Option<Vec<Self>> {
            let others: Vec<&JudgedAnswer> =
                answers.iter().filter(|a| group(a) != left_out).collect();
            let curve = DiceCurve::fit(&others)?;
            let of_group = answers.iter().filter(|a| group(a) == left_out);
            Some(of_group.map(|a| Self::of(a, &curve)).collect())
        };
        groups.into_iter().filter_map(foretold).flatten().collect()
    }

    fn of(answer: &JudgedAnswer, curve: &DiceCurve) -> Self {
        Self {
            before: answer.traits.get("expected_dice").map_or(0.0, share_of),
            learnt: curve.expected(&answer.traits),
            dice: answer.dice,
        }
    }
}

/// Mean absolute error of what is foretold against the true Dice; `None` of nothing.
pub fn mean_absolute_error(all: &[Foretold], foretold: impl Fn(&Foretold) -> f64) -> Option<f64> {
    let errors = all.iter().map(|f| (foretold(f) - f.dice).abs());
    (!all.is_empty()).then(|| errors.sum::<f64>() / all.len() as f64)
}
