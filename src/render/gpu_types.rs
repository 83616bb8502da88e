//! The uniforms, as the shaders declare them.

use bytemuck::{Pod, Zeroable};
use glam::DVec3;

use crate::geometry::SliceView;
use crate::volume::Interpolation;

use super::scene::{Proposal, Scene, SliceStyle};
use super::shader::Stored;
use super::texel::{Source, brightness_from_texel};

/// `SliceUniforms` of `shaders/shared/view.wgsl`, field by field; a test compares the layouts.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub struct SliceUniforms {
    /// Voxel position of the view's top left corner.
    pub voxel_origin: [f32; 4],
    /// Voxel step for one pixel to the right.
    pub voxel_per_x: [f32; 4],
    /// Voxel step for one pixel down.
    pub voxel_per_y: [f32; 4],
    /// Unit vector of the voxel axis that runs across the screen.
    pub axis_across: [i32; 4],
    /// Unit vector of the voxel axis that runs down the screen.
    pub axis_down: [i32; 4],
    /// Voxels along i, j, k, and the number of label layers.
    pub dims: [i32; 4],
    /// Voxel of the scan texture's first texel, and the binary logarithm of voxels per texel.
    pub image_texels: [i32; 4],
    /// The same of the label texture.
    pub label_texels: [i32; 4],
    /// The same of the proposal texture.
    pub proposal_texels: [i32; 4],
    /// The second scan's texel position of voxel (0, 0, 0).
    pub second_origin: [f32; 4],
    /// Its steps for one voxel along i.
    pub second_per_i: [f32; 4],
    /// And along j.
    pub second_per_j: [f32; 4],
    /// And along k.
    pub second_per_k: [f32; 4],
    /// Texels of the second scan along its axes.
    pub second_dims: [i32; 4],
    /// Width and height of the view in pixels.
    pub size: [f32; 2],
    /// Brightness per texel unit.
    pub window_scale: f32,
    /// Brightness of texel 0.
    pub window_offset: f32,
    /// Opacity of fills, 0 to 1.
    pub fill_opacity: f32,
    /// Width of outlines in pixels.
    pub outline_px: f32,
    /// The label drawn stronger; 0 for none.
    pub active_label: u32,
    /// The label of a proposed mask; 0 when the proposal holds label values.
    pub proposal_label: u32,
    /// Part of the second scan's window per unit of its values.
    pub second_scale: f32,
    /// Part of its window that value 0 is.
    pub second_offset: f32,
    /// How much it hides, 0 to 1.
    pub second_opacity: f32,
    /// The number of its colour map.
    pub second_map: u32,
}

impl SliceUniforms {
    /// The uniforms of a view, with textures that start at voxel 0 and hold every voxel.
    pub(super) fn new(view: &SliceView, scene: &Scene<'_>, style: &SliceStyle) -> Self {
        let point = |v: DVec3| [v.x as f32, v.y as f32, v.z as f32, 0.0];
        let unit = |axis: usize| std::array::from_fn(|d| i32::from(d == axis));
        let [origin, per_x, per_y] = view.voxel_from_pixel_columns();
        let [across, down] = view.in_plane_axes();
        let [ni, nj, nk] = scene.image.grid().dims.map(|n| n as i32);
        let (window_scale, window_offset) = brightness_from_texel(scene.image, style);
        let whole = [0; 4];
        let second = SecondUniforms::new(scene);
        Self {
            second_origin: point(second.origin),
            second_per_i: point(second.steps[0]),
            second_per_j: point(second.steps[1]),
            second_per_k: point(second.steps[2]),
            second_dims: second.dims,
            second_scale: second.scale,
            second_offset: second.offset,
            second_opacity: second.opacity,
            second_map: second.map,
            voxel_origin: point(origin),
            voxel_per_x: point(per_x),
            voxel_per_y: point(per_y),
            axis_across: unit(across),
            axis_down: unit(down),
            dims: [ni, nj, nk, scene.label_layers().len() as i32],
            image_texels: whole,
            label_texels: whole,
            proposal_texels: whole,
            size: view.size().map(|n| n as f32),
            window_scale,
            window_offset,
            fill_opacity: style.fill_opacity.clamp(0.0, 1.0),
            outline_px: style.outline_px.max(0.0),
            active_label: u32::from(style.active_label),
            proposal_label: match scene.proposal {
                Some(Proposal::Mask { label, .. }) => u32::from(label.max(1)),
                Some(Proposal::Labels(_)) | None => 0,
            },
        }
    }
}

