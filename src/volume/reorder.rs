//! Bringing voxels onto a grid that holds the same ones in another order.

use glam::DVec3;

use crate::geometry::{Affine, Orientation};

use super::Grid;

/// Voxels no further apart are the same ones, in voxels.
const SAME_VOXELS: f64 = 0.1;

/// Smaller differences are those of numbers rounded in files, in voxels: not worth a word.
const ROUNDING_VOXELS: f64 = 0.01;

/// How the voxels of one grid become those of another: axes exchanged and turned round, or left as they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Reordering {
    from_dims: [usize; 3],
    to_dims: [usize; 3],
    /// The source's axis that runs along each axis of the target.
    axes: [usize; 3],
    /// Whether it runs the other way.
    reversed: [bool; 3],
    /// How far the voxels lie apart at most, in voxels.
    shift_voxels: f64,
    /// Orientations of source and target, such as LPS and RAS.
    codes: [String; 2],
}

impl Reordering {
    /// How `from` becomes `to`; `None` where the two do not hold the same voxels, up to a tenth of one.
    pub fn between(from: &Grid, to: &Grid) -> Option<Self> {
        let as_it_is = ([0, 1, 2], [false; 3]);
        [Some(as_it_is), turned(from, to)]
            .into_iter()
            .flatten()
            .find_map(|(axes, reversed)| {
                let shift_voxels = to.shift_voxels(&reordered(from, axes, reversed)?);
                (shift_voxels < SAME_VOXELS).then(|| Self {
                    from_dims: from.dims,
                    to_dims: to.dims,
                    axes,
                    reversed,
                    shift_voxels,
                    codes: [from, to].map(|grid| Orientation::of(&grid.affine).code()),
                })
            })
    }

    /// What the user should know of it, one line each.
    pub fn doubts(&self) -> Vec<String> {
        let [from, to] = &self.codes;
        let turned = (!self.is_identity())
            .then(|| format!("its axes run {from}, the scan's {to}: reordered onto the scan"));
        let shifted = (self.shift_voxels > ROUNDING_VOXELS).then(|| {
            format!(
                "its grid is off the scan's by {:.3} of a voxel: taken as the same",
                self.shift_voxels
            )
        });
        turned.into_iter().chain(shifted).collect()
    }

    /// The voxels (`i` fastest) in the order of the target.
    ///
    /// # Panics
    /// If they are not as many as the source's grid has.
    pub fn apply<T: Copy>(&self, voxels: Vec<T>) -> Vec<T> {
        assert_eq!(voxels.len(), self.from_dims.iter().product::<usize>());
        if self.is_identity() {
            return voxels;
        }
        let [ni, nj, _] = self.from_dims;
        let strides = [1, ni, ni * nj];
        let offset_along = |d: usize, n: usize| {
            let axis = self.axes[d];
            let n = match self.reversed[d] {
                true => self.from_dims[axis] - 1 - n,
                false => n,
            };
            n * strides[axis]
        };
        let [ni, nj, nk] = self.to_dims;
        let along_i: Vec<usize> = (0..ni).map(|i| offset_along(0, i)).collect();
        let mut out = Vec::with_capacity(voxels.len());
        for k in 0..nk {
            for j in 0..nj {
                let row = offset_along(2, k) + offset_along(1, j);
                out.extend(along_i.iter().map(|i| voxels[row + i]));
            }
        }
        out
    }

    /// Whether no axis moves.
    pub fn is_identity(&self) -> bool {
        self.axes == [0, 1, 2] && self.reversed == [false; 3]
    }
}

/// For each axis of `to` the axis of `from` nearest to it, and whether that runs the other way; `None` where two
/// would take one.
fn turned(from: &Grid, to: &Grid) -> Option<([usize; 3], [bool; 3])> {
    let from_to = from.affine.inverse() * to.affine.matrix();
    let steps: [DVec3; 3] = std::array::from_fn(|d| from_to.matrix3.col(d));
    let axes = steps.map(|step| step.abs().max_position());
    let reversed = std::array::from_fn(|d| steps[d][axes[d]] < 0.0);
    let mut sorted = axes;
    sorted.sort_unstable();
    (sorted == [0, 1, 2]).then_some((axes, reversed))
}

/// `from` with its axes exchanged and turned round.
fn reordered(from: &Grid, axes: [usize; 3], reversed: [bool; 3]) -> Option<Grid> {
    let mut first = [0.0; 3];
    for (axis, reversed) in axes.into_iter().zip(reversed) {
        if reversed {
            first[axis] = from.dims[axis] as f64 - 1.0;
        }
    }
    let origin = from.affine.matrix().transform_point3(first.into());
    let column = |d: usize| {
        let sign = if reversed[d] { -1.0 } else { 1.0 };
        from.affine.column(axes[d]) * sign
    };
    let affine = Affine::from_columns(column(0), column(1), column(2), origin).ok()?;
    Some(Grid::new(axes.map(|axis| from.dims[axis]), affine))
}
