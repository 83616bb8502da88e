//! A box of values with its axes in the order a network wants them, the last one fastest.

use crate::util::short_debug;

use rayon::prelude::*;

/// Values of a box, row-major: the last axis is the fastest.
#[derive(Clone, PartialEq)]
pub struct VolumeArray {
    /// Length of each axis.
    pub dims: [usize; 3],
    /// The values.
    pub values: Vec<f32>,
}

short_debug! {
    VolumeArray: |array| format_args!("array {:?}", array.dims);
}

impl VolumeArray {
    /// A box of these values.
    ///
    /// # Panics
    /// When the lengths do not hold as many values.
    pub fn new(dims: [usize; 3], values: Vec<f32>) -> Self {
        assert_eq!(
            dims.iter().product::<usize>(),
            values.len(),
            "as many values as the lengths hold"
        );
        Self { dims, values }
    }

    /// The same value everywhere.
    pub fn filled(dims: [usize; 3], value: f32) -> Self {
        Self::new(dims, vec![value; dims.iter().product()])
    }

    /// Axis `d` of the result is axis `axes[d]`, reversed where `flipped[d]`.
    #[must_use]
    pub fn transposed(&self, axes: [usize; 3], flipped: [bool; 3]) -> Self {
        let strides = [self.dims[1] * self.dims[2], self.dims[2], 1];
        let dims = axes.map(|a| self.dims[a]);
        let from = |d: usize, at: usize| {
            let at = if flipped[d] { dims[d] - 1 - at } else { at };
            at * strides[axes[d]]
        };
        let mut values = vec![0.0; self.values.len()];
        values
            .par_chunks_mut(dims[2])
            .enumerate()
            .for_each(|(row, out)| {
                let start = from(0, row / dims[1]) + from(1, row % dims[1]);
                for (at, out) in out.iter_mut().enumerate() {
                    *out = self.values[start + from(2, at)];
                }
            });
        Self { dims, values }
    }

    /// Undoes [`Self::transposed`] with the same arguments.
    #[must_use]
    pub fn transposed_back(&self, axes: [usize; 3], flipped: [bool; 3]) -> Self {
        let mut inverse = [0; 3];
        let mut back = [false; 3];
        for (to, &from) in axes.iter().enumerate() {
            inverse[from] = to;
            back[from] = flipped[to];
        }
        self.transposed(inverse, back)
    }

    /// Each axis `factors` times as long, rounded down; linear, the factor itself setting the sampled places:
    /// PyTorch's `interpolate` with `scale_factor`, `align_corners=False`.
    #[must_use]
    pub fn rescaled(&self, factors: [f64; 3]) -> Self {
        self.sampled(std::array::from_fn(|d| {
            let length = (self.dims[d] as f64 * factors[d]).floor() as usize;
            (length.max(1), (1.0 / factors[d]) as f32)
        }))
    }

    /// Resized to these lengths, linear: PyTorch's `interpolate` with `size`, `align_corners=False`.
    #[must_use]
    pub fn resized(&self, dims: [usize; 3]) -> Self {
        self.sampled(std::array::from_fn(|d| {
            (dims[d], self.dims[d] as f32 / dims[d] as f32)
        }))
    }

    /// Resized to these lengths, each voxel the value of the nearest one.
    #[must_use]
    pub fn nearest(&self, dims: [usize; 3]) -> Self {
        let places: [Vec<usize>; 3] = std::array::from_fn(|d| {
            let step = self.dims[d] as f64 / dims[d] as f64;
            let place = |at: usize| ((at as f64 + 0.5) * step) as usize;
            (0..dims[d])
                .map(|at| place(at).min(self.dims[d] - 1))
                .collect()
        });
        let [_, dj, dk] = self.dims;
        let mut values = Vec::with_capacity(dims.iter().product());
        for i in &places[0] {
            for j in &places[1] {
                values.extend(places[2].iter().map(|k| self.values[(i * dj + j) * dk + k]));
            }
        }
        Self { dims, values }
    }

    /// For each axis the new length and the step between samples.
    fn sampled(&self, axes: [(usize, f32); 3]) -> Self {
        let places: [Vec<(usize, usize, f32)>; 3] =
            std::array::from_fn(|d| samples(self.dims[d], axes[d].0, axes[d].1));
        let dims = axes.map(|axis| axis.0);
        let [_, dj, dk] = self.dims;
        let at = |i: usize, j: usize, k: usize| self.values[(i * dj + j) * dk + k];
        let mut values = vec![0.0; dims.iter().product()];
        let mix = |a: f32, b: f32, share: f32| a + (b - a) * share;
        values
            .par_chunks_mut(dims[2])
            .enumerate()
            .for_each(|(row, out)| {
                let (i0, i1, si) = places[0][row / dims[1]];
                let (j0, j1, sj) = places[1][row % dims[1]];
                for (out, &(k0, k1, sk)) in out.iter_mut().zip(&places[2]) {
                    let line = |i: usize, j: usize| mix(at(i, j, k0), at(i, j, k1), sk);
                    let plane = |i: usize| mix(line(i, j0), line(i, j1), sj);
                    *out = mix(plane(i0), plane(i1), si);
                }
            });
        Self { dims, values }
    }

    /// The box of `size` that starts at `start`, which may reach outside: `outside` there.
    #[must_use]
    pub fn cut(&self, start: [i64; 3], size: [usize; 3], outside: f32) -> Self {
        let mut cut = Self::filled(size, outside);
        for (from, to, length) in self.shared_rows(start, size) {
            cut.values[to..to + length].copy_from_slice(&self.values[from..from + length]);
        }
        cut
    }

    /// Writes `part` over the box that starts at `start`; what lies outside is left out.
    pub fn paste(&mut self, part: &Self, start: [i64; 3]) {
        for (to, from, length) in self.shared_rows(start, part.dims) {
            self.values[to..to + length].copy_from_slice(&part.values[from..from + length]);
        }
    }

    /// The rows that this box shares with one of `size` at `start`: offset here, offset there, length.
    pub fn shared_rows(&self, start: [i64; 3], size: [usize; 3]) -> Vec<(usize, usize, usize)> {
        let overlap = |d: usize| {
            let low = start[d].max(0);
            let high = (start[d] + size[d] as i64).min(self.dims[d] as i64);
            (low, high.max(low))
        };
        let [(i0, i1), (j0, j1), (k0, k1)] = [overlap(0), overlap(1), overlap(2)];
        let length = (k1 - k0) as usize;
        if length == 0 {
            return Vec::new();
        }
        let offset = |dims: [usize; 3], [i, j, k]: [i64; 3]| {
            (i as usize * dims[1] + j as usize) * dims[2] + k as usize
        };
        (i0..i1)
            .flat_map(|i| (j0..j1).map(move |j| (i, j)))
            .map(|(i, j)| {
                let there = [i - start[0], j - start[1], k0 - start[2]];
                (offset(self.dims, [i, j, k0]), offset(size, there), length)
            })
            .collect()
    }
}

/// For each of `length` places, `step` elements apart, the elements below and above and the share of the one above.
fn samples(from: usize, length: usize, step: f32) -> Vec<(usize, usize, f32)> {
    let last = from - 1;
    (0..length)
        .map(|target| {
            let place = ((target as f32 + 0.5) * step - 0.5).max(0.0);
            let below = (place as usize).min(last);
            let share = (place - below as f32).clamp(0.0, 1.0);
            (below, (below + 1).min(last), share)
        })
        .collect()
}
