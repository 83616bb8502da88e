//! Intensities as the network was trained on.

use serde::Deserialize;

/// Least divisor.
const EPSILON: f32 = 1e-8;

/// A channel's intensities in the training set's foreground, from the plans.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct IntensityProperties {
    /// Mean.
    pub mean: f32,
    /// Standard deviation.
    pub std: f32,
    /// 0.5th percentile.
    pub percentile_00_5: f32,
    /// 99.5th percentile.
    pub percentile_99_5: f32,
}

/// The schemes that `normalization_schemes` of the plans may name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Normalization {
    /// `CTNormalization`: clipped to the percentiles, then by the training set's mean and deviation.
    Ct(IntensityProperties),
    /// `ZScoreNormalization`: the image's own mean and deviation.
    ZScore,
    /// `NoNormalization`.
    None,
    /// `RescaleTo01Normalization`.
    RescaleTo01,
    /// `RGBTo01Normalization`: over 255.
    RgbTo01,
}

impl Normalization {
    /// The scheme of this name, `None` for one that is not known. CT needs the channel's intensities.
    pub fn named(name: &str, intensities: Option<IntensityProperties>) -> Option<Self> {
        Some(match name {
            "CTNormalization" => Self::Ct(intensities?),
            "ZScoreNormalization" => Self::ZScore,
            "NoNormalization" => Self::None,
            "RescaleTo01Normalization" => Self::RescaleTo01,
            "RGBTo01Normalization" => Self::RgbTo01,
            _ => return None,
        })
    }

    /// Normalises a channel of the cropped image (`ImageNormalization.run`). With `labels`, one a voxel
    /// (`use_mask_for_norm`), z-scores are taken and applied only where they are not negative.
    pub fn apply(self, values: &mut [f32], labels: Option<&[i16]>) {
        match self {
            Self::Ct(of) => {
                let std = of.std.max(EPSILON);
                for value in values {
                    let clipped = value.max(of.percentile_00_5).min(of.percentile_99_5);
                    *value = (clipped - of.mean) / std;
                }
            }
            Self::ZScore => z_score(values, labels),
            Self::None => {}
            Self::RescaleTo01 => {
                let least = values.iter().copied().fold(f32::INFINITY, f32::min);
                let greatest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let range = (greatest - least).max(EPSILON);
                values.iter_mut().for_each(|v| *v = (*v - least) / range);
            }
            Self::RgbTo01 => values.iter_mut().for_each(|v| *v /= 255.0),
        }
    }
}

fn z_score(values: &mut [f32], labels: Option<&[i16]>) {
    let counts = |at: usize| labels.is_none_or(|labels| labels[at] >= 0);
    let (mut count, mut sum) = (0usize, 0.0f64);
    for (_, &value) in values.iter().enumerate().filter(|(at, _)| counts(*at)) {
        count += 1;
        sum += f64::from(value);
    }
    let mean = sum / count.max(1) as f64;
    let inside = values.iter().enumerate().filter(|(at, _)| counts(*at));
    let squares: f64 = inside.map(|(_, &v)| (f64::from(v) - mean).powi(2)).sum();
    let deviation = (squares / count.max(1) as f64).sqrt() as f32;
    let (mean, divisor) = (mean as f32, deviation.max(EPSILON));
    let inside = values.iter_mut().enumerate().filter(|(at, _)| counts(*at));
    inside.for_each(|(_, value)| *value = (*value - mean) / divisor);
}
