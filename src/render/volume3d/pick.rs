//! What is seen at a place of a picture of a volume: for picking with the pointer.

use crate::geometry::{OrbitView, VoxelBox, VoxelIndex, VoxelPoint};
use crate::render::color_table::color_table;
use crate::render::scene::Scene;

use super::VolumeStyle;
use super::seen::Seen;

/// Light that is left where something counts as seen.
const SEEN: f64 = 0.5;
/// Length of a step, in voxels of the shortest side.
const STEP: f64 = 0.5;

/// The voxel that is seen at a pixel position: of the surface of a label or a proposal, else where half of the light behind is hidden, in a
/// maximum projection where the maximum is; `None` where nothing is.
pub fn pick(
    view: &OrbitView,
    scene: &Scene<'_>,
    style: &VolumeStyle,
    (x, y): (f64, f64),
) -> Option<VoxelIndex> {
    let grid = view.grid();
    let start = view.voxel_from_pixel(x, y).0;
    let along = view.voxels_per_mm();
    let shortest = grid.spacing_mm().into_iter().fold(f64::INFINITY, f64::min);
    let step_mm = shortest * STEP;
    let shown = style.shown.unwrap_or(VoxelBox::whole(grid.dims));
    let is_shown = |v: VoxelIndex| (0..3).all(|d| (shown.min[d]..=shown.max[d]).contains(&v.0[d]));
    let colors = color_table(scene.table);
    let seen = Seen::new(scene, &colors);
    let mut light = 1.0;
    let mut most: Option<(f64, VoxelIndex)> = None;
    let steps = (view.depth_mm() / step_mm) as usize;
    for n in 0..=steps {
        let voxel = VoxelPoint(start + along * (n as f64 * step_mm)).nearest();
        let Some(at) = grid.offset_of(voxel).filter(|_| is_shown(voxel)) else {
            continue;
        };
        if style.label_opacity > 0.0 && seen.label(at) != 0 {
            return Some(voxel);
        }
        let value = scene.image.value(at);
        if style.preset.is_mip {
            if most.is_none_or(|(highest, _)| value > highest) {
                most = Some((value, voxel));
            }
            continue;
        }
        light *= (1.0 - style.preset.hides(value, style.window)).powf(step_mm);
        if light < SEEN {
            return Some(voxel);
        }
    }
    most.map(|(_, voxel)| voxel)
}
