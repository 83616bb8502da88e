//! Masks smoothed by a median over balls or by Gaussians.
//!
//! Beyond the volume's border its voxels are repeated in reverse, so that the border is no surface. A result never lies
//! outside the bounds of the mask: no half-space without the centre has half of a ball or of a Gaussian.

use rayon::prelude::*;

use crate::geometry::VoxelBox;

use super::Grid;
use super::morphology::Crop;

/// Gaussians are cut off at this many standard deviations.
const TRUNCATE: f64 = 4.0;

impl Crop {
    /// The voxels of whose ball of radius `mm` more than half belong to the crop.
    pub fn median(&self, grid: &Grid, mm: f64) -> Self {
        let ball = Ball::of(grid.spacing_mm(), mm);
        let sums = RowSums::around(self, grid.dims, ball.reach);
        let [ni, nj, _] = self.dims();
        let mut result = Self::empty(self.bounds);
        result
            .voxels
            .par_chunks_exact_mut(ni)
            .enumerate()
            .for_each_init(
                || vec![0u32; ni],
                |counts, (row, line)| {
                    counts.fill(0);
                    for &([dj, dk], half_width) in &ball.rows {
                        sums.add(counts, [row % nj + dj, row / nj + dk], half_width);
                    }
                    for (voxel, &count) in line.iter_mut().zip(counts.iter()) {
                        *voxel = u8::from(2 * count as usize > ball.voxels);
                    }
                },
            );
        result
    }

    /// How much of a Gaussian of standard deviation `sigma_mm` around each voxel of `within` lies in the crop, 0 to 1.
    pub fn gaussian(&self, grid: &Grid, sigma_mm: f64, within: VoxelBox) -> Vec<f32> {
        let kernels = grid.spacing_mm().map(|step_mm| kernel(sigma_mm / step_mm));
        let reach = std::array::from_fn(|d| (kernels[d].len() / 2) as i64);
        let around = self.moved_to(within.grown_by(reach).clamped(grid.dims));
        let mut field: Vec<f32> = around.voxels.iter().map(|&v| f32::from(v)).collect();
        for (axis, kernel) in kernels.iter().enumerate().filter(|(_, k)| k.len() > 1) {
            field = blurred(&field, around.dims(), axis, kernel);
        }
        let inner = within.relative_to(around.bounds.min);
        let rows = super::morphology::rows(around.dims(), inner);
        rows.flat_map(|row| field[row].iter().copied()).collect()
    }
}

/// A ball of voxels.
struct Ball {
    /// The steps in j and k to each of its rows, shifted to be at least 0, and how far the row goes to both sides.
    rows: Vec<([usize; 2], usize)>,
    /// Its radius in voxels along each axis.
    reach: [i64; 3],
    voxels: usize,
}

impl Ball {
    fn of(spacing_mm: [f64; 3], mm: f64) -> Self {
        /// Centres this far beyond the radius still count, in parts of it: numbers are rounded.
        const ROUNDING: f64 = 1e-6;
        let squared_mm2 = mm * mm * (1.0 + ROUNDING);
        let steps = |left_mm2: f64, d: usize| (left_mm2.sqrt() / spacing_mm[d]).floor() as i64;
        let reach: [i64; 3] = std::array::from_fn(|d| steps(squared_mm2, d));
        let mut rows = Vec::new();
        let mut voxels = 0;
        for dk in -reach[2]..=reach[2] {
            for dj in -reach[1]..=reach[1] {
                let used =
                    (dj as f64 * spacing_mm[1]).powi(2) + (dk as f64 * spacing_mm[2]).powi(2);
                if used <= squared_mm2 {
                    let half_width = steps(squared_mm2 - used, 0) as usize;
                    let shifted = [(dj + reach[1]) as usize, (dk + reach[2]) as usize];
                    rows.push((shifted, half_width));
                    voxels += 2 * half_width + 1;
                }
            }
        }
        Self {
            rows,
            reach,
            voxels,
        }
    }
}

/// Running sums along the rows of a mask that goes on, mirrored, beyond the volume.
struct RowSums {
    /// For each row, one more than it has voxels.
    sums: Vec<u32>,
    /// Length of a row of sums, and rows in a slice.
    length: usize,
    rows: usize,
    /// Voxels before the crop's own in each row.
    before: usize,
}

