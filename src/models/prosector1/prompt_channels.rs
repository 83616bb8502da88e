//! Prompts drawn as image channels.
//!
//! Beside the marks themselves the network is given the arithmetic that every prompt implies: how far a voxel is
//! from the middle of the box or from the nearest click, and how much likelier its intensity is inside the
//! prompted part than elsewhere. These cost milliseconds and hold for any modality, so they need not be learnt.

use rayon::prelude::*;

use crate::prompt::Polarity;

use super::config::PROMPT_CHANNELS;
use super::region::{SIDE, position, radius_in_box};

/// Radius of the ball drawn for a click, in region voxels.
const BALL_RADIUS: f32 = 3.5;
/// Distance over which nearness to a click fades, in region voxels.
const FADE: f32 = SIDE as f32 / 6.0;
/// Radius of the target assumed around a lone click, in region voxels.
const ASSUMED_RADIUS: f32 = SIDE as f32 * 0.2;
/// Bins of the intensity histograms.
const BINS: usize = 40;

/// Prompts in the continuous voxel coordinates of a region.
#[derive(Debug, Clone, Default)]
pub struct RegionPrompts {
    /// Clicked positions.
    pub clicks: Vec<([f32; 3], Polarity)>,
    /// Lower and upper faces of the box.
    pub target_box: Option<[[f32; 3]; 2]>,
    /// Probability of the target so far, a value per voxel.
    pub previous: Option<Vec<f32>>,
    /// What earlier targets of the kind say of each voxel, −1 to 1: half of what it is told of intensities.
    pub likeness: Option<Vec<f32>>,
}

/// Weights of the channels in the answer before anything is learnt; see `ProsectorNet`.
pub const PRIOR_WEIGHTS: [f32; PROMPT_CHANNELS] =
    [2.0, -3.0, 0.5, 5.0, 0.0, -2.0, 0.0, 2.0, 3.0, 0.0];

/// `PROMPT_CHANNELS` per voxel, channels last: click balls (+, −), box, radius, nearness (+, −), intensity
/// likelihood (raw, smooth), previous mask, previous mask known. `intensity` and `inside` have a value per voxel.
pub fn draw(prompts: &RegionPrompts, intensity: &[f32], inside: &[f32]) -> Vec<f32> {
    let geometry: Vec<Geometry> = (0..SIDE.pow(3))
        .into_par_iter()
        .map(|v| Geometry::of(prompts, position(v)))
        .collect();
    let mut raw = likelihood(prompts, &geometry, intensity, inside);
    if let Some(likeness) = &prompts.likeness {
        let both = raw.iter_mut().zip(likeness);
        both.for_each(|(raw, likeness)| *raw = (*raw + likeness) / 2.0);
    }
    let smooth = smoothed(&raw);
    let mut out = vec![0.0; geometry.len() * PROMPT_CHANNELS];
    for (v, out) in out.chunks_exact_mut(PROMPT_CHANNELS).enumerate() {
        let g = &geometry[v];
        let previous = prompts.previous.as_ref().map(|p| 2.0 * p[v] - 1.0);
        out.copy_from_slice(&[
            (1.0 - g.positive / BALL_RADIUS).max(0.0),
            (1.0 - g.negative / BALL_RADIUS).max(0.0),
            g.in_box,
            (1.0 - g.radius).max(-1.0),
            (-g.positive / FADE).exp(),
            (-g.negative / FADE).exp(),
            raw[v],
            smooth[v],
            previous.unwrap_or(0.0),
            f32::from(u8::from(previous.is_some())),
        ]);
    }
    out
}

/// Where a voxel lies relative to the prompts; distances in region voxels, infinite without such a prompt.
struct Geometry {
    positive: f32,
    negative: f32,
    in_box: f32,
    /// 0 in the middle of the assumed target, 1 on its border.
    radius: f32,
}

