//! The closed line of equal value through a voxel, in one slice.

use std::cell::Cell;

use crate::geometry::{VoxelBox, VoxelIndex};

use super::ImageVolume;
use super::flood::flooded;
use super::morphology::Crop;

/// What the line through `at` encloses in its slice across `normal_axis`: the connected voxels that are at least as bright
/// as `at`, or those at most as bright, with their holes filled; of the two the smaller one that does not reach the
/// slice's border. `None` where both do, and outside the volume: no closed line goes through there.
pub fn level_region(image: &ImageVolume, normal_axis: usize, at: VoxelIndex) -> Option<Crop> {
    let level = image.value(image.grid().offset_of(at)?);
    let brighter = enclosed(image, normal_axis, at, |value| value >= level);
    let darker = enclosed(image, normal_axis, at, |value| value <= level);
    let closed = [brighter, darker].into_iter().flatten();
    let filled = closed.map(|region| region.holes_filled_across(normal_axis));
    filled.min_by_key(Crop::count)
}

/// The voxels of the slice that are joined to `at` by accepted values; `None` where they reach the slice's border. Given up
/// as soon as one does: the line is sought anew wherever the pointer goes, and most regions reach the border.
fn enclosed(
    image: &ImageVolume,
    normal_axis: usize,
    at: VoxelIndex,
    accepts: impl Fn(f64) -> bool,
) -> Option<Crop> {
    let grid = image.grid();
    let slice = grid.bounds().slice(normal_axis, at.0[normal_axis]);
    let has_escaped = Cell::new(false);
    let region = flooded(grid, slice, at, |offset| {
        let is_accepted = !has_escaped.get() && accepts(image.value(offset));
        if is_accepted && is_at_border(slice, normal_axis, grid.voxel_at(offset)) {
            has_escaped.set(true);
        }
        is_accepted
    });
    region.filter(|_| !has_escaped.get())
}

fn is_at_border(slice: VoxelBox, normal_axis: usize, at: VoxelIndex) -> bool {
    let mut in_plane = (0..3).filter(|&axis| axis != normal_axis);
    in_plane.any(|d| at.0[d] == slice.min[d] || at.0[d] == slice.max[d])
}
