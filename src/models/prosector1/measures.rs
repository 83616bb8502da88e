//! What is measured of an answer to foretell its Dice. All of it costs a millisecond.

use crate::models::trust::{Traits, log_odds};
use crate::prompt::Polarity;
use crate::volume::metrics::Overlap;

use super::prompt_channels::RegionPrompts;
use super::prompted::{expected_dice, sigmoid};
use super::region::{SIDE, voxel_at};

/// Logit at which, on either side of 0, an answer is cut once more to see how much of it hangs on the exact value.
const CUT: f32 = 1.0;
/// Voxels around the target that it should differ from.
const SURROUNDINGS: usize = 4;

/// An answer as the measures see it; values per voxel of the region.
pub(super) struct AnswerSeen<'a> {
    pub logits: &'a [f32],
    pub prompts: &'a RegionPrompts,
    /// First intensity view.
    pub intensity: &'a [f32],
    /// 1 inside the scan.
    pub inside: &'a [f32],
}

impl AnswerSeen<'_> {
    /// The measures of a prompted answer.
    pub(super) fn traits(&self) -> Traits {
        let mut traits = of_logits(self.logits);
        let found = cut_at(self.logits, 0.0);
        let voxels = found.iter().filter(|&&f| f != 0).count() as f64;
        traits.add(
            "log_volume_share",
            ((voxels + 1.0) / found.len() as f64).ln(),
        );
        traits.add("border_share", border_share(&found).sqrt());
        self.add_of_prompts(&found, voxels, &mut traits);
        if let Some([low, high]) = bounds(&found) {
            self.add_of_surroundings(&found, low, high, &mut traits);
            self.add_of_box(voxels, low, high, &mut traits);
        }
        traits
    }

    fn add_of_prompts(&self, found: &[u8], voxels: f64, traits: &mut Traits) {
        let count = |polarity| {
            self.prompts
                .clicks
                .iter()
                .filter(|c| c.1 == polarity)
                .count() as f64
        };
        traits.add(
            "has_box",
            f64::from(u8::from(self.prompts.target_box.is_some())),
        );
        traits.add("log_clicks", (1.0 + count(Polarity::Positive)).ln());
        traits.add(
            "log_negative_clicks",
            (1.0 + count(Polarity::Negative)).ln(),
        );
        if let Some(previous) = &self.prompts.previous {
            let previous: Vec<u8> = previous.iter().map(|&p| u8::from(p > 0.5)).collect();
            let overlap = Overlap::between(&previous, found);
            traits.add("kept", log_odds(overlap.dice()));
            let before = overlap.pred as f64;
            traits.add("log_change", ((voxels + 1.0) / (before + 1.0)).ln().abs());
        }
    }

    /// How much the target's intensity differs from that around it, in spreads of both, and how even it is.
    fn add_of_surroundings(
        &self,
        found: &[u8],
        low: [usize; 3],
        high: [usize; 3],
        traits: &mut Traits,
    ) {
        let mut groups = [Moments::default(); 2];
        let voxels = found.iter().zip(self.inside).zip(self.intensity);
        for (v, ((&found, &inside), &intensity)) in voxels.enumerate() {
            let at = voxel_at(v);
            let is_near =
                (0..3).all(|d| at[d] + SURROUNDINGS >= low[d] && at[d] <= high[d] + SURROUNDINGS);
            if is_near && inside > 0.0 {
                groups[usize::from(found)].add(f64::from(intensity));
            }
        }
        let [around, target] = groups;
        let spread = (around.variance() + target.variance()).sqrt();
        traits.add(
            "contrast",
            (target.mean() - around.mean()).abs() / spread.max(1e-3),
        );
        traits.add("unevenness", target.variance().sqrt());
    }

    /// How well the answer fits the box that was drawn.
    fn add_of_box(&self, voxels: f64, low: [usize; 3], high: [usize; 3], traits: &mut Traits) {
        let Some([box_low, box_high]) = self.prompts.target_box else {
            return;
        };
        let sides: [f64; 3] = std::array::from_fn(|d| f64::from(box_high[d] - box_low[d]).max(1.0));
        traits.add(
            "box_fill",
            (voxels / sides.iter().product::<f64>()).min(2.0),
        );
        let reach = (0..3).map(|d| (high[d] + 1 - low[d]) as f64 / sides[d]);
        traits.add("box_reach", reach.fold(2.0, f64::min));
    }
}

/// The measures of logits alone.
pub(super) fn of_logits(logits: &[f32]) -> Traits {
    let mut traits = Traits::default();
    let expected = f64::from(expected_dice(logits));
    traits.add("expected_dice", log_odds(expected));
    traits.add("steadiness", log_odds(steadiness(logits)));
    traits.add("inner_certainty", log_odds(mean_probability_inside(logits)));
    traits
}

fn cut_at(logits: &[f32], at: f32) -> Vec<u8> {
    logits.iter().map(|&l| u8::from(l > at)).collect()
}

/// Overlap of the answer cut a little above and a little below the usual logit.
fn steadiness(logits: &[f32]) -> f64 {
    let overlap = Overlap::between(&cut_at(logits, CUT), &cut_at(logits, -CUT));
    if overlap.truth == 0 {
        0.0
    } else {
        overlap.iou()
    }
}

/// Zero where nothing was found.
fn mean_probability_inside(logits: &[f32]) -> f64 {
    let mut inside = Moments::default();
    for &logit in logits.iter().filter(|&&l| l > 0.0) {
        inside.add(f64::from(sigmoid(logit)));
    }
    if inside.count == 0.0 {
        0.0
    } else {
        inside.mean()
    }
}

/// Count, sum and sum of squares.
#[derive(Clone, Copy, Default)]
struct Moments {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        self.sum += value;
        self.squares += value * value;
    }

    /// Not a number where nothing was added.
    fn mean(self) -> f64 {
        self.sum / self.count
    }

    fn variance(self) -> f64 {
        (self.squares / self.count - self.mean().powi(2)).max(0.0)
    }
}

/// Lowest and highest indices of the voxels found.
fn bounds(found: &[u8]) -> Option<[[usize; 3]; 2]> {
    let mut at = (0..found.len()).filter(|&v| found[v] != 0).map(voxel_at);
    let first = at.next()?;
    Some(at.fold([first, first], |[low, high], p| {
        [
            std::array::from_fn(|d| low[d].min(p[d])),
            std::array::from_fn(|d| high[d].max(p[d])),
        ]
    }))
}

/// Share of the region's border voxels that were found.
pub(super) fn border_share(found: &[u8]) -> f64 {
    let is_border = |v: &usize| voxel_at(*v).iter().any(|&x| x == 0 || x == SIDE - 1);
    let (held, all) = (0..found.len())
        .filter(is_border)
        .fold((0usize, 0usize), |(held, all), v| {
            (held + usize::from(found[v] != 0), all + 1)
        });
    held as f64 / all as f64
}
