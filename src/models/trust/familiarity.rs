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

/// Share of known-like targets that lie within the limit.
const WITHIN_LIMIT: f64 = 0.99;

impl Familiarity {
    /// From looks at `known` targets, all of one length, with the limit that looks at `alike`, other targets of the
    /// same kinds, stay within; `None` without either.
    pub fn learn(known: &[Vec<f32>], alike: &[Vec<f32>]) -> Option<Self> {
        let channels = known.first()?.len();
        let count = known.len() as f64;
        let mean_of =
            |value: &dyn Fn(&[f32]) -> f64| known.iter().map(|l| value(l)).sum::<f64>() / count;
        let mean: Vec<f64> = (0..channels)
            .map(|c| mean_of(&|l| f64::from(l[c])))
            .collect();
        let spread = (0..channels).map(|c| {
            let variance = mean_of(&|l| (f64::from(l[c]) - mean[c]).powi(2));
            rounded(variance.sqrt().max(1e-6))
        });
        let mut learnt = Self {
            limit: f64::INFINITY,
            spread: spread.collect(),
            mean: mean.iter().map(|&m| rounded(m)).collect(),
        };
        let mut distances: Vec<f64> = alike.iter().map(|l| learnt.distance(l)).collect();
        distances.sort_by(f64::total_cmp);
        let at =
            ((distances.len() as f64 * WITHIN_LIMIT) as usize).min(distances.len().checked_sub(1)?);
        learnt.limit = rounded(distances[at]);
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
