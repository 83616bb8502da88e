//! Exchanging and turning axes of row-major arrays.

use rayon::prelude::*;

use crate::geometry::{Affine, Axis, Orientation};
use crate::models::nnunet::stage::Reader;

/// Axis `d` of the result is axis `from[d]`, turned round where `flipped[d]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axes {
    from: [usize; 3],
    flipped: [bool; 3],
}

impl Axes {
    /// An exchange of axes, each of which is named once.
    pub fn exchanged(from: [usize; 3]) -> Self {
        Self {
            from,
            flipped: [false; 3],
        }
    }

    /// From a scan's array as it is stored (slice, row, column) to what a reader gives.
    pub fn of_reader(reader: Reader, affine: &Affine) -> Self {
        match reader {
            Reader::AsStored => Self::exchanged([0, 1, 2]),
            Reader::ClosestRas => {
                let directions = Orientation::of(affine);
                let voxel_axes = [2, 1, 0].map(|ras| directions.voxel_axis_of(ras));
                let runs_along = |axis: usize| Axis::ras(directions.0[axis]).1;
                Self {
                    from: voxel_axes.map(|axis| 2 - axis),
                    flipped: voxel_axes.map(|axis| !runs_along(axis)),
                }
            }
        }
    }

    /// What each axis has, in the new order.
    pub fn of<T: Copy>(self, each: [T; 3]) -> [T; 3] {
        self.from.map(|axis| each[axis])
    }

    /// A part of an array of these lengths, first and end along each axis, in the new order.
    pub fn of_ranges(self, ranges: [[i64; 2]; 3], dims: [usize; 3]) -> [[i64; 2]; 3] {
        let range = |d: usize| {
            let [first, end] = ranges[self.from[d]];
            let length = dims[self.from[d]] as i64;
            if self.flipped[d] {
                [length - end, length - first]
            } else {
                [first, end]
            }
        };
        [0, 1, 2].map(range)
    }

    /// The values in the new order.
    pub fn apply<T: Copy + Default + Send + Sync>(
        self,
        values: Vec<T>,
        dims: [usize; 3],
    ) -> Vec<T> {
        if self == Self::exchanged([0, 1, 2]) {
            return values;
        }
        let strides = [dims[1] * dims[2], dims[2], 1];
        let to = self.of(dims);
        let along = |d: usize, at: usize| {
            let at = if self.flipped[d] { to[d] - 1 - at } else { at };
            at * strides[self.from[d]]
        };
        let mut moved = vec![T::default(); values.len()];
        let rows = moved.par_chunks_mut(to[2].max(1)).enumerate();
        rows.for_each(|(row, out)| {
            let start = along(0, row / to[1]) + along(1, row % to[1]);
            for (at, out) in out.iter_mut().enumerate() {
                *out = values[start + along(2, at)];
            }
        });
        moved
    }

    /// What undoes it.
    #[must_use]
    pub fn inverse(self) -> Self {
        let mut from = [0; 3];
        let mut flipped = [false; 3];
        for (to, &axis) in self.from.iter().enumerate() {
            from[axis] = to;
            flipped[axis] = self.flipped[to];
        }
        Self { from, flipped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_runs_to_the_left_and_down_is_read_superior_anterior_right() {
        // Voxel axes: i to the feet, j to the left, k to the front.
        let affine = Affine::from_rows(&[
            [0.0, -2.0, 0.0, 9.0],
            [0.0, 0.0, 3.0, 0.0],
            [-1.0, 0.0, 0.0, 0.0],
        ]);
        let axes = Axes::of_reader(Reader::ClosestRas, &affine.unwrap());
        // The array is [k, j, i] of lengths 2, 3, 4: superior is i turned round, anterior k, right j turned round.
        assert_eq!(axes.of([2, 3, 4]), [4, 2, 3]);
        let values: Vec<usize> = (0..24).collect();
        let read = axes.apply(values.clone(), [2, 3, 4]);
        let at = |s: usize, a: usize, r: usize| read[(s * 2 + a) * 3 + r];
        let stored = |k: usize, j: usize, i: usize| (k * 3 + j) * 4 + i;
        assert_eq!(at(0, 0, 0), stored(0, 2, 3));
        assert_eq!(at(3, 1, 0), stored(1, 2, 0));
        assert_eq!(at(1, 1, 2), stored(1, 0, 2));
        assert_eq!(axes.inverse().apply(read, [4, 2, 3]), values);
        let part = axes.of_ranges([[0, 1], [1, 3], [0, 2]], [2, 3, 4]);
        assert_eq!(part, [[2, 4], [0, 1], [0, 2]]);
    }
}
