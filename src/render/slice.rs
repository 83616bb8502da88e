//! Draws voxel slices with labels and proposals on the graphics device.

use std::collections::HashMap;

use crate::geometry::{SliceView, VoxelBox};

use super::color_table::Colors;
use super::context::RenderContext;
use super::gpu_types::{SliceUniforms, Variant};
use super::picture::{Picture, PictureKey, part_with_volume};
use super::pipelines::{FillPipelines, PicturePipeline, SlicePipelines};
use super::scene::{Scene, SliceStyle};
use super::second::{SecondBinding, SecondTexture};
use super::slab::SlabSlices;
use super::texel::Source;
use super::volume_texture::{Binding, Layer, volume_texture};

/// The slices of one scan in any number of views, and the plain surfaces around them.
///
/// Once per frame and view call [`Self::prepare`], then [`Self::paint`] inside a render pass whose viewport
/// is the view. Tell what has changed with [`Self::image_changed`], [`Self::labels_changed`] and
/// [`Self::proposal_changed`]; everything else is found out. A slice is drawn when its picture would be another
/// than the last; otherwise the last is shown again.
#[derive(Debug)]
pub struct SliceRenderer {
    context: RenderContext,
    slices: SlicePipelines,
    pictures: PicturePipeline,
    fills: FillPipelines,
    image: Layer,
    labels: Layer,
    proposal: Layer,
    second: SecondTexture,
    /// Dims of the scan that the layers hold.
    dims: [usize; 3],
    nothing: wgpu::TextureView,
    no_second: wgpu::TextureView,
    colors: Colors,
    views: HashMap<u64, View>,
    drawn: u64,
}

#[derive(Debug)]
struct View {
    uniforms: wgpu::Buffer,
    picture: Picture<PictureKey>,
}

impl SliceRenderer {
    /// A renderer without views.
    pub fn new(context: RenderContext) -> Self {
        let (_, nothing) = volume_texture(&context.device, [1; 3], wgpu::TextureFormat::R16Uint);
        let (_, no_second) = volume_texture(&context.device, [1; 3], wgpu::TextureFormat::R32Float);
        Self {
            second: SecondTexture::default(),
            no_second,
            slices: SlicePipelines::new(&context),
            pictures: PicturePipeline::new(&context),
            fills: FillPipelines::new(&context),
            image: Layer::default(),
            labels: Layer::default(),
            proposal: Layer::default(),
            dims: [0; 3],
            nothing,
            colors: Colors::new(&context),
            views: HashMap::new(),
            drawn: 0,
            context,
        }
    }

    /// Another scan is shown from now on, with its own labels.
    pub fn image_changed(&mut self) {
        self.image.clear();
        self.labels.clear();
        self.proposal.clear();
    }

    /// Another second scan is shown from now on, or none; another transform, window or colour map is found out.
    pub fn second_changed(&mut self) {
        self.second.clear();
    }

    /// Labels have changed in this box; the next [`Self::prepare`] uploads it.
    pub fn labels_changed(&mut self, changed: VoxelBox) {
        // Without any of our voxels in it, it is of a scan that the next `prepare` finds out about.
        if let Some(changed) = changed.clipped(self.dims) {
            self.labels.changed(changed);
        }
    }

    /// There is another proposal, or none any more.
    pub fn proposal_changed(&mut self) {
        self.proposal.changed(VoxelBox::whole(self.dims));
    }

    /// Whether a part of the volume still waits for its upload, so that another frame is worth drawing. The
    /// views are right all the while.
    pub fn is_uploading(&self) -> bool {
        let mut layers = [&self.image, &self.labels, &self.proposal].into_iter();
        layers.any(Layer::is_uploading) || self.second.is_uploading()
    }

    /// How many slices were drawn so far; those that were shown again do not count.
    pub fn drawn(&self) -> u64 {
        self.drawn
    }

    /// Frees what a closed view holds.
    pub fn forget(&mut self, view_id: u64) {
        self.views.remove(&view_id);
        for layer in [&mut self.image, &mut self.labels, &mut self.proposal] {
            layer.forget(view_id);
        }
    }

    /// Brings to the device what the view needs, and draws its slice if it has changed. The view's grid must be the
    /// scan's.
    pub fn prepare(
        &mut self,
        view_id: u64,
        view: &SliceView,
        scene: &Scene<'_>,
        style: &SliceStyle,
    ) {
        let dims = scene.image.grid().dims;
        if dims != self.dims {
            self.image_changed();
            self.dims = dims;
        }
        let slab = SlabSlices::of(style.slab, view, scene.image);
        let bindings = self.bind_layers(view_id, view, scene, slab);
        self.colors.update(&self.context, scene.table);
        let is_flat = bindings.each_ref().map(|b| b.is_flat);
        let second = self.bind_second(scene);
        let target = self.context.target;
        let variant = Variant::new(scene, style, is_flat, second.is_some(), target);
        let mut uniforms = SliceUniforms::new(view, scene, style);
        uniforms.image_texels = bindings[0].texels;
        uniforms.label_texels = bindings[1].texels;
        uniforms.proposal_texels = bindings[2].texels;
        if let Some(second) = &second {
            uniforms = uniforms.with_second_texels(second.texels, second.step);
        }
        let key = PictureKey {
            slab,
            second: second.as_ref().map(|s| s.version),
            variant,
            uniforms,
            voxels: bindings.each_ref().map(|b| b.version),
            colors: variant.shows_labels().then_some(self.colors.version()),
        };
        let mut prepared = self.view(view_id, view.size());
        if prepared.picture.key != Some(key) {
            self.draw(&mut prepared, view, key, (&bindings, second.as_ref()));
        }
        self.views.insert(view_id, prepared);
    }

