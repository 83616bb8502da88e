//! Whether a model has seen the like of what it is pointed at.

use serde::{Deserialize, Serialize};

use super::dice_curve::rounded;

/// What the encoder made of the targets of training: mean and spread of each channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Familiarity {
    /// Distance beyond which something is unlike anything known.
    limit: f64,
    mean: Vec<f64>,
    spread: Vec<f64>,
}

/// Share of the targets of known kinds by which the limit is set.
const WITHIN_LIMIT: f64 = 0.99;
/// Looks of the usual spread that each channel is thought to have shown besides: a few looks say little of one channel.
const PRIOR_LOOKS: f64 = 10.0;

impl Familiarity {
    /// From looks at `known` targets, all of one length, with the limit that looks at `alike`, other targets of the
    /// same kinds, stay within; `None` without either. Few patients do not show all there are: something may be `slack`
    /// times as far before it counts as strange.
    pub fn learn(known: &[Vec<f32>], alike: &[Vec<f32>], slack: f64) -> Option<Self> {
        let channels = 0..known.first()?.len();
        let (mean, variance): (Vec<f64>, Vec<f64>) = channels.map(|c| moments(known, c)).unzip();
        let usual = variance.iter().sum::<f64>() / variance.len() as f64;
        let count = known.len() as f64;
        let spread = variance.iter().map(|own| {
            let shrunk = (count * own + PRIOR_LOOKS * usual) / (count + PRIOR_LOOKS);
            rounded(shrunk.sqrt().max(f64::from(f32::EPSILON)))
        });
        let mut learnt = Self {
            limit: f64::INFINITY,
            spread: spread.collect(),
            mean: mean.into_iter().map(rounded).collect(),
        };
        let mut distances: Vec<f64> = alike.iter().map(|l| learnt.distance(l)).collect();
        distances.sort_by(f64::total_cmp);
        let last = distances.len().checked_sub(1)?;
        let at = ((distances.len() as f64 * WITHIN_LIMIT) as usize).min(last);
        learnt.limit = rounded(distances[at] * slack);
        Some(learnt)
    }

    /// How far a look is from what is known: about 1 for what training had, in root mean square spreads.
    pub fn distance(&self, look: &[f32]) -> f64 {
        let channels = look.iter().zip(&self.mean).zip(&self.spread);
        let squares = channels.map(|((&x, m), s)| ((f64::from(x) - m) / s).powi(2));
        (squares.sum::<f64>() / self.mean.len().max(1) as f64).sqrt()
    }

    /// Whether a look is unlike anything known.
    pub fn is_strange(&self, look: &[f32]) -> bool {
        look.len() == self.mean.len() && self.distance(look) > self.limit
    }
}

/// Mean and variance of a channel.
fn moments(looks: &[Vec<f32>], channel: usize) -> (f64, f64) {
    let count = looks.len() as f64;
    let values = || looks.iter().map(|l| f64::from(l[channel]));
    let mean = values().sum::<f64>() / count;
    let variance = values().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
    (mean, variance)
}