impl RowSums {
    fn around(crop: &Crop, dims: [usize; 3], reach: [i64; 3]) -> Self {
        let bounds = crop.bounds.grown_by(reach);
        let [ni, nj, nk] = bounds.size();
        // Where in the crop each index along an axis is, if it is there.
        let places: [Vec<Option<usize>>; 3] = std::array::from_fn(|d| {
            let place = |index| {
                let inside = mirrored(index, dims[d]);
                let is_there = (crop.bounds.min[d]..=crop.bounds.max[d]).contains(&inside);
                is_there.then(|| (inside - crop.bounds.min[d]) as usize)
            };
            (bounds.min[d]..=bounds.max[d]).map(place).collect()
        });
        let [ci, cj, _] = crop.dims();
        let mut sums = vec![0; (ni + 1) * nj * nk];
        sums.par_chunks_exact_mut(ni + 1)
            .enumerate()
            .for_each(|(row, sums)| {
                let (Some(j), Some(k)) = (places[1][row % nj], places[2][row / nj]) else {
                    return;
                };
                let line = &crop.voxels[ci * (j + cj * k)..][..ci];
                for (at, place) in places[0].iter().enumerate() {
                    sums[at + 1] = sums[at] + place.map_or(0, |i| u32::from(line[i]));
                }
            });
        Self {
            sums,
            length: ni + 1,
            rows: nj,
            before: reach[0] as usize,
        }
    }

    /// Adds to each count of a row of the crop the voxels of row `[j, k]` no further than `half_width` along it.
    fn add(&self, counts: &mut [u32], [j, k]: [usize; 2], half_width: usize) {
        let row = &self.sums[self.length * (j + self.rows * k)..][..self.length];
        let low = &row[self.before - half_width..];
        let high = &row[self.before + half_width + 1..];
        for ((count, low), high) in counts.iter_mut().zip(low).zip(high) {
            *count += high - low;
        }
    }
}

/// The index that an index beyond the ends stands for: `c b a | a b c | c b a`.
fn mirrored(index: i64, length: usize) -> i64 {
    let length = length as i64;
    let folded = index.rem_euclid(2 * length);
    folded.min(2 * length - 1 - folded)
}

/// The weights of a Gaussian, whose sum is 1; of one voxel where there is nothing to spread.
fn kernel(sigma: f64) -> Vec<f32> {
    let reach = (TRUNCATE * sigma + 0.5).floor() as i64;
    if reach == 0 {
        return vec![1.0];
    }
    let weight = |at: i64| (-0.5 * (at as f64 / sigma).powi(2)).exp();
    let sum: f64 = (-reach..=reach).map(weight).sum();
    (-reach..=reach)
        .map(|at| (weight(at) / sum) as f32)
        .collect()
}

/// The values convolved along one axis; `i` fastest, mirrored at the ends.
fn blurred(values: &[f32], dims: [usize; 3], axis: usize, kernel: &[f32]) -> Vec<f32> {
    let reach = (kernel.len() / 2) as i64;
    let mut result = vec![0f32; values.len()];
    let [ni, nj, _] = dims;
    if axis == 0 {
        let lines = result
            .par_chunks_exact_mut(ni)
            .zip(values.par_chunks_exact(ni));
        lines.for_each_init(Vec::new, |longer: &mut Vec<f32>, (out, line)| {
            longer.clear();
            longer.extend((-reach..ni as i64 + reach).map(|i| line[mirrored(i, ni) as usize]));
            for (at, &weight) in kernel.iter().enumerate() {
                add_weighted(out, &longer[at..], weight);
            }
        });
        return result;
    }
    // Rows in which the axis is 1, slices in which it is 2, are added to each other whole.
    let stride = if axis == 1 { ni } else { ni * nj };
    result
        .par_chunks_exact_mut(ni)
        .enumerate()
        .for_each(|(row, out)| {
            let index = row * ni / stride % dims[axis];
            let first = row * ni - index * stride;
            for (at, &weight) in kernel.iter().enumerate() {
                let from = mirrored(index as i64 + at as i64 - reach, dims[axis]) as usize;
                add_weighted(out, &values[first + from * stride..], weight);
            }
        });
    result
}

fn add_weighted(to: &mut [f32], values: &[f32], weight: f32) {
    for (to, &value) in to.iter_mut().zip(values) {
        *to += weight * value;
    }
}
