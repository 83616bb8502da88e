//! The uniforms of `shaders/volume.wgsl`.

use bytemuck::{Pod, Zeroable};
use glam::DVec3;

use crate::geometry::{OrbitView, VoxelBox};

use super::VolumeStyle;
use super::condensed::Blocks;

/// `VolumeUniforms` of the shader, field by field; a test compares the layouts.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub struct VolumeUniforms {
    /// Where the line of sight of the upper left corner begins, in voxels.
    pub origin: [f32; 4],
    /// Voxel step for one pixel to the right.
    pub per_x: [f32; 4],
    /// Voxel step for one pixel down.
    pub per_y: [f32; 4],
    /// Voxels for each millimetre along the line of sight, and its length in mm.
    pub along: [f32; 4],
    /// First row of the matrix from steps in mm to steps in voxels.
    pub voxel_i: [f32; 4],
    /// Second row.
    pub voxel_j: [f32; 4],
    /// Third row.
    pub voxel_k: [f32; 4],
    /// The line of sight in the world.
    pub sight: [f32; 4],
    /// Texture coordinates for each voxel, and the length of a step in mm.
    pub texels: [f32; 4],
    /// Lower corner of what is shown, in voxels.
    pub low: [f32; 4],
    /// Upper corner.
    pub high: [f32; 4],
    /// Lower corner of what is labelled, in voxels.
    pub label_low: [f32; 4],
    /// Upper corner.
    pub label_high: [f32; 4],
    /// Scale and offset from texel to place in the transfer function, opacity of labels, pixels for each one drawn.
    pub look: [f32; 4],
}

impl VolumeUniforms {
    pub(super) fn new(
        view: &OrbitView,
        style: &VolumeStyle,
        blocks: Blocks,
        unit: f64,
        labelled: Option<VoxelBox>,
    ) -> Self {
        let vector = |v: DVec3, w: f64| [v.x as f32, v.y as f32, v.z as f32, w as f32];
        let origin = view.voxel_from_pixel(0.0, 0.0).0;
        let texels = blocks.texels();
        let per_voxel = DVec3::from_array(std::array::from_fn(|d| {
            1.0 / (blocks.voxels[d] * texels[d]) as f64
        }));
        let spacing = view.grid().spacing_mm();
        let texel_mm = (0..3).map(|d| spacing[d] * blocks.voxels[d] as f64);
        let step_mm = texel_mm.fold(f64::INFINITY, f64::min) * style.quality.steps();
        let matrix = view.grid().affine.inverse().matrix3;
        let [low, high] = corners(style.shown.unwrap_or(VoxelBox::whole(view.grid().dims)));
        let none = [DVec3::ONE, DVec3::NEG_ONE];
        let labels = labelled.filter(|_| style.label_opacity > 0.0);
        let [label_low, label_high] = labels.map_or(none, |of| {
            // A block's border is where it fades into the next.
            corners(of.grown_by(blocks.voxels.map(|n| n as i64)))
        });
        let [first, last] = style.preset.range(style.window);
        let scale = 1.0 / (last - first).max(f64::MIN_POSITIVE);
        Self {
            origin: vector(origin, 0.0),
            per_x: vector(view.voxel_from_pixel(1.0, 0.0).0 - origin, 0.0),
            per_y: vector(view.voxel_from_pixel(0.0, 1.0).0 - origin, 0.0),
            along: vector(view.voxels_per_mm(), view.depth_mm()),
            voxel_i: vector(matrix.row(0), 0.0),
            voxel_j: vector(matrix.row(1), 0.0),
            voxel_k: vector(matrix.row(2), 0.0),
            sight: vector(view.sight(), 0.0),
            texels: vector(per_voxel, step_mm),
            low: vector(low, 0.0),
            high: vector(high, 0.0),
            label_low: vector(label_low, 0.0),
            label_high: vector(label_high, 0.0),
            look: [
                (unit * scale) as f32,
                (-first * scale) as f32,
                style.label_opacity.clamp(0.0, 1.0),
                style.quality.pixels() as f32,
            ],
        }
    }
}

/// The outermost points of a box's voxels.
fn corners(of: VoxelBox) -> [DVec3; 2] {
    let point = |v: [i64; 3], by: f64| DVec3::from_array(v.map(|v| v as f64 + by));
    [point(of.min, -0.5), point(of.max, 0.5)]
}
