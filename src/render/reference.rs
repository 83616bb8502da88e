//! The CPU twin of `shaders/slice.wgsl`: the same picture, statement by statement, without a graphics
//! device. Draws where there is none, and is what the shader is tested against.

use glam::{IVec3, Vec2, Vec3};
use image::RgbaImage;
use rayon::prelude::*;

use crate::geometry::{SliceView, VoxelBox};
use crate::volume::{ColourMap, ImageVolume, Interpolation, Rgb};
use crate::with_voxels;

use super::color_table::color_table;
use super::gpu_types::SliceUniforms;
use super::scene::{OverlayVoxels, Scene, SliceStyle};
use super::slab::SlabSlices;
use super::texel::{StoredValue, Texels, value_texel};

/// Length of one dash of a proposal's outline, in pixels.
const DASH_PX: f32 = 4.0;

/// From this part of the window on, colours hide as much as they may.
const FULL_FROM: f32 = 0.25;

/// Where an outline looks for other labels, in units of its width.
const RING: [Vec2; 8] = [
    Vec2::new(1.0, 0.0),
    Vec2::new(-1.0, 0.0),
    Vec2::new(0.0, 1.0),
    Vec2::new(0.0, -1.0),
    Vec2::new(0.7, 0.7),
    Vec2::new(-0.7, 0.7),
    Vec2::new(0.7, -0.7),
    Vec2::new(-0.7, -0.7),
];

/// The picture of one view, gamma-encoded and opaque. The view's grid must be the scan's. Tilted views, which the device
/// does not draw, are drawn by this alone.
pub fn draw(view: &SliceView, scene: &Scene<'_>, style: &SliceStyle) -> RgbaImage {
    with_voxels!(scene.image.voxels(), v => draw_typed(v, view, scene, style))
}

fn draw_typed<T: StoredValue>(
    voxels: &[T],
    view: &SliceView,
    scene: &Scene<'_>,
    style: &SliceStyle,
) -> RgbaImage {
    let twin = Twin {
        uniforms: SliceUniforms::new(view, scene, style),
        is_tilted: view.is_tilted(),
        interpolation: style.interpolation,
        voxels,
        colours: scene.image.colours(),
        labels: (scene.label_layers().iter())
            .map(|map| OverlayVoxels::Labels(&map.voxels))
            .collect(),
        slab: SlabSlices::of(style.slab, view, scene.image)
            .map(|slab| slab.texels(scene.image, slice_of(view), 1)),
        second: scene.second.map(|s| s.image),
        is_second_alone: scene.second.is_some_and(|s| s.is_alone),
        proposal: scene.proposal_voxels(),
        colors: color_table(scene.table),
    };
    let [width, height] = view.size();
    let mut picture = RgbaImage::new(width, height);
    picture
        .par_chunks_exact_mut(4 * width as usize)
        .enumerate()
        .for_each(|(y, row)| {
            for (x, out) in row.chunks_exact_mut(4).enumerate() {
                let color = twin.fragment(Vec2::new(x as f32 + 0.5, y as f32 + 0.5));
                let [r, g, b] = color.to_array().map(|c| (c * 255.0 + 0.5) as u8);
                out.copy_from_slice(&[r, g, b, u8::MAX]);
            }
        });
    picture
}

struct Twin<'a, T> {
    uniforms: SliceUniforms,
    /// Pixels lie between slices.
    is_tilted: bool,
    interpolation: Interpolation,
    voxels: &'a [T],
    colours: Option<&'a [Rgb]>,
    /// The slice as it is seen, where several are taken together: its two axes in the order of the volume.
    slab: Option<Texels>,
    /// Of each layer, the lowest first.
    labels: Vec<OverlayVoxels<'a>>,
    second: Option<&'a ImageVolume>,
    is_second_alone: bool,
    proposal: Option<OverlayVoxels<'a>>,
    colors: Vec<[u8; 4]>,
}

/// All of a view's slice.
fn slice_of(view: &SliceView) -> VoxelBox {
    let mut of = VoxelBox::whole(view.grid().dims);
    let normal = view.normal_axis();
    let slice = view.slice().clamp(0, of.max[normal]);
    (of.min[normal], of.max[normal]) = (slice, slice);
    of
}

fn vec3([x, y, z, _]: [f32; 4]) -> Vec3 {
    Vec3::new(x, y, z)
}

fn ivec3([x, y, z, _]: [i32; 4]) -> IVec3 {
    IVec3::new(x, y, z)
}

fn nearest(voxel: Vec3) -> IVec3 {
    (voxel + 0.5).floor().as_ivec3()
}

