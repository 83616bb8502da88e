//! Where the model is least sure of its proposal.

use glam::DVec3;

use crate::geometry::{Plane, VoxelIndex};
use crate::volume::Grid;

use super::Case;

/// Uncertainty from which a voxel counts as unsure, in percent: one chance in four or more of being on the wrong side.
pub const UNSURE_PERCENT: u8 = 75;

impl Case {
    /// The place to look at next across the slices of a plane: in the slice with the most unsure voxels; where the cross-hair
    /// is in one of those places, in that with the next most, and after the last in the first again. A place is a slice
    /// that has no fewer than those beside it, so that the next is not the neighbour of the last. `None` where nothing is
    /// unsure, or nothing is known of it.
    pub fn least_sure(&self, plane: Plane) -> Option<VoxelIndex> {
        let grid = self.grid();
        let part = self.proposal()?.certainty.as_ref()?.on(grid)?;
        let axis = grid.normal_axis(plane);
        let unsure: Vec<VoxelIndex> = (part.offsets_above(UNSURE_PERCENT, grid))
            .map(|offset| grid.voxel_at(offset))
            .collect();
        let places = places(&unsure, axis, grid);
        let here = places
            .iter()
            .position(|slice| *slice == self.cross_hair.0[axis]);
        let slice = *places.get(here.map_or(0, |n| (n + 1) % places.len()))?;
        most_unsure(&unsure, axis, slice)
    }
}

/// The slices with no fewer unsure voxels than those beside them, those with the most first, of equals the lower one.
fn places(unsure: &[VoxelIndex], axis: usize, grid: &Grid) -> Vec<i64> {
    let mut counts = vec![0usize; grid.dims[axis]];
    for voxel in unsure {
        counts[voxel.0[axis] as usize] += 1;
    }
    let is_place = |n: usize| {
        let before = n.checked_sub(1).map_or(0, |b| counts[b]);
        let after = counts.get(n + 1).copied().unwrap_or(0);
        // Of several in a row that are equal, the first.
        counts[n] > before && counts[n] >= after
    };
    let mut places: Vec<usize> = (0..counts.len()).filter(|&n| is_place(n)).collect();
    places.sort_by_key(|&n| std::cmp::Reverse(counts[n]));
    places.into_iter().map(|n| n as i64).collect()
}

/// The unsure voxel of a slice that is nearest to the middle of all of them.
fn most_unsure(unsure: &[VoxelIndex], axis: usize, slice: i64) -> Option<VoxelIndex> {
    let in_slice: Vec<&VoxelIndex> = unsure.iter().filter(|v| v.0[axis] == slice).collect();
    let sum: DVec3 = in_slice.iter().map(|v| v.center().0).sum();
    let middle = sum / in_slice.len() as f64;
    let away = |v: &VoxelIndex| v.center().0.distance_squared(middle);
    let nearest = in_slice
        .into_iter()
        .min_by(|a, b| away(a).total_cmp(&away(b)));
    nearest.copied()
}
