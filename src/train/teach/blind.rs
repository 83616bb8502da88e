//! What can be said of a structure without looking: the mean of where it was in the other cases.
//!
//! A model that learnt a new structure must do better than that.

use crate::geometry::Orientation;
use crate::volume::{Grid, Mask};

/// Where the masks of other cases, each brought onto `grid` by its share of the field of view along the patient's axes,
/// mostly lie: as many voxels as they have on average.
pub(super) fn mean_shape(grid: &Grid, others: &[Mask]) -> Mask {
    let mut votes = vec![0u32; grid.len()];
    let own = Axes::of(grid);
    for other in others {
        let axes = Axes::of(&other.grid);
        for (v, vote) in votes.iter_mut().enumerate() {
            let [i, j, k] = axes.voxel(&other.grid, own.share(grid, grid.voxel_at(v).0));
            *vote += u32::from(other.voxels[other.grid.offset(i, j, k)] != 0);
        }
    }
    let share = |m: &Mask| m.count() as f64 / m.voxels.len().max(1) as f64;
    let mean = others.iter().map(share).sum::<f64>() / others.len().max(1) as f64;
    let wanted = (mean * grid.len() as f64).round() as usize;
    let least = (1..=others.len() as u32)
        .find(|&least| votes.iter().filter(|&&v| v >= least).count() <= wanted)
        .unwrap_or(others.len() as u32)
        .max(1);
    Mask {
        grid: *grid,
        voxels: votes.iter().map(|&v| u8::from(v >= least)).collect(),
    }
}

/// For each axis of the patient the voxel axis along it, and whether it runs that way.
struct Axes([(usize, bool); 3]);

impl Axes {
    fn of(grid: &Grid) -> Self {
        let orientation = Orientation::of(&grid.affine);
        Self(std::array::from_fn(|ras| {
            let axis = orientation.voxel_axis_of(ras);
            (axis, orientation.0[axis].ras().1)
        }))
    }

    /// Where a voxel lies in the field of view, 0 to 1 along the patient's axes.
    fn share(&self, grid: &Grid, voxel: [i64; 3]) -> [f64; 3] {
        self.0.map(|(axis, ahead)| {
            let share = (voxel[axis] as f64 + 0.5) / grid.dims[axis] as f64;
            if ahead { share } else { 1.0 - share }
        })
    }

    /// The voxel that lies there.
    fn voxel(&self, grid: &Grid, share: [f64; 3]) -> [usize; 3] {
        let mut voxel = [0; 3];
        for (ras, &(axis, ahead)) in self.0.iter().enumerate() {
            let share = if ahead { share[ras] } else { 1.0 - share[ras] };
            let length = grid.dims[axis];
            voxel[axis] = ((share * length as f64) as usize).min(length - 1);
        }
        voxel
    }
}