/// The colour of a part of the window.
fn mapped(map: u32, value: f32) -> Vec3 {
    let clamped = |color: Vec3| color.clamp(Vec3::ZERO, Vec3::ONE);
    match map {
        m if m == ColourMap::InvertedGrey as u32 => Vec3::splat(1.0 - value),
        m if m == ColourMap::Hot as u32 => clamped(value * 3.0 - Vec3::new(0.0, 1.0, 2.0)),
        m if m == ColourMap::Rainbow as u32 => {
            clamped(1.5 - (value * 4.0 - Vec3::new(3.0, 2.0, 1.0)).abs())
        }
        _ => Vec3::splat(value),
    }
}

impl<T: StoredValue> Twin<'_, T> {
    fn fragment(&self, pixel: Vec2) -> Vec3 {
        let voxel = self.voxel_from_pixel(pixel);
        if !self.is_inside(voxel) {
            return Vec3::ZERO;
        }
        let base = match self.is_second_alone {
            true => Vec3::ZERO,
            false => self.brightness(voxel),
        };
        let base = self.with_second(base, voxel);
        let labelled = self.with_layers(base, pixel, voxel);
        match self.proposal {
            Some(proposal) => self.with_proposal(labelled, proposal, pixel, voxel),
            None => labelled,
        }
    }

    fn voxel_from_pixel(&self, pixel: Vec2) -> Vec3 {
        let u = &self.uniforms;
        vec3(u.voxel_origin) + vec3(u.voxel_per_x) * pixel.x + vec3(u.voxel_per_y) * pixel.y
    }

    fn is_inside(&self, voxel: Vec3) -> bool {
        let end = ivec3(self.uniforms.dims).as_vec3() - 0.5;
        voxel.cmpge(Vec3::splat(-0.5)).all() && voxel.cmplt(end).all()
    }

    fn offset(&self, voxel: IVec3) -> usize {
        let dims = ivec3(self.uniforms.dims);
        let v = voxel.clamp(IVec3::ZERO, dims - 1);
        v.x as usize + dims.x as usize * (v.y as usize + dims.y as usize * v.z as usize)
    }

    fn stored(&self, voxel: IVec3) -> Vec3 {
        if let Some(slab) = &self.slab {
            return self.seen(slab, voxel);
        }
        let offset = self.offset(voxel);
        match self.colours {
            Some(colours) => Vec3::from_array(colours[offset].map(f32::from)),
            None => Vec3::splat(self.voxels[offset].texel().into()),
        }
    }

    fn seen(&self, slab: &Texels, voxel: IVec3) -> Vec3 {
        let u = &self.uniforms;
        let dims = ivec3(u.dims);
        let v = voxel.clamp(IVec3::ZERO, dims - 1);
        let normal = IVec3::ONE - ivec3(u.axis_across) - ivec3(u.axis_down);
        let (x, y, width) = match normal.to_array() {
            [1, _, _] => (v.y, v.z, dims.y),
            [_, 1, _] => (v.x, v.z, dims.x),
            _ => (v.x, v.y, dims.x),
        };
        slab.at(x as usize + width as usize * y as usize)
    }

    fn interpolated(&self, voxel: Vec3) -> Vec3 {
        let base = voxel.floor().as_ivec3();
        let part = voxel - voxel.floor();
        if self.is_tilted {
            let in_slice = |base: IVec3| self.between(base, part, IVec3::X, IVec3::Y);
            return in_slice(base).lerp(in_slice(base + IVec3::Z), part.z);
        }
        let across = ivec3(self.uniforms.axis_across);
        let down = ivec3(self.uniforms.axis_down);
        self.between(base, part, across, down)
    }

    /// Between four voxels of a slice.
    fn between(&self, base: IVec3, part: Vec3, across: IVec3, down: IVec3) -> Vec3 {
        let u = part.dot(across.as_vec3());
        let v = part.dot(down.as_vec3());
        let mix = |a: Vec3, b: Vec3, t: f32| a * (1.0 - t) + b * t;
        let top = mix(self.stored(base), self.stored(base + across), u);
        let below = base + down;
        let bottom = mix(self.stored(below), self.stored(below + across), u);
        mix(top, bottom, v)
    }

    fn brightness(&self, voxel: Vec3) -> Vec3 {
        let u = &self.uniforms;
        let value = match self.interpolation {
            Interpolation::Linear => self.interpolated(voxel),
            Interpolation::Nearest => self.stored(nearest(voxel)),
        };
        (value * u.window_scale + u.window_offset).clamp(Vec3::ZERO, Vec3::ONE)
    }

    fn second_texel(&self, image: &ImageVolume, at: IVec3) -> f32 {
        let dims = ivec3(self.uniforms.second_dims);
        let v = at.clamp(IVec3::ZERO, dims - 1);
        let offset =
            v.x as usize + dims.x as usize * (v.y as usize + dims.y as usize * v.z as usize);
        value_texel(image.rescale(), image.voxels().stored(offset))
    }

    fn second_value(&self, image: &ImageVolume, at: Vec3) -> f32 {
        let (base, part) = (at.floor().as_ivec3(), at - at.floor());
        let mix = |a: f32, b: f32, t: f32| a * (1.0 - t) + b * t;
        let row = |at: IVec3| {
            let right = self.second_texel(image, at + IVec3::X);
            mix(self.second_texel(image, at), right, part.x)
        };
        let plane = |at: IVec3| mix(row(at), row(at + IVec3::Y), part.y);
        mix(plane(base), plane(base + IVec3::Z), part.z)
    }

    fn with_second(&self, base: Vec3, voxel: Vec3) -> Vec3 {
        let u = &self.uniforms;
        let Some(image) = self.second else {
            return base;
        };
        let at = vec3(u.second_origin)
            + vec3(u.second_per_i) * voxel.x
            + vec3(u.second_per_j) * voxel.y
            + vec3(u.second_per_k) * voxel.z;
        let end = ivec3(u.second_dims).as_vec3() - 0.5;
        if at.cmplt(Vec3::splat(-0.5)).any() || at.cmpge(end).any() {
            return base;
        }
        let value = self.second_value(image, at) * u.second_scale + u.second_offset;
        let value = value.clamp(0.0, 1.0);
        let mut weight = u.second_opacity;
        if u.second_map >= ColourMap::Hot as u32 {
            weight *= (value / FULL_FROM).min(1.0);
        }
        if self.is_second_alone {
            weight = 1.0;
        }
        base.lerp(mapped(u.second_map, value), weight)
    }

    fn label_at(&self, layer: OverlayVoxels<'_>, voxel: IVec3) -> u32 {
        let offset = self.offset(voxel);
        match layer {
            OverlayVoxels::Labels(labels) => u32::from(labels[offset]),
            OverlayVoxels::Mask(mask) if mask[offset] != 0 => self.uniforms.proposal_label,
            OverlayVoxels::Mask(_) => 0,
        }
    }

    /// Value, colour and opacity of the label shown here, unless there is none or it is hidden.
    fn shown_label(&self, layer: OverlayVoxels<'_>, voxel: Vec3) -> Option<(u32, Vec3, f32)> {
        let label = self.label_at(layer, nearest(voxel));
        let [r, g, b, alpha] = self.colors[label as usize];
        let color = Vec3::new(f32::from(r), f32::from(g), f32::from(b)) / 255.0;
        (label != 0 && alpha != 0).then_some((label, color, f32::from(alpha) / 255.0))
    }

    fn is_edge(&self, layer: OverlayVoxels<'_>, label: u32, pixel: Vec2, reach: f32) -> bool {
        RING.iter().any(|&direction| {
            let voxel = self.voxel_from_pixel(pixel + direction * reach);
            !self.is_inside(voxel) || self.label_at(layer, nearest(voxel)) != label
        })
    }

    fn is_outlined(&self, layer: OverlayVoxels<'_>, label: u32, pixel: Vec2) -> bool {
        let u = &self.uniforms;
        let reach = u.outline_px * if label == u.active_label { 2.0 } else { 1.0 };
        u.outline_px > 0.0 && self.is_edge(layer, label, pixel, reach)
    }

    fn outline_color(&self, label: u32, color: Vec3) -> Vec3 {
        let is_active = label == self.uniforms.active_label;
        color.lerp(Vec3::ONE, if is_active { 0.25 } else { 0.0 })
    }

    /// The shader has a shorter way for one layer, to the same colour.
    fn with_layers(&self, base: Vec3, pixel: Vec2, voxel: Vec3) -> Vec3 {
        let shown = |&layer: &OverlayVoxels<'_>| self.shown_label(layer, voxel);
        let fills = self.labels.iter().filter_map(shown);
        let filled = fills.fold(base, |below, (_, color, opacity)| {
            below.lerp(color, self.uniforms.fill_opacity * opacity)
        });
        // The uppermost outline hides those below it.
        let mut outlines = self.labels.iter().rev().filter_map(|&layer| {
            let (label, color, _) = self.shown_label(layer, voxel)?;
            let is_outlined = self.is_outlined(layer, label, pixel);
            is_outlined.then(|| self.outline_color(label, color))
        });
        outlines.next().unwrap_or(filled)
    }

    fn with_proposal(
        &self,
        base: Vec3,
        proposal: OverlayVoxels<'_>,
        pixel: Vec2,
        voxel: Vec3,
    ) -> Vec3 {
        let Some((label, color, _)) = self.shown_label(proposal, voxel) else {
            return base;
        };
        let u = &self.uniforms;
        if self.is_edge(proposal, label, pixel, u.outline_px.max(1.0) * 1.5) {
            let cell = (pixel / DASH_PX).floor();
            let is_dash = (cell.x + cell.y) as i32 & 1 == 0;
            return if is_dash {
                color.lerp(Vec3::ONE, 0.6)
            } else {
                color * 0.45
            };
        }
        base.lerp(color.lerp(Vec3::ONE, 0.35), u.fill_opacity * 0.6)
    }
}
