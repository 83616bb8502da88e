//! Prompts as a user would give them, made from the truth: for measuring models.

use glam::DVec3;

use crate::geometry::{Plane, VoxelBox, VoxelIndex};
use crate::volume::components::{Connectivity, largest_component};
use crate::volume::distance::squared_distance_mm;
use crate::volume::morphology::Crop;
use crate::volume::statistics::long_axis;
use crate::volume::{Grid, Mask};

use super::{Click, Drawing, Polarity};

/// The click that corrects `current` best: in the largest 26-connected component of its error, at the voxel
/// furthest from the component's surface (in mm; the volume's border is no surface); positive where the
/// target was missed, negative where there is too much. `None` when there is no error.
///
/// Of equally deep voxels the one nearest to the component's centre of gravity is taken.
///
/// # Panics
/// If the masks differ in dims.
pub fn correcting_click(current: &Mask, truth: &Mask) -> Option<Click> {
    assert_eq!(
        current.grid.dims, truth.grid.dims,
        "masks must lie on one grid"
    );
    let wrong = current.voxels.iter().zip(&truth.voxels);
    let error = Mask {
        grid: truth.grid,
        voxels: wrong
            .map(|(&c, &t)| u8::from((c != 0) != (t != 0)))
            .collect(),
    };
    // A margin of one voxel keeps the component's surroundings; further ones change no distance.
    let region = error.bounds()?.grown(1).clipped(error.grid.dims)?;
    let cropped = crop(&error, region);
    let component = largest_component(&cropped, region.size(), Connectivity::TwentySix)?;
    let deepest = deepest_voxel(&component, region.size(), truth.grid.spacing_mm());
    let voxel = VoxelIndex(std::array::from_fn(|d| region.min[d] + deepest.0[d]));
    let at = truth.grid.offset_of(voxel)?;
    let polarity = if truth.voxels[at] != 0 {
        Polarity::Positive
    } else {
        Polarity::Negative
    };
    Some(Click { voxel, polarity })
}

/// `tight` with every face moved outward by `percent` % of the box's side on that axis, rounded to voxels and
/// clipped to the grid.
pub fn loosened_box(tight: VoxelBox, percent: f64, grid: &Grid) -> VoxelBox {
    let size = tight.size();
    let margin: [i64; 3] =
        std::array::from_fn(|d| (size[d] as f64 * percent / 100.0).round() as i64);
    let loose = VoxelBox {
        min: std::array::from_fn(|d| tight.min[d] - margin[d]),
        max: std::array::from_fn(|d| tight.max[d] + margin[d]),
    };
    loose.clipped(grid.dims).unwrap_or(tight)
}

/// The long axis of a target's largest part (26-connected) in an axial slice, between the centres of two voxels, as a
/// reader draws it; `None` where no slice has two.
pub fn long_diameter(target: &Mask) -> Option<Drawing> {
    let grid = &target.grid;
    let bounds = target.bounds()?;
    let within = crop(target, bounds);
    let part = Crop {
        bounds,
        voxels: largest_component(&within, bounds.size(), Connectivity::TwentySix)?,
    };
    let ends = long_axis(&part, grid, Plane::Axial)?.map(VoxelIndex::center);
    let normal_axis = grid.normal_axis(Plane::Axial);
    Drawing::diameter(grid, normal_axis, ends, Polarity::Positive).ok()
}

fn crop(mask: &Mask, region: VoxelBox) -> Vec<u8> {
    let [ni, nj, nk] = region.size();
    let [i0, j0, k0] = region.min.map(|v| v as usize);
    let mut cropped = Vec::with_capacity(ni * nj * nk);
    for k in k0..k0 + nk {
        for j in j0..j0 + nj {
            let row = mask.grid.offset(i0, j, k);
            cropped.extend_from_slice(&mask.voxels[row..row + ni]);
        }
    }
    cropped
}

/// The voxel inside a non-empty component with the largest distance to its outside; of equals the one nearest to
/// the component's centre of gravity.
fn deepest_voxel(component: &[u8], dims: [usize; 3], spacing_mm: [f64; 3]) -> VoxelIndex {
    let [ni, nj, _] = dims;
    let spacing = DVec3::from_array(spacing_mm);
    let position = |at: usize| {
        let voxel = [at % ni, at / ni % nj, at / (ni * nj)];
        (voxel, DVec3::from_array(voxel.map(|v| v as f64)) * spacing)
    };
    let inside = || (0..component.len()).filter(|&at| component[at] != 0);
    let sum: DVec3 = inside().map(|at| position(at).1).sum();
    let center = sum / inside().count() as f64;
    let depth = squared_distance_mm(component, dims, spacing_mm);
    let from_center = |at: usize| position(at).1.distance_squared(center);
    let deepest = inside().max_by(|&a, &b| {
        let by_depth = depth[a].total_cmp(&depth[b]);
        by_depth.then_with(|| from_center(b).total_cmp(&from_center(a)))
    });
    VoxelIndex(position(deepest.unwrap_or(0)).0.map(|v| v as i64))
}