    /// Shows a prepared view over the whole viewport; nothing when it was never prepared.
    pub fn paint(&self, pass: &mut wgpu::RenderPass<'_>, view_id: u64) {
        if let Some(view) = self.views.get(&view_id) {
            view.picture.show(pass, &self.pictures);
        }
    }

    /// Brings to the device what a surface in this sRGB colour needs.
    pub fn prepare_fill(&mut self, color: [u8; 3]) {
        self.fills.prepare(&self.context, color);
    }

    /// Fills the whole viewport with a colour; nothing when it was never prepared.
    pub fn paint_fill(&self, pass: &mut wgpu::RenderPass<'_>, color: [u8; 3]) {
        if let Some(pipeline) = self.fills.get(color) {
            pass.set_pipeline(pipeline);
            pass.draw(0..3, 0..1);
        }
    }

    /// The view as it was, with a picture of this size.
    fn view(&mut self, view_id: u64, size: [u32; 2]) -> View {
        let picture = || Picture::new(&self.context, &self.pictures, size);
        match self.views.remove(&view_id) {
            Some(view) if view.picture.size() == size => view,
            Some(view) => View {
                picture: picture(),
                ..view
            },
            None => View {
                uniforms: self.context.device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some("slice view"),
                    size: size_of::<SliceUniforms>() as u64,
                    usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                    mapped_at_creation: false,
                }),
                picture: picture(),
            },
        }
    }

    fn draw(
        &mut self,
        view: &mut View,
        slice: &SliceView,
        key: PictureKey,
        bindings: (&[Binding; 3], Option<&SecondBinding>),
    ) {
        self.context
            .queue
            .write_buffer(&view.uniforms, 0, bytemuck::bytes_of(&key.uniforms));
        self.slices.prepare(&self.context, key.variant);
        let Some(pipeline) = self.slices.get(key.variant) else {
            return;
        };
        let group = self.bind_group(&view.uniforms, key.variant, bindings);
        view.picture.draw(&self.context, key, |pass| {
            if let Some([x, y, width, height]) = part_with_volume(slice) {
                pass.set_scissor_rect(x, y, width, height);
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, &group, &[]);
                pass.draw(0..3, 0..1);
            }
        });
        self.drawn += 1;
    }

    /// The textures of scan, labels and proposal, in this order.
    fn bind_layers(
        &mut self,
        view_id: u64,
        view: &SliceView,
        scene: &Scene<'_>,
        slab: Option<SlabSlices>,
    ) -> [Binding; 3] {
        let dims = scene.image.grid().dims;
        let image = Source::Image(scene.image, slab);
        // Labels and proposal are counted even while there are none: they come with the first stroke.
        let bytes_per_voxel = image.bytes_per_texel() + 2 + 2;
        let may_be_whole = self.context.limits.hold(dims, bytes_per_voxel);
        let labels = Source::labels(scene.label_layers(), dims);
        let proposal = scene.proposal_voxels().map(|v| Source::Overlay(v, dims));
        let sources = [
            (&mut self.image, Some(image)),
            (&mut self.labels, labels),
            (&mut self.proposal, proposal),
        ];
        sources.map(|(layer, source)| match source {
            Some(source) => layer.bind(&self.context, &source, may_be_whole, view_id, view),
            None => {
                layer.hide();
                Binding {
                    view: self.nothing.clone(),
                    texels: [0; 4],
                    is_flat: false,
                    version: 0,
                }
            }
        })
    }

    /// The second scan, once it is on the device; at once where only slices are wanted of what is shown.
    fn bind_second(&mut self, scene: &Scene<'_>) -> Option<SecondBinding> {
        let Some(second) = scene.second else {
            self.second.hide();
            return None;
        };
        let at_once = self.context.limits.budget_bytes == 0;
        self.second.bind(&self.context, second.image, at_once)
    }

    fn bind_group(
        &self,
        uniforms: &wgpu::Buffer,
        variant: Variant,
        ([image, labels, proposal], second): (&[Binding; 3], Option<&SecondBinding>),
    ) -> wgpu::BindGroup {
        let second = second.map_or(&self.no_second, |s| &s.view);
        let texture = |binding, view| wgpu::BindGroupEntry {
            binding,
            resource: wgpu::BindingResource::TextureView(view),
        };
        self.context
            .device
            .create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("slice view"),
                layout: self.slices.group(variant.stored),
                entries: &[
                    wgpu::BindGroupEntry {
                        binding: 0,
                        resource: uniforms.as_entire_binding(),
                    },
                    texture(1, &image.view),
                    texture(2, &labels.view),
                    texture(3, &proposal.view),
                    texture(4, self.colors.view()),
                    texture(5, second),
                ],
            })
    }
}
