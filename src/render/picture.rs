//! The picture of a view, kept until something that it depends on has changed.

use crate::geometry::{SliceView, VoxelPoint};

use super::context::{RenderContext, target_texture};
use super::gpu_types::{SliceUniforms, Variant};
use super::pipelines::PicturePipeline;
use super::slab::SlabSlices;

/// Everything that a picture depends on: as long as it is equal, so is the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PictureKey {
    /// Which layers there are, how they lie on the device and how the scan is sampled.
    pub(super) variant: Variant,
    /// Plane, slice, camera, size, window and level, opacity, outline, active label, the proposed label.
    pub(super) uniforms: SliceUniforms,
    /// The state of this slice's voxels in scan, labels and proposal.
    pub(super) voxels: [u64; 3],
    /// The slices of the scan that are seen at once.
    pub(super) slab: Option<SlabSlices>,
    /// The state of the second scan's voxels.
    pub(super) second: Option<u64>,
    /// The state of the colours, where any label can be seen.
    pub(super) colors: Option<u64>,
}

/// A picture in the target's format, shown over all of its view. `K` says what it depends on.
#[derive(Debug)]
pub(super) struct Picture<K> {
    target: wgpu::TextureView,
    group: wgpu::BindGroup,
    size: [u32; 2],
    /// `None` until it is drawn.
    pub(super) key: Option<K>,
}

impl<K> Picture<K> {
    /// A picture of `size` pixels that is not drawn yet.
    pub(super) fn new(context: &RenderContext, shown_by: &PicturePipeline, size: [u32; 2]) -> Self {
        let usage = wgpu::TextureUsages::TEXTURE_BINDING;
        let (_, target) = target_texture(&context.device, size, context.target, usage);
        let group = context
            .device
            .create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("picture"),
                layout: &shown_by.group,
                entries: &[wgpu::BindGroupEntry {
                    binding: 0,
                    resource: wgpu::BindingResource::TextureView(&target),
                }],
            });
        Self {
            target,
            group,
            size,
            key: None,
        }
    }

    /// Width and height in pixels.
    pub(super) fn size(&self) -> [u32; 2] {
        self.size
    }

    /// Draws it; black where `paint` paints nothing.
    pub(super) fn draw(
        &mut self,
        context: &RenderContext,
        key: K,
        paint: impl FnOnce(&mut wgpu::RenderPass<'_>),
    ) {
        let mut encoder = context.device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("picture"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &self.target,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                    store: wgpu::StoreOp::Store,
                },
            })],
            ..Default::default()
        });
        paint(&mut pass);
        drop(pass);
        context.queue.submit([encoder.finish()]);
        self.key = Some(key);
    }

    /// Shows it over the whole viewport.
    pub(super) fn show(&self, pass: &mut wgpu::RenderPass<'_>, by: &PicturePipeline) {
        pass.set_pipeline(&by.pipeline);
        pass.set_bind_group(0, &self.group, &[]);
        pass.draw(0..3, 0..1);
    }
}

/// The pixels that may show the volume, as x, y, width and height; only these are worth shading.
pub(super) fn part_with_volume(view: &SliceView) -> Option<[u32; 4]> {
    let [across, down] = view.in_plane_axes();
    let dims = view.grid().dims;
    let corner = |on_right: bool, at_bottom: bool| {
        let mut voxel = glam::DVec3::splat(view.slice() as f64);
        for (axis, at_end) in [(across, on_right), (down, at_bottom)] {
            voxel[axis] = if at_end {
                dims[axis] as f64 - 0.5
            } else {
                -0.5
            };
        }
        view.pixel_from_voxel(VoxelPoint(voxel))
    };
    let corners = [
        corner(false, false),
        corner(true, false),
        corner(false, true),
        corner(true, true),
    ];
    let range = |values: [f64; 4], size: u32| {
        let low = values.into_iter().fold(f64::INFINITY, f64::min);
        let high = values.into_iter().fold(f64::NEG_INFINITY, f64::max);
        // A pixel more than needed, so that rounding takes none away.
        let start = (low.floor() - 1.0).clamp(0.0, f64::from(size)) as u32;
        let end = (high.ceil() + 1.0).clamp(0.0, f64::from(size)) as u32;
        (end > start).then_some((start, end - start))
    };
    let [columns, rows] = view.size();
    let (x, width) = range(corners.map(|c| c.0), columns)?;
    let (y, height) = range(corners.map(|c| c.1), rows)?;
    Some([x, y, width, height])
}
