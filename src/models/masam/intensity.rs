//! How MA-SAM's authors prepare intensities.

use serde::{Deserialize, Serialize};

/// What happens to a volume before it is cut into windows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Intensity {
    /// CT: clipped to this window in HU.
    Window {
        /// Lower end.
        low: f32,
        /// Upper end.
        high: f32,
    },
    /// MR: from the volume's minimum to the 99th percentile, clipped there.
    Percentile,
    /// Left as it is, such as values of 0..=255 of a photograph.
    AsItIs,
}

impl Intensity {
    /// CT of several organs, as published.
    pub const ORGANS: Self = Self::Window {
        low: -200.0,
        high: 250.0,
    };
    /// CT of pancreas tumours, as published.
    pub const PANCREAS: Self = Self::Window {
        low: -50.0,
        high: 200.0,
    };

    /// Clips and scales a whole volume, before it is resized.
    pub fn apply(self, values: &mut [f32]) {
        match self {
            Self::Window { low, high } => {
                for value in values {
                    *value = value.clamp(low, high);
                }
            }
            Self::Percentile => {
                let high = quantile(values, 0.99);
                let low = values.iter().copied().fold(f32::INFINITY, f32::min);
                let range = f64::from(high) - f64::from(low);
                let scale = if range > 0.0 { 1.0 / range } else { 0.0 };
                for value in values {
                    let above = f64::from(value.min(high)) - f64::from(low);
                    *value = (above * scale) as f32;
                }
            }
            Self::AsItIs => {}
        }
    }
}

/// Scales a window of slices to 0..=1 by its own smallest and largest value. The authors' mean and deviation cancel here.
pub fn scale_window(values: &mut [f32]) {
    let (low, high) = values
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &v| {
            (low.min(v), high.max(v))
        });
    // Where the authors add 1e-8 to the range of normalised values, a constant window must give 0 and not NaN.
    let range = (high - low).max(f32::MIN_POSITIVE);
    for value in values {
        *value = (*value - low) / range;
    }
}

/// The value below which this share lies, linear between samples, as numpy's.
pub fn quantile(values: &[f32], share: f64) -> f32 {
    let mut sorted: Vec<f32> = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let place = share * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    let (low, high) = (f64::from(sorted[below]), f64::from(sorted[above]));
    (low + (high - low) * (place - below as f64)) as f32
}