/// What the uniforms say of the second scan; nothing where there is none.
#[derive(Default)]
struct SecondUniforms {
    origin: DVec3,
    steps: [DVec3; 3],
    dims: [i32; 4],
    scale: f32,
    offset: f32,
    opacity: f32,
    map: u32,
}

impl SecondUniforms {
    fn new(scene: &Scene<'_>) -> Self {
        let Some(second) = scene.second else {
            return Self::default();
        };
        let own = second.image.grid();
        let map = own.affine.inverse()
            * second.second_from_first.matrix()
            * scene.image.grid().affine.matrix();
        let [ni, nj, nk] = own.dims.map(|n| n as i32);
        let width = second.window.width.max(f64::MIN_POSITIVE);
        Self {
            origin: map.translation,
            steps: std::array::from_fn(|d| map.matrix3.col(d)),
            dims: [ni, nj, nk, 0],
            scale: (1.0 / width) as f32,
            offset: (-second.window.low() / width) as f32,
            opacity: second.opacity.clamp(0.0, 1.0),
            map: second.map as u32,
        }
    }
}

impl SliceUniforms {
    /// The same for a texture of the second scan that has every `step`th of its voxels.
    pub(super) fn with_second_texels(mut self, texels: [usize; 3], step: usize) -> Self {
        let scale = 1.0 / step as f32;
        for row in [
            &mut self.second_origin,
            &mut self.second_per_i,
            &mut self.second_per_j,
            &mut self.second_per_k,
        ] {
            *row = row.map(|v| v * scale);
        }
        let [ni, nj, nk] = texels.map(|n| n as i32);
        self.second_dims = [ni, nj, nk, 0];
        self
    }
}

/// What the slice shader is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Variant {
    pub(super) stored: Stored,
    /// `FLAGS` of `shaders/shared/view.wgsl`.
    pub(super) flags: u32,
}

impl Variant {
    const INTERPOLATE: u32 = 1;
    const HAS_LABELS: u32 = 2;
    const HAS_PROPOSAL: u32 = 4;
    /// The texture of scan, labels, proposal holds only the view's slice, whose normal is its last axis.
    const FLAT: [u32; 3] = [8, 16, 32];
    const IN_COLOUR: u32 = 64;
    const TARGET_IS_SRGB: u32 = 128;
    const HAS_LAYERS: u32 = 256;
    const HAS_SECOND: u32 = 512;
    const SECOND_ALONE: u32 = 1024;

    /// The variant for a scene whose scan, labels and proposal are flat or not.
    pub(super) fn new(
        scene: &Scene<'_>,
        style: &SliceStyle,
        is_flat: [bool; 3],
        has_second: bool,
        target: wgpu::TextureFormat,
    ) -> Self {
        let [flat_image, flat_labels, flat_proposal] = Self::FLAT;
        let set = [
            (
                style.interpolation == Interpolation::Linear,
                Self::INTERPOLATE,
            ),
            (!scene.label_layers().is_empty(), Self::HAS_LABELS),
            (scene.label_layers().len() > 1, Self::HAS_LAYERS),
            (scene.proposal_voxels().is_some(), Self::HAS_PROPOSAL),
            (is_flat[0], flat_image),
            (is_flat[1], flat_labels),
            (is_flat[2], flat_proposal),
            (scene.image.colours().is_some(), Self::IN_COLOUR),
            (target.is_srgb(), Self::TARGET_IS_SRGB),
            (has_second, Self::HAS_SECOND),
            (scene.second.is_some_and(|s| s.is_alone), Self::SECOND_ALONE),
        ];
        Self {
            stored: Stored::of(Source::Image(scene.image, None).format()),
            flags: set.iter().filter(|(on, _)| *on).map(|(_, bit)| bit).sum(),
        }
    }

    /// Whether any colour of a label can be seen.
    pub(super) fn shows_labels(self) -> bool {
        self.flags & (Self::HAS_LABELS | Self::HAS_PROPOSAL) != 0
    }
}
