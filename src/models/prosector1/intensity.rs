//! From a scan's values to the network's image channels.

use crate::volume::{Grid, ImageVolume, Modality, resample};

use super::config::IMAGE_CHANNELS;

/// What the network sees of a region, before it becomes a tensor.
#[derive(Debug, Clone)]
pub struct RegionImage {
    /// `IMAGE_CHANNELS` per voxel, channels last: two views of the intensity, and 1 inside the scan.
    pub channels: Vec<f32>,
    /// 1 where the voxel lies inside the scan.
    pub inside: Vec<f32>,
}

impl RegionImage {
    /// Samples `image` on the region's grid.
    pub fn sample(image: &ImageVolume, region: &Grid) -> Self {
        let values = resample::resample_image(image, region, 0.0);
        let inside = resample::inside(image.grid(), region);
        Self::from_values(values, inside, image.modality())
    }

    /// From values already sampled on the region's grid; those outside the scan are ignored.
    pub fn from_values(values: Vec<f32>, inside: Vec<f32>, modality: Modality) -> Self {
        let views = match modality {
            Modality::Ct => ct_views(&values),
            Modality::Mr => relative_views(&values, &inside),
            Modality::Pet => {
                let compressed: Vec<f32> = values.iter().map(|v| v.max(0.0).sqrt()).collect();
                let soft = relative_views(&compressed, &inside);
                let hard = relative_views(&values, &inside);
                soft.iter().zip(&hard).map(|(s, h)| [s[0], h[1]]).collect()
            }
        };
        let channels = views
            .iter()
            .zip(&inside)
            .flat_map(|(view, &inside)| [view[0] * inside, view[1] * inside, inside])
            .collect::<Vec<f32>>();
        debug_assert_eq!(channels.len(), inside.len() * IMAGE_CHANNELS);
        Self { channels, inside }
    }

    /// The first view of the intensity, a value per voxel.
    pub fn intensity(&self) -> Vec<f32> {
        self.channels
            .iter()
            .step_by(IMAGE_CHANNELS)
            .copied()
            .collect()
    }
}

/// Hounsfield units mean the same everywhere: a soft-tissue view and a wide one.
fn ct_views(values: &[f32]) -> Vec<[f32; 2]> {
    values
        .iter()
        .map(|&hu| {
            let soft = ((hu - 40.0) / 120.0).clamp(-2.0, 2.0);
            let wide = (hu / 500.0).clamp(-2.0, 3.0);
            [soft, wide]
        })
        .collect()
}

/// Values without a unit, relative to the region's own distribution: by quartile-like spread, and by full range.
fn relative_views(values: &[f32], inside: &[f32]) -> Vec<[f32; 2]> {
    let mut known: Vec<f32> = values
        .iter()
        .zip(inside)
        .filter(|&(_, &i)| i > 0.0)
        .map(|(&v, _)| v)
        .collect();
    if known.is_empty() {
        return vec![[0.0; 2]; values.len()];
    }
    let [low, p5, median, p95, high] =
        [0.005, 0.05, 0.5, 0.95, 0.995].map(|q| quantile(&mut known, q));
    let spread = (p95 - p5).max(f32::MIN_POSITIVE);
    let range = (high - low).max(f32::MIN_POSITIVE);
    values
        .iter()
        .map(|&v| {
            let by_spread = (2.0 * (v - median) / spread).clamp(-4.0, 4.0);
            let by_range = (2.0 * (v - low) / range - 1.0).clamp(-1.5, 1.5);
            [by_spread, by_range]
        })
        .collect()
}

/// The value below which a share `q` of the values lies; reorders them.
fn quantile(values: &mut [f32], q: f64) -> f32 {
    let at = ((values.len() - 1) as f64 * q).round() as usize;
    *values.select_nth_unstable_by(at, f32::total_cmp).1
}
