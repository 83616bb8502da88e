//! Sliding windows over a volume, as MONAI's `sliding_window_inference` lays and blends them.

use serde::{Deserialize, Serialize};

use crate::volume::VolumeArray;

/// How much the places of a window count where windows overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blend {
    /// All alike.
    Constant,
    /// By a bell curve of an eighth of the window's side, but a thousandth at least.
    Gaussian,
}

/// Windows of one size and how they overlap.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SlidingWindow {
    /// Voxels a side of a window.
    pub side: usize,
    /// Share of a window that the next one covers again.
    pub overlap: f64,
    /// How overlapping windows are weighted.
    pub blend: Blend,
}

/// Standard deviation of the bell curve over the window's side.
const SIGMA: f64 = 0.125;
/// Least weight of a voxel.
const LEAST: f32 = 1e-3;

impl SlidingWindow {
    /// Runs `predict` on each window and blends its channels; the result has a volume for each channel. Volumes smaller
    /// than a window are padded with zeros on both sides. `predict` hears how many windows are done and of how many.
    ///
    /// # Errors
    /// Whatever `predict` finds.
    pub fn run<E>(
        &self,
        volume: &VolumeArray,
        mut predict: impl FnMut(VolumeArray, (usize, usize)) -> Result<Vec<Vec<f32>>, E>,
    ) -> Result<Vec<VolumeArray>, E> {
        let size = [self.side; 3];
        let padded = volume.dims.map(|length| length.max(self.side));
        let before: [i64; 3] = std::array::from_fn(|d| ((padded[d] - volume.dims[d]) / 2) as i64);
        let starts = padded.map(|length| self.starts(length));
        let windows: Vec<[i64; 3]> = (starts[0].iter())
            .flat_map(|&i| starts[1].iter().map(move |&j| (i, j)))
            .flat_map(|(i, j)| starts[2].iter().map(move |&k| [i, j, k]))
            .map(|at| std::array::from_fn(|d| at[d] - before[d]))
            .collect();
        let importance = self.importance();
        let mut sums: Vec<VolumeArray> = Vec::new();
        let mut weights = VolumeArray::filled(volume.dims, 0.0);
        for (index, &start) in windows.iter().enumerate() {
            let window = volume.cut(start, size, 0.0);
            let channels = predict(window, (index, windows.len()))?;
            let rows = volume.shared_rows(start, size);
            sums.resize_with(channels.len(), || VolumeArray::filled(volume.dims, 0.0));
            for (sum, channel) in sums.iter_mut().zip(&channels) {
                add_rows(sum, &rows, |place| importance[place] * channel[place]);
            }
            add_rows(&mut weights, &rows, |place| importance[place]);
        }
        for sum in &mut sums {
            for (value, weight) in sum.values.iter_mut().zip(&weights.values) {
                *value /= weight;
            }
        }
        Ok(sums)
    }

    /// First voxels of the windows along an axis; the last one ends with the axis.
    fn starts(&self, length: usize) -> Vec<i64> {
        let step = if length == self.side {
            self.side
        } else {
            ((self.side as f64 * (1.0 - self.overlap)) as usize).max(1)
        };
        let count = (length - self.side).div_ceil(step) + 1;
        (0..count)
            .map(|window| (window * step).min(length - self.side) as i64)
            .collect()
    }

    fn importance(&self) -> Vec<f32> {
        let side = self.side;
        if self.blend == Blend::Constant {
            return vec![1.0; side.pow(3)];
        }
        let sigma = (SIGMA * side as f64) as f32;
        let middle = (side as f32 - 1.0) / 2.0;
        let bell: Vec<f32> = (0..side)
            .map(|at| (-(at as f32 - middle).powi(2) / (2.0 * sigma * sigma)).exp())
            .collect();
        let least = bell[0].powi(3).max(LEAST);
        (0..side.pow(3))
            .map(|place| {
                bell[place / (side * side)] * bell[place / side % side] * bell[place % side]
            })
            .map(|weight| weight.max(least))
            .collect()
    }
}

fn add_rows(sum: &mut VolumeArray, rows: &[(usize, usize, usize)], value: impl Fn(usize) -> f32) {
    for &(to, from, length) in rows {
        let out = &mut sum.values[to..to + length];
        for (out, place) in out.iter_mut().zip(from..from + length) {
            *out += value(place);
        }
    }
}
