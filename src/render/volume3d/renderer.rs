//! Draws volumes on the graphics device.

use std::collections::HashMap;

use crate::geometry::{OrbitView, VoxelBox};
use crate::render::color_table::{Colors, flat_texture, write_flat};
use crate::render::context::RenderContext;
use crate::render::picture::Picture;
use crate::render::pipelines::{
    FLOAT, PicturePipeline, Shader, group_layout, texture_entry, uniform_entry,
};
use crate::render::scene::Scene;
use crate::render::shader::VOLUME_SOURCE;

use super::condensed::{CondensedLabels, CondensedScan};
use super::presets::ENTRIES;
use super::{Preset, VolumeStyle, VolumeUniforms};

/// Texels along the longest side where a graphics card draws, and where the processor does.
const SIDE: [usize; 2] = [320, 160];

/// One scan and its labels, seen from outside in any number of views.
///
/// As with [`SliceRenderer`](crate::render::SliceRenderer): [`Self::prepare`] once per frame and view, then
/// [`Self::paint`]. Nothing is held on the device before the first view is prepared.
#[derive(Debug)]
pub struct VolumeRenderer {
    context: RenderContext,
    side: usize,
    drawing: Option<Drawing>,
    volume: Option<Volume>,
    views: HashMap<u64, View>,
    /// The colours that the labels were filled by: they say which labels are shown.
    shown: u64,
}

/// What is made with the first view.
#[derive(Debug)]
struct Drawing {
    pictures: PicturePipeline,
    shader: Shader,
    group: wgpu::BindGroupLayout,
    pipelines: HashMap<bool, wgpu::RenderPipeline>,
    smooth: wgpu::Sampler,
    colors: Colors,
}

#[derive(Debug)]
struct Volume {
    scan: CondensedScan,
    labels: CondensedLabels,
}

#[derive(Debug)]
struct View {
    uniforms: wgpu::Buffer,
    transfer: wgpu::Texture,
    preset: &'static str,
    picture: Picture<Key>,
}

/// Everything that a picture depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Key {
    uniforms: VolumeUniforms,
    preset: &'static str,
    voxels: [u64; 2],
    colors: u64,
}

impl VolumeRenderer {
    /// A renderer without views; `is_software` says that the processor draws.
    pub fn new(context: RenderContext, is_software: bool) -> Self {
        Self {
            side: SIDE[usize::from(is_software)].min(context.limits.side as usize),
            context,
            drawing: None,
            volume: None,
            views: HashMap::new(),
            shown: 0,
        }
    }

    /// Another scan is shown from now on, with its own labels.
    pub fn image_changed(&mut self) {
        self.volume = None;
        // Versions of the voxels count from 0 again.
        for view in self.views.values_mut() {
            view.picture.key = None;
        }
    }

    /// Labels have changed in this box.
    pub fn labels_changed(&mut self, changed: VoxelBox) {
        if let Some(volume) = &mut self.volume
            && let Some(changed) = changed.clipped(volume.scan.blocks().dims)
        {
            volume.labels.changed(changed);
        }
    }

    /// There is another proposal, or none any more.
    pub fn proposal_changed(&mut self) {
        if let Some(volume) = &mut self.volume {
            let all = VoxelBox::whole(volume.scan.blocks().dims);
            volume.labels.changed(all);
        }
    }

    /// Whether another frame brings more of the volume to the device.
    pub fn is_uploading(&self) -> bool {
        let is_filling = |v: &Volume| v.scan.is_filling() || v.labels.is_filling();
        !self.views.is_empty() && self.volume.as_ref().is_some_and(is_filling)
    }

    /// Frees what a closed view holds; with the last one, all there is.
    pub fn forget(&mut self, view_id: u64) {
        self.views.remove(&view_id);
        if self.views.is_empty() {
            self.volume = None;
        }
    }

    /// Brings to the device what the view needs, and draws it if it has changed. The view's grid must be the scan's.
    pub fn prepare(
        &mut self,
        view_id: u64,
        view: &OrbitView,
        scene: &Scene<'_>,
        style: &VolumeStyle,
    ) {
        let mut drawing = self
            .drawing
            .take()
            .unwrap_or_else(|| Drawing::new(&self.context));
        drawing.colors.update(&self.context, scene.table);
        let volume = self.filled(&drawing, scene, style);
        let uniforms = VolumeUniforms::new(
            view,
            style,
            volume.scan.blocks(),
            volume.scan.unit,
            volume.labels.around(),
        );
        let key = Key {
            uniforms,
            preset: style.preset.id,
            voxels: [volume.scan.version, volume.labels.version],
            colors: drawing.colors.version(),
        };
        let size = view.size().map(|n| n.div_ceil(style.quality.pixels()));
        let mut shown = self.view(view_id, &drawing, size, style.preset);
        if shown.picture.key != Some(key) {
            self.draw(&mut shown, &mut drawing, &volume, style.preset, key);
        }
        self.views.insert(view_id, shown);
        self.volume = Some(volume);
        self.drawing = Some(drawing);
    }

    /// Shows a prepared view over the whole viewport; nothing when it was never prepared.
    pub fn paint(&self, pass: &mut wgpu::RenderPass<'_>, view_id: u64) {
        if let Some(view) = self.views.get(&view_id)
            && let Some(drawing) = &self.drawing
        {
            view.picture.show(pass, &drawing.pictures);
        }
    }

