//! A brush that stays on its side of an edge.

use glam::DVec3;

use crate::geometry::{VoxelBox, VoxelPoint};

use super::flood::flooded;
use super::otsu::best_cut;
use super::{BrushTip, ImageVolume, sweep};

/// Share of the variance under the tip that two classes must explain to be two tissues. Of a normal distribution, which is
/// one tissue with noise, the best cut explains 2/pi = 0.64; of a uniform one, which is a slow slope, 0.75.
const EDGE: f64 = 0.8;

/// As [`sweep`], and of the voxels under the tip only those on the same side of an edge as the voxel in its middle: where
/// the values under the tip fall into two classes (Otsu), those of the middle's class that are connected to it. The tip is
/// set down anew every half radius.
pub fn edge_aware_sweep(
    image: &ImageVolume,
    tip: BrushTip,
    from: VoxelPoint,
    to: VoxelPoint,
    mut visit: impl FnMut(usize),
) -> Option<VoxelBox> {
    let along_mm = image.grid().affine.matrix().matrix3 * (to.0 - from.0);
    let steps = (along_mm.length() / (tip.radius_mm() / 2.0)).ceil();
    if !steps.is_finite() {
        return None;
    }
    let steps = steps.max(1.0);
    let mut touched: Option<VoxelBox> = None;
    for step in 0..=steps as usize {
        let at = from.0.lerp(to.0, step as f64 / steps);
        if let Some(there) = dab(image, tip, at, &mut visit) {
            touched = Some(touched.map_or(there, |b| b.union(there)));
        }
    }
    touched
}

/// The tip set down once.
fn dab(
    image: &ImageVolume,
    tip: BrushTip,
    at: DVec3,
    visit: &mut impl FnMut(usize),
) -> Option<VoxelBox> {
    let grid = image.grid();
    let at = VoxelPoint(tip.pinned(VoxelPoint(at)));
    let mut offsets = Vec::new();
    let bounds = sweep(grid, tip, at, at, |offset| offsets.push(offset))?;
    offsets.sort_unstable();
    offsets.dedup();
    let middle = at.nearest();
    let values: Vec<f64> = offsets.iter().map(|&o| image.value(o)).collect();
    let cut = grid.offset_of(middle).zip(edge_between(&values));
    let Some((middle_offset, cut)) = cut else {
        offsets.into_iter().for_each(visit);
        return Some(bounds);
    };
    let is_above = image.value(middle_offset) > cut;
    let belongs = |offset: usize| {
        (image.value(offset) > cut) == is_above && offsets.binary_search(&offset).is_ok()
    };
    let region = flooded(grid, bounds, middle, belongs)?;
    for (offset, _) in region.offsets(grid.dims) {
        visit(offset);
    }
    Some(region.bounds)
}

/// The value that divides these best into two classes (Otsu: the largest variance between them), the lower one included;
/// `None` where they are one tissue.
pub fn edge_between(values: &[f64]) -> Option<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let (cut, explained) = best_cut(&sorted)?;
    (explained > EDGE).then_some(cut)
}
