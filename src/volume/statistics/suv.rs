//! Standardised uptake values (body weight) of PET.

use rayon::prelude::*;
use serde::Serialize;

use crate::volume::morphology::{Crop, rows};
use crate::volume::{Grid, ImageVolume};

use super::intensity::mean;

/// The share of SUVmax from which voxels count for MTV and TLG, unless a fixed SUV is asked for.
pub const MTV_SHARE: f64 = 0.41;

/// Radius of a ball of 1 ml.
const PEAK_RADIUS_MM: f64 = 6.203_504_908_994;

/// What SUV a value stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SuvScale {
    /// SUV (body weight, g/ml) per unit of the scan's values.
    pub per_value: f64,
}

/// What was injected into whom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tracer {
    /// Weight of the patient.
    pub weight_g: f64,
    /// Activity at the injection.
    pub dose_bq: f64,
    /// Half-life of the nuclide.
    pub half_life_s: f64,
    /// From the injection to the time that the values are corrected to.
    pub elapsed_s: f64,
}

impl Tracer {
    /// `SUV = value * weight / (dose * 2^(-elapsed / half-life))` for values of `bq_per_ml` Bq/ml each.
    pub fn scale(self, bq_per_ml: f64) -> SuvScale {
        let left_bq = self.dose_bq * (-self.elapsed_s / self.half_life_s).exp2();
        SuvScale {
            per_value: bq_per_ml * self.weight_g / left_bq,
        }
    }
}

/// How uptake is to be measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SuvAsked {
    /// What SUV a value stands for.
    pub scale: SuvScale,
    /// The SUV from which voxels count for MTV and TLG; `None` is [`MTV_SHARE`] of SUVmax.
    pub threshold: Option<f64>,
}

/// Uptake of a label.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Suv {
    /// Largest SUV of a voxel.
    pub max: f64,
    /// The largest mean SUV in a ball of 1 ml around a voxel of the label: of the scan's voxels, in the label or not,
    /// whose centres are in the ball.
    pub peak: f64,
    /// Mean SUV.
    pub mean: f64,
    /// Metabolic tumour volume: that of the label's voxels at or above the threshold.
    pub mtv_ml: f64,
    /// Total lesion glycolysis: MTV times the mean SUV of its voxels.
    pub tlg: f64,
    /// The threshold of MTV and TLG, an SUV.
    pub threshold: f64,
}

impl Suv {
    /// Measures a label whose finite values are `values`; `None` when there are none.
    pub(super) fn of(
        image: &ImageVolume,
        label: &Crop,
        values: &[f64],
        asked: SuvAsked,
    ) -> Option<Self> {
        let per_value = asked.scale.per_value;
        let max = values.iter().copied().reduce(f64::max)? * per_value;
        let threshold = asked.threshold.unwrap_or(MTV_SHARE * max);
        let suvs = values.iter().map(|v| v * per_value);
        let (count, sum) = suvs
            .filter(|&suv| suv >= threshold)
            .fold((0usize, 0.0), |(count, sum), suv| (count + 1, sum + suv));
        let voxel_ml = image.grid().affine.voxel_volume_mm3() / 1000.0;
        Some(Self {
            max,
            peak: highest_ball_mean(image, label)? * per_value,
            mean: mean(values) * per_value,
            mtv_ml: count as f64 * voxel_ml,
            tlg: sum * voxel_ml,
            threshold,
        })
    }
}

/// The highest mean of the finite values in a 1 ml ball around a voxel of the label.
fn highest_ball_mean(image: &ImageVolume, label: &Crop) -> Option<f64> {
    let grid = image.grid();
    let ball = ball_rows(grid);
    let centres = rows(grid.dims, label.bounds).flatten().zip(&label.voxels);
    let centres: Vec<usize> = centres.filter(|c| *c.1 != 0).map(|c| c.0).collect();
    let means = centres
        .into_par_iter()
        .filter_map(|centre| ball_mean(image, &ball, grid.voxel_at(centre).0));
    means.reduce_with(f64::max)
}

/// The mean of the finite values in a ball around a voxel, where it lies in the volume.
fn ball_mean(image: &ImageVolume, ball: &[([i64; 2], [i64; 2])], at: [i64; 3]) -> Option<f64> {
    let grid = image.grid();
    let [ni, nj, nk] = grid.dims.map(|n| n as i64);
    let (mut sum, mut count) = (0.0, 0usize);
    for &([j, k], [first, last]) in ball {
        let (j, k) = (at[1] + j, at[2] + k);
        if !(0..nj).contains(&j) || !(0..nk).contains(&k) {
            continue;
        }
        let inside = (at[0] + first).max(0)..(at[0] + last + 1).min(ni);
        for i in inside {
            let value = image.value(grid.offset(i as usize, j as usize, k as usize));
            if value.is_finite() {
                sum += value;
                count += 1;
            }
        }
    }
    (count > 0).then(|| sum / count as f64)
}

/// The rows of a 1 ml ball around a voxel: steps along j and k, and the first and last step along i.
fn ball_rows(grid: &Grid) -> Vec<([i64; 2], [i64; 2])> {
    let to_voxel = grid.affine.inverse().matrix3;
    // How far a ball reaches along a voxel axis is the length of that row of the inverse.
    let reach = |d: usize| (to_voxel.row(d).length() * PEAK_RADIUS_MM) as i64;
    let [ri, rj, rk] = [0, 1, 2].map(reach);
    let column = [0, 1, 2].map(|d| grid.affine.column(d));
    let is_in = |i: i64, j: i64, k: i64| {
        let place = column[0] * i as f64 + column[1] * j as f64 + column[2] * k as f64;
        place.length() <= PEAK_RADIUS_MM
    };
    let steps = (-rk..=rk).flat_map(|k| (-rj..=rj).map(move |j| (j, k)));
    steps
        .filter_map(|(j, k)| {
            let first = (-ri..=ri).find(|&i| is_in(i, j, k))?;
            let last = (first..=ri).rfind(|&i| is_in(i, j, k))?;
            Some(([j, k], [first, last]))
        })
        .collect()
}