    /// The textures, filled as far as one frame goes.
    fn filled(&mut self, drawing: &Drawing, scene: &Scene<'_>, style: &VolumeStyle) -> Volume {
        let dims = scene.image.grid().dims;
        if self
            .volume
            .as_ref()
            .is_some_and(|v| v.scan.blocks().dims != dims)
        {
            self.image_changed();
        }
        let mut volume = self.volume.take().unwrap_or_else(|| {
            let width = style.window.width;
            let scan = CondensedScan::new(&self.context, scene.image, width, self.side);
            let labels = CondensedLabels::new(&self.context, scan.blocks());
            Volume { scan, labels }
        });
        if self.shown != drawing.colors.version() {
            self.shown = drawing.colors.version();
            volume.labels.changed(VoxelBox::whole(dims));
        }
        volume.scan.fill(&self.context, scene.image);
        let colors = drawing.colors.values();
        volume.labels.fill(&self.context, scene, colors);
        volume
    }

    /// The view as it was, with a picture of this size and the transfer function of the preset.
    fn view(
        &mut self,
        view_id: u64,
        drawing: &Drawing,
        size: [u32; 2],
        preset: &'static Preset,
    ) -> View {
        let context = &self.context;
        let mut view = self.views.remove(&view_id).unwrap_or_else(|| View {
            uniforms: context.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("volume view"),
                size: size_of::<VolumeUniforms>() as u64,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            }),
            transfer: flat_texture(context, [ENTRIES as u32, 1]),
            preset: "",
            picture: Picture::new(context, &drawing.pictures, size),
        });
        if view.picture.size() != size {
            view.picture = Picture::new(context, &drawing.pictures, size);
        }
        if view.preset != preset.id {
            view.preset = preset.id;
            write_flat(context, &view.transfer, &preset.transfer());
        }
        view
    }

    fn draw(
        &mut self,
        view: &mut View,
        drawing: &mut Drawing,
        volume: &Volume,
        preset: &Preset,
        key: Key,
    ) {
        let context = &self.context;
        context
            .queue
            .write_buffer(&view.uniforms, 0, bytemuck::bytes_of(&key.uniforms));
        let group = drawing.bind_group(context, view, volume);
        let pipeline = drawing.pipeline(context, preset.is_mip);
        view.picture.draw(context, key, |pass| {
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, &group, &[]);
            pass.draw(0..3, 0..1);
        });
    }
}

impl Drawing {
    fn new(context: &RenderContext) -> Self {
        let device = &context.device;
        let group = volume_group(device);
        Self {
            pictures: PicturePipeline::new(context),
            shader: Shader::new(context, "volume", VOLUME_SOURCE.to_owned(), &[Some(&group)]),
            group,
            pipelines: HashMap::new(),
            smooth: device.create_sampler(&wgpu::SamplerDescriptor {
                label: Some("smooth"),
                mag_filter: wgpu::FilterMode::Linear,
                min_filter: wgpu::FilterMode::Linear,
                ..Default::default()
            }),
            colors: Colors::new(context),
        }
    }

    fn pipeline(&mut self, context: &RenderContext, is_mip: bool) -> &wgpu::RenderPipeline {
        let shader = &self.shader;
        self.pipelines.entry(is_mip).or_insert_with(|| {
            let on = |is_on: bool| if is_on { 1.0 } else { 0.0 };
            let constants = [
                ("IS_MIP", on(is_mip)),
                ("TARGET_IS_SRGB", on(context.target.is_srgb())),
            ];
            shader.pipeline(context, &constants)
        })
    }

    fn bind_group(&self, context: &RenderContext, view: &View, volume: &Volume) -> wgpu::BindGroup {
        let texture = |binding, view| wgpu::BindGroupEntry {
            binding,
            resource: wgpu::BindingResource::TextureView(view),
        };
        let transfer = view
            .transfer
            .create_view(&wgpu::TextureViewDescriptor::default());
        let [labelled, labels] = volume.labels.views();
        context
            .device
            .create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("volume view"),
                layout: &self.group,
                entries: &[
                    wgpu::BindGroupEntry {
                        binding: 0,
                        resource: view.uniforms.as_entire_binding(),
                    },
                    texture(1, volume.scan.view()),
                    texture(2, labelled),
                    texture(3, labels),
                    texture(4, self.colors.view()),
                    texture(5, &transfer),
                    wgpu::BindGroupEntry {
                        binding: 6,
                        resource: wgpu::BindingResource::Sampler(&self.smooth),
                    },
                ],
            })
    }
}

fn volume_group(device: &wgpu::Device) -> wgpu::BindGroupLayout {
    let visibility = wgpu::ShaderStages::FRAGMENT;
    let smooth = wgpu::TextureSampleType::Float { filterable: true };
    let flat =
        |binding, kind| texture_entry(binding, visibility, kind, wgpu::TextureViewDimension::D2);
    let volume =
        |binding, kind| texture_entry(binding, visibility, kind, wgpu::TextureViewDimension::D3);
    let sampler = wgpu::BindGroupLayoutEntry {
        binding: 6,
        visibility,
        ty: wgpu::BindingType::Sampler(wgpu::SamplerBindingType::Filtering),
        count: None,
    };
    let entries = [
        uniform_entry(0),
        volume(1, smooth),
        volume(2, smooth),
        volume(3, wgpu::TextureSampleType::Uint),
        flat(4, FLOAT),
        flat(5, smooth),
        sampler,
    ];
    group_layout(device, "volume", &entries)
}
