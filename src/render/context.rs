//! The graphics device with our pipelines, made once.

use super::caps::TextureLimits;
use super::shader::{Stored, slice_source};

/// Device, queue and pipelines for one kind of target.
#[derive(Debug)]
pub struct RenderContext {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) limits: TextureLimits,
    pub(super) target: wgpu::TextureFormat,
    integer: SlicePipeline,
    float: SlicePipeline,
    colour: SlicePipeline,
}

/// A pipeline and the layout of its only bind group.
#[derive(Debug)]
pub(super) struct SlicePipeline {
    pub(super) pipeline: wgpu::RenderPipeline,
    pub(super) layout: wgpu::BindGroupLayout,
}

impl RenderContext {
    /// Pipelines that draw into `target` (one sample, no depth) on this device.
    pub fn new(device: &wgpu::Device, queue: &wgpu::Queue, target: wgpu::TextureFormat) -> Self {
        Self {
            device: device.clone(),
            queue: queue.clone(),
            limits: TextureLimits::of(device),
            target,
            integer: SlicePipeline::new(device, target, Stored::Integer),
            float: SlicePipeline::new(device, target, Stored::Float),
            colour: SlicePipeline::new(device, target, Stored::Colour),
        }
    }

    /// The same with smaller textures than the device allows.
    pub fn with_limits(mut self, limits: TextureLimits) -> Self {
        self.limits = limits;
        self
    }

    pub(super) fn pipeline(&self, image: wgpu::TextureFormat) -> &SlicePipeline {
        match image {
            wgpu::TextureFormat::R32Float => &self.float,
            wgpu::TextureFormat::Rgba8Uint => &self.colour,
            _ => &self.integer,
        }
    }
}

impl SlicePipeline {
    fn new(device: &wgpu::Device, target: wgpu::TextureFormat, stored: Stored) -> Self {
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("slice"),
            source: wgpu::ShaderSource::Wgsl(slice_source(stored).into()),
        });
        let layout = bind_group_layout(device, stored);
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("slice"),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("slice"),
            layout: Some(&pipeline_layout),
            vertex: wgpu::VertexState {
                module: &module,
                entry_point: Some("vertex"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: &[],
            },
            primitive: wgpu::PrimitiveState::default(),
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module: &module,
                entry_point: Some("fragment"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                targets: &[Some(target.into())],
            }),
            multiview_mask: None,
            cache: None,
        });
        Self { pipeline, layout }
    }
}

fn bind_group_layout(device: &wgpu::Device, stored: Stored) -> wgpu::BindGroupLayout {
    let image = match stored {
        Stored::Integer => wgpu::TextureSampleType::Sint,
        Stored::Float => wgpu::TextureSampleType::Float { filterable: false },
        Stored::Colour => wgpu::TextureSampleType::Uint,
    };
    let texture = |binding, sample_type, view_dimension| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::FRAGMENT,
        ty: wgpu::BindingType::Texture {
            sample_type,
            view_dimension,
            multisampled: false,
        },
        count: None,
    };
    let volume =
        |binding, sample_type| texture(binding, sample_type, wgpu::TextureViewDimension::D3);
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("slice"),
        entries: &[
            wgpu::BindGroupLayoutEntry {
                binding: 0,
                visibility: wgpu::ShaderStages::VERTEX_FRAGMENT,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Uniform,
                    has_dynamic_offset: false,
                    min_binding_size: None,
                },
                count: None,
            },
            volume(1, image),
            volume(2, wgpu::TextureSampleType::Uint),
            volume(3, wgpu::TextureSampleType::Uint),
            texture(
                4,
                wgpu::TextureSampleType::Float { filterable: false },
                wgpu::TextureViewDimension::D2,
            ),
        ],
    })
}
