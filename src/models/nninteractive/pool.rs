//! Thickening and thinning of arrays, and averages over windows.

use std::ops::Range;

use rayon::prelude::*;

/// The window by which prompts are thickened for a zoom: an odd number of voxels near 2 * zoom - 1.
pub fn window_of_zoom(zoom: f64) -> usize {
    let wanted = 2.0 * zoom - 1.0;
    let (above, below) = (wanted.ceil() as usize, wanted.floor() as usize);
    match (above % 2, below % 2) {
        (1, _) => above,
        (_, 1) => below,
        _ => above + 1,
    }
}

/// The largest value (by `larger`) of the window around each voxel; beyond the array's border there is nothing.
///
/// # Panics
/// When the values do not fill `dims`.
pub fn extreme<T: Copy + Send + Sync>(
    values: &[T],
    dims: [usize; 3],
    window: usize,
    larger: impl Fn(T, T) -> T + Sync,
) -> Vec<T> {
    let reach = window / 2;
    let mut found = values.to_vec();
    if reach == 0 || found.is_empty() {
        return found;
    }
    let along = |found: &mut Vec<T>, length: usize, stride: usize| {
        let before = found.clone();
        found
            .par_chunks_mut(length * stride)
            .zip(before.par_chunks(length * stride))
            .for_each(|(out, block)| {
                for at in 0..length {
                    let others = at.saturating_sub(reach)..(at + reach + 1).min(length);
                    let out = &mut out[at * stride..(at + 1) * stride];
                    for other in others {
                        let line = &block[other * stride..(other + 1) * stride];
                        for (out, &value) in out.iter_mut().zip(line) {
                            *out = larger(*out, value);
                        }
                    }
                }
            });
    };
    let [planes, rows, columns] = dims;
    along(&mut found, columns, 1);
    along(&mut found, rows, columns);
    along(&mut found, planes, rows * columns);
    found
}

/// A part of a larger array, which is 0 everywhere else.
#[derive(Clone, Copy)]
pub struct Part<'a, T> {
    /// Where its first voxel lies in the larger array; it may lie before it.
    pub start: [i64; 3],
    /// Its lengths.
    pub dims: [usize; 3],
    /// Its values, row-major.
    pub values: &'a [T],
}

impl<T: Copy + Default + Send + Sync> Part<'_, T> {
    /// The value at a place of the larger array.
    pub fn at(&self, place: [i64; 3]) -> T {
        let mut offset = 0;
        for d in 0..3 {
            let at = place[d] - self.start[d];
            if at < 0 || at >= self.dims[d] as i64 {
                return T::default();
            }
            offset = offset * self.dims[d] + at as usize;
        }
        self.values[offset]
    }

    /// Means over windows that share the larger array of lengths `from` among as many voxels as `to` has
    /// (`adaptive_avg_pool3d`).
    pub fn averaged(&self, from: [usize; 3], to: [usize; 3]) -> Vec<f32>
    where
        f32: From<T>,
    {
        let within: [Range<usize>; 3] = std::array::from_fn(|d| {
            let clip = |at: i64| at.clamp(0, from[d] as i64) as usize;
            clip(self.start[d])..clip(self.start[d] + self.dims[d] as i64)
        });
        let mut means = vec![0.0; to.iter().product()];
        if within.iter().any(Range::is_empty) {
            return means;
        }
        let windows = [0, 1, 2].map(|d| windows(from[d], to[d], &within[d]));
        let planes = means
            .par_chunks_mut((to[1] * to[2]).max(1))
            .zip(&windows[0]);
        planes.for_each(|(out, (planes, plane_share))| {
            if planes.is_empty() {
                return;
            }
            let mut sums = vec![0f32; within[1].len() * within[2].len()];
            for plane in planes.clone() {
                self.add_plane(plane, &within, &mut sums);
            }
            let rows = out.chunks_mut(to[2].max(1)).zip(&windows[1]);
            for (out, (rows, row_share)) in rows {
                let mut row_sums = vec![0f32; within[2].len()];
                for row in rows.clone() {
                    let start = (row - within[1].start) * within[2].len();
                    let line = &sums[start..start + within[2].len()];
                    row_sums.iter_mut().zip(line).for_each(|(sum, v)| *sum += v);
                }
                for (out, (columns, share)) in out.iter_mut().zip(&windows[2]) {
                    let inside = columns.start.saturating_sub(within[2].start)
                        ..columns.end.saturating_sub(within[2].start);
                    let sum: f32 = row_sums[inside].iter().sum();
                    *out = sum / (plane_share * row_share * share);
                }
            }
        });
        means
    }

    fn add_plane(&self, plane: usize, within: &[Range<usize>; 3], sums: &mut [f32])
    where
        f32: From<T>,
    {
        let of_part = |at: usize, d: usize| (at as i64 - self.start[d]) as usize;
        let lines = sums.chunks_mut(within[2].len());
        for (row, sums) in within[1].clone().zip(lines) {
            let line = of_part(plane, 0) * self.dims[1] + of_part(row, 1);
            let start = line * self.dims[2] + of_part(within[2].start, 2);
            let values = &self.values[start..start + within[2].len()];
            sums.iter_mut()
                .zip(values)
                .for_each(|(sum, v)| *sum += f32::from(*v));
        }
    }
}

/// For each voxel of the result its window, as far as there is something in it, and the window's whole length.
fn windows(from: usize, to: usize, within: &Range<usize>) -> Vec<(Range<usize>, f32)> {
    let window = |at: usize| {
        let (start, end) = (at * from / to, ((at + 1) * from).div_ceil(to));
        let there = start.max(within.start)..end.min(within.end);
        let there = if there.is_empty() {
            within.start..within.start
        } else {
            there
        };
        (there, (end - start) as f32)
    };
    (0..to).map(window).collect()
}
