//! The closed line of equal value through a voxel, in one slice.

use crate::geometry::{VoxelBox, VoxelIndex};

use super::ImageVolume;
use super::flood::flooded;
use super::morphology::Crop;

/// What the line through `at` encloses in its slice across `normal_axis`: the connected voxels that are at least as bright
/// as `at`, or those at most as bright, with their holes filled; of the two the smaller one that does not reach the
/// slice's border. `None` where both do, and outside the volume: no closed line goes through there.
pub fn level_region(image: &ImageVolume, normal_axis: usize, at: VoxelIndex) -> Option<Crop> {
    let grid = image.grid();
    let slice = grid.bounds().slice(normal_axis, at.0[normal_axis]);
    let level = image.value(grid.offset_of(at)?);
    let brighter = flooded(grid, slice, at, |offset| image.value(offset) >= level);
    let darker = flooded(grid, slice, at, |offset| image.value(offset) <= level);
    let closed = [brighter, darker].into_iter().flatten();
    let closed = closed.filter(|region| !reaches_border(region.bounds, slice, normal_axis));
    let filled = closed.map(|region| region.holes_filled_across(normal_axis));
    filled.min_by_key(Crop::count)
}

fn reaches_border(bounds: VoxelBox, slice: VoxelBox, normal_axis: usize) -> bool {
    let mut in_plane = (0..3).filter(|&axis| axis != normal_axis);
    in_plane.any(|d| bounds.min[d] == slice.min[d] || bounds.max[d] == slice.max[d])
}
