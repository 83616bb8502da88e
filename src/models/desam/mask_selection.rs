//! From the masks of many prompts to one: SAM's automatic mask generator as DeSAM's authors changed it.

use rayon::prelude::*;

use serde::{Deserialize, Serialize};

use super::regions::remove_small_regions;

/// Thresholds of the selection.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SelectionConfig {
    /// Masks whose predicted IoU is not above this are left out.
    pub least_iou: f32,
    /// Of two masks whose boxes overlap more than this (IoU) the one of the lower score is left out.
    pub most_overlap: f32,
    /// Holes and islands of fewer pixels are taken out.
    pub least_region: usize,
    /// The logits at ± this are compared for the stability score, which is reported only.
    pub stability_offset: f32,
}

impl Default for SelectionConfig {
    /// The authors' values for maps of 256 × 256.
    fn default() -> Self {
        Self {
            least_iou: 0.5,
            most_overlap: 0.7,
            least_region: 1000,
            stability_offset: 1.0,
        }
    }
}

/// A mask of one prompt on its way through the selection.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Which prompt it is of.
    pub prompt: usize,
    /// The network's estimate.
    pub predicted_iou: f32,
    /// IoU of the mask cut higher and lower; NaN where both are empty.
    pub stability: f32,
    /// Row-major pixels.
    pub mask: Vec<bool>,
    /// First and last column and row of the mask, x0, y0, x1, y1, inclusive; zeros where it is empty.
    pub bounds: [f32; 4],
}

impl Candidate {
    /// The pixels of the mask.
    pub fn area(&self) -> usize {
        self.mask.iter().filter(|m| **m).count()
    }
}

/// The masks whose predicted IoU passes, in the order of their prompts. `logits` `[n, side, side]`, already through
/// [`super::UpAndDown`]; `ious [n]`.
pub fn passing(
    logits: &[f32],
    ious: &[f32],
    side: usize,
    config: &SelectionConfig,
) -> Vec<Candidate> {
    let chosen: Vec<usize> = (0..ious.len())
        .filter(|&prompt| ious[prompt] > config.least_iou)
        .collect();
    let candidate = |&prompt: &usize| {
        let map = &logits[prompt * side * side..][..side * side];
        // The authors cut probabilities, so that the tiniest positive logits are background.
        let mask: Vec<bool> = map
            .iter()
            .map(|&x| 1.0 / (1.0 + (-x).exp()) > 0.5)
            .collect();
        let above = |limit: f32| map.iter().filter(|&&x| x > limit).count() as f32;
        Candidate {
            prompt,
            predicted_iou: ious[prompt],
            stability: above(config.stability_offset) / above(-config.stability_offset),
            bounds: bounds(&mask, side),
            mask,
        }
    };
    chosen.par_iter().map(candidate).collect()
}

/// Without masks whose box overlaps that of a better one, best predicted IoU first.
pub fn without_overlaps(candidates: Vec<Candidate>, config: &SelectionConfig) -> Vec<Candidate> {
    let scores: Vec<f32> = candidates.iter().map(|c| c.predicted_iou).collect();
    suppress(candidates, &scores, config.most_overlap)
}

/// The final list, of which the first is the answer: small regions taken out, and overlaps once more, masks that had
/// no small regions before those that had.
pub fn finished(
    mut candidates: Vec<Candidate>,
    side: usize,
    config: &SelectionConfig,
) -> Vec<Candidate> {
    let clean = |candidate: &mut Candidate| {
        let changed = remove_small_regions(&mut candidate.mask, side, config.least_region);
        candidate.bounds = bounds(&candidate.mask, side);
        if changed { 0.0 } else { 1.0 }
    };
    let scores: Vec<f32> = if config.least_region > 0 {
        candidates.par_iter_mut().map(clean).collect()
    } else {
        return candidates;
    };
    suppress(candidates, &scores, config.most_overlap)
}

/// The whole selection.
pub fn select(
    logits: &[f32],
    ious: &[f32],
    side: usize,
    config: &SelectionConfig,
) -> Vec<Candidate> {
    let candidates = without_overlaps(passing(logits, ious, side, config), config);
    finished(candidates, side, config)
}

fn bounds(mask: &[bool], side: usize) -> [f32; 4] {
    let mut found: Option<[usize; 4]> = None;
    for (pixel, _) in mask.iter().enumerate().filter(|(_, m)| **m) {
        let (x, y) = (pixel % side, pixel / side);
        let [x0, y0, x1, y1] = found.unwrap_or([x, y, x, y]);
        found = Some([x0.min(x), y0.min(y), x1.max(x), y1.max(y)]);
    }
    found.unwrap_or_default().map(|v| v as f32)
}

/// Greedy suppression in the order of falling scores, ties in their order. Boxes without area overlap nothing.
fn suppress(candidates: Vec<Candidate>, scores: &[f32], most_overlap: f32) -> Vec<Candidate> {
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut kept: Vec<usize> = Vec::new();
    for index in order {
        let bounds = candidates[index].bounds;
        let suppressed = kept
            .iter()
            .any(|&better| overlap(candidates[better].bounds, bounds) > most_overlap);
        if !suppressed {
            kept.push(index);
        }
    }
    let mut slots: Vec<Option<Candidate>> = candidates.into_iter().map(Some).collect();
    kept.into_iter().filter_map(|i| slots[i].take()).collect()
}

/// IoU of two boxes; NaN where neither has an area.
fn overlap(a: [f32; 4], b: [f32; 4]) -> f32 {
    let area = |b: [f32; 4]| (b[2] - b[0]) * (b[3] - b[1]);
    let width = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let height = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let both = width * height;
    both / (area(a) + area(b) - both)
}
