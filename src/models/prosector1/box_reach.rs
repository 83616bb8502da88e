//! What a box says of its target beyond the network's answer: the target reaches from face to face, or nearly so.
//!
//! On anatomy unlike any that it learnt from, the network finds part of a target, or nothing; its logits still tell which
//! voxels are likelier. They are taken in that order until they reach far enough. Where none is likely at all, what is left
//! of the box's knowledge is the ellipsoid in it.

use super::region::{SIDE, position, radius_in_box};

/// Share of each side of the box that a target reaches: boxes are drawn loose by up to some 20 % on either side.
const LEAST_REACH: f32 = 0.7;
/// Share of a plane of the box that must be taken for the target to count as reaching it: more than a speck.
const LEAST_SHARE: f32 = 0.02;
/// The least logit that may still be taken, and the steps down to it.
const LOWEST: f32 = -4.0;
const STEP: f32 = 0.25;

/// How an answer was made to reach across its box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// By the network, or by its less likely voxels.
    Found,
    /// Not at all: it is the ellipsoid in the box.
    Drawn,
}

/// Raises `logits` on a region until those above zero reach across the box, whose lower and upper faces are in region
/// voxels; replaces them by the ellipsoid in it where no moderate rise does that.
pub(super) fn extend(logits: &mut [f32], target_box: [[f32; 3]; 2]) -> Reach {
    let profiles = [0, 1, 2].map(|axis| profile(logits, target_box, axis));
    let reaches = |at: f32| {
        (0..3).all(|d| {
            let side = target_box[1][d] - target_box[0][d];
            let taken = |&logit: &f32| logit > at;
            let first = profiles[d].iter().position(taken);
            let last = profiles[d].iter().rposition(taken);
            let length = first.zip(last).map_or(0, |(first, last)| last - first + 1);
            // Within a voxel: what lies in it cannot be told.
            length as f32 + 1.0 >= LEAST_REACH * side
        })
    };
    let steps = (LOWEST / -STEP) as usize;
    let found = (0..=steps)
        .map(|s| -STEP * s as f32)
        .find(|&at| reaches(at));
    match found {
        Some(at) => {
            logits.iter_mut().for_each(|logit| *logit -= at);
            Reach::Found
        }
        None => {
            for (v, logit) in logits.iter_mut().enumerate() {
                *logit = 4.0 * (1.0 - radius_in_box(position(v), target_box));
            }
            Reach::Drawn
        }
    }
}

/// For each plane of the box across an axis, the logit that the required share of its voxels exceed.
fn profile(logits: &[f32], [low, high]: [[f32; 3]; 2], axis: usize) -> Vec<f32> {
    let range = |d: usize| {
        let first = low[d].ceil().clamp(0.0, SIDE as f32 - 1.0) as usize;
        let last = high[d].floor().clamp(0.0, SIDE as f32 - 1.0) as usize;
        first..=last.max(first)
    };
    let (a, b) = ((axis + 1) % 3, (axis + 2) % 3);
    let strides = [1, SIDE, SIDE * SIDE];
    range(axis)
        .map(|x| {
            let plane = range(a).flat_map(|y| range(b).map(move |z| (y, z)));
            let mut values: Vec<f32> = plane
                .map(|(y, z)| logits[x * strides[axis] + y * strides[a] + z * strides[b]])
                .collect();
            let nth = (values.len() as f32 * LEAST_SHARE) as usize;
            *values.select_nth_unstable_by(nth, |a, b| b.total_cmp(a)).1
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOX: [[f32; 3]; 2] = [[9.5, 9.5, 9.5], [29.5, 29.5, 29.5]];

    fn ball(radius: f32, inside: f32, outside: f32) -> Vec<f32> {
        let is_inside = |v: usize| {
            let squared: f32 = position(v).iter().map(|x| (x - 19.5).powi(2)).sum();
            squared < radius * radius
        };
        (0..SIDE.pow(3))
            .map(|v| if is_inside(v) { inside } else { outside })
            .collect()
    }

    fn count(logits: &[f32]) -> usize {
        logits.iter().filter(|&&l| l > 0.0).count()
    }

    #[test]
    fn an_answer_that_reaches_stays_as_it_is() {
        let mut logits = ball(9.0, 2.0, -3.0);
        let before = logits.clone();
        assert_eq!(extend(&mut logits, BOX), Reach::Found);
        assert!(logits == before);
    }

    #[test]
    fn a_timid_answer_is_taken_further() {
        let mut logits = ball(9.0, -1.1, -6.0);
        let wanted = ball(9.0, 1.0, -1.0);
        assert_eq!(extend(&mut logits, BOX), Reach::Found);
        assert_eq!(count(&logits), count(&wanted));
    }

    #[test]
    fn where_nothing_is_likely_the_ellipsoid_is_drawn() {
        let mut logits = ball(3.0, -2.0, -9.0);
        assert_eq!(extend(&mut logits, BOX), Reach::Drawn);
        let share = count(&logits) as f32 / 20f32.powi(3);
        assert!(
            (share - std::f32::consts::FRAC_PI_6).abs() < 0.03,
            "{share}"
        );
    }
}