impl Geometry {
    fn of(prompts: &RegionPrompts, p: [f32; 3]) -> Self {
        let nearest = |polarity: Polarity| {
            prompts
                .clicks
                .iter()
                .filter(|c| c.1 == polarity)
                .map(|(c, _)| (0..3).map(|d| (p[d] - c[d]).powi(2)).sum::<f32>().sqrt())
                .fold(f32::INFINITY, f32::min)
        };
        let positive = nearest(Polarity::Positive);
        let (in_box, radius) = match prompts.target_box {
            Some([low, high]) => {
                let inside = (0..3).all(|d| p[d] >= low[d] && p[d] <= high[d]);
                let radius = radius_in_box(p, [low, high]);
                (f32::from(u8::from(inside)), radius)
            }
            // Without any sign of size, a ball around the nearest positive click.
            None if positive.is_finite() => (0.0, positive / ASSUMED_RADIUS),
            None => (0.0, 1.0),
        };
        Self {
            positive,
            negative: nearest(Polarity::Negative),
            in_box,
            radius,
        }
    }
}

/// Logarithm of how much likelier each voxel's intensity is inside the prompted part than elsewhere, a third of
/// it, clamped to ±1; zero where there is nothing to compare.
fn likelihood(
    prompts: &RegionPrompts,
    geometry: &[Geometry],
    intensity: &[f32],
    inside: &[f32],
) -> Vec<f32> {
    let part = |v: usize| -> Option<bool> {
        let g = &geometry[v];
        if inside[v] == 0.0 {
            return None;
        }
        if g.negative < BALL_RADIUS {
            return Some(false);
        }
        if let Some(previous) = &prompts.previous {
            return Some(previous[v] > 0.5 || g.positive < BALL_RADIUS);
        }
        match prompts.target_box {
            Some(_) if g.radius < 0.8 => Some(true),
            Some(_) => (g.in_box == 0.0).then_some(false),
            None if g.positive < BALL_RADIUS => Some(true),
            None => (g.positive > 2.0 * ASSUMED_RADIUS).then_some(false),
        }
    };
    let low = intensity.iter().copied().fold(f32::INFINITY, f32::min);
    let high = intensity.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let scale = BINS as f32 / (high - low).max(1e-6);
    let bin = |v: usize| (((intensity[v] - low) * scale) as usize).min(BINS - 1);
    let mut counts = [[0f32; BINS]; 2];
    for v in 0..intensity.len() {
        if let Some(target) = part(v) {
            counts[usize::from(target)][bin(v)] += 1.0;
        }
    }
    if counts.iter().any(|c| c.iter().sum::<f32>() == 0.0) {
        return vec![0.0; intensity.len()];
    }
    let [rest, target] = counts.map(|c| density(&c));
    let ratio: [f32; BINS] =
        std::array::from_fn(|b| ((target[b] / rest[b]).ln() / 3.0).clamp(-1.0, 1.0));
    (0..intensity.len())
        .map(|v| ratio[bin(v)] * inside[v])
        .collect()
}

/// A histogram as a smoothed density that is nowhere zero.
fn density(counts: &[f32; BINS]) -> [f32; BINS] {
    let total: f32 = counts.iter().sum();
    std::array::from_fn(|b| {
        let at = |offset: i64| {
            let i = (b as i64 + offset).clamp(0, BINS as i64 - 1) as usize;
            counts[i]
        };
        let smooth = (at(-2) + at(2) + 2.0 * (at(-1) + at(1)) + 3.0 * at(0)) / 9.0;
        smooth / total + 0.1 / BINS as f32
    })
}

/// The mean over 5×5×5 voxels, cut off at the region's border.
fn smoothed(values: &[f32]) -> Vec<f32> {
    let mut out = values.to_vec();
    for stride in [1, SIDE, SIDE * SIDE] {
        let source = out.clone();
        out.par_iter_mut().enumerate().for_each(|(v, out)| {
            let at = v / stride % SIDE;
            let first = v - at.min(2) * stride;
            let last = v + (SIDE - 1 - at).min(2) * stride;
            let window = source[first..=last].iter().step_by(stride);
            *out = window.clone().sum::<f32>() / window.len() as f32;
        });
    }
    out
}
