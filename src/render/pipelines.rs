//! The pipelines, made when they are first needed. Each draws one triangle over the viewport.

use std::collections::HashMap;

use super::context::RenderContext;
use super::gpu_types::Variant;
use super::shader::{FILL_SOURCE, PICTURE_SOURCE, Stored, slice_source};

/// The slice shader with all its variants.
#[derive(Debug)]
pub(super) struct SlicePipelines {
    integer: SliceShader,
    float: SliceShader,
    colour: SliceShader,
    made: HashMap<Variant, wgpu::RenderPipeline>,
}

#[derive(Debug)]
struct SliceShader {
    shader: Shader,
    group: wgpu::BindGroupLayout,
}

/// Shows finished pictures.
#[derive(Debug)]
pub(super) struct PicturePipeline {
    pub(super) pipeline: wgpu::RenderPipeline,
    pub(super) group: wgpu::BindGroupLayout,
}

/// Fills surfaces; each colour has its pipeline.
#[derive(Debug)]
pub(super) struct FillPipelines {
    shader: Shader,
    made: HashMap<[u8; 3], wgpu::RenderPipeline>,
}

/// A source and what it is bound to.
#[derive(Debug)]
pub(super) struct Shader {
    label: &'static str,
    module: wgpu::ShaderModule,
    layout: wgpu::PipelineLayout,
}

impl SlicePipelines {
    pub(super) fn new(context: &RenderContext) -> Self {
        let shader = |stored| {
            let group = slice_group(&context.device, stored);
            SliceShader {
                shader: Shader::new(context, "slice", slice_source(stored), &[Some(&group)]),
                group,
            }
        };
        Self {
            integer: shader(Stored::Integer),
            float: shader(Stored::Float),
            colour: shader(Stored::Colour),
            made: HashMap::new(),
        }
    }

    /// Makes a variant, if it is not there yet.
    pub(super) fn prepare(&mut self, context: &RenderContext, variant: Variant) {
        if !self.made.contains_key(&variant) {
            let constants = [("FLAGS", f64::from(variant.flags))];
            let shader = &self.shader(variant.stored).shader;
            let pipeline = shader.pipeline(context, &constants);
            self.made.insert(variant, pipeline);
        }
    }

    /// A variant that was prepared.
    pub(super) fn get(&self, variant: Variant) -> Option<&wgpu::RenderPipeline> {
        self.made.get(&variant)
    }

    /// The layout of the bind group for scans of this kind.
    pub(super) fn group(&self, stored: Stored) -> &wgpu::BindGroupLayout {
        &self.shader(stored).group
    }

    fn shader(&self, stored: Stored) -> &SliceShader {
        match stored {
            Stored::Integer => &self.integer,
            Stored::Float => &self.float,
            Stored::Colour => &self.colour,
        }
    }
}

impl PicturePipeline {
    pub(super) fn new(context: &RenderContext) -> Self {
        let visibility = wgpu::ShaderStages::VERTEX_FRAGMENT;
        let entry = texture_entry(0, visibility, FLOAT, wgpu::TextureViewDimension::D2);
        let group = group_layout(&context.device, "picture", &[entry]);
        let source = PICTURE_SOURCE.to_owned();
        let shader = Shader::new(context, "picture", source, &[Some(&group)]);
        Self {
            pipeline: shader.pipeline(context, &[]),
            group,
        }
    }
}

impl FillPipelines {
    pub(super) fn new(context: &RenderContext) -> Self {
        Self {
            shader: Shader::new(context, "fill", FILL_SOURCE.to_owned(), &[]),
            made: HashMap::new(),
        }
    }

    /// Makes the pipeline of a colour in sRGB, if it is not there yet.
    pub(super) fn prepare(&mut self, context: &RenderContext, color: [u8; 3]) {
        let encoded = |value: u8| {
            let value = f64::from(value) / 255.0;
            match context.target.is_srgb() {
                false => value,
                true if value <= 0.04045 => value / 12.92,
                true => ((value + 0.055) / 1.055).powf(2.4),
            }
        };
        let [red, green, blue] = color.map(encoded);
        self.made.entry(color).or_insert_with(|| {
            let constants = [("RED", red), ("GREEN", green), ("BLUE", blue)];
            self.shader.pipeline(context, &constants)
        });
    }

    /// The pipeline of a colour that was prepared.
    pub(super) fn get(&self, color: [u8; 3]) -> Option<&wgpu::RenderPipeline> {
        self.made.get(&color)
    }
}

impl Shader {
    pub(super) fn new(
        context: &RenderContext,
        label: &'static str,
        source: String,
        groups: &[Option<&wgpu::BindGroupLayout>],
    ) -> Self {
        let device = &context.device;
        Self {
            label,
            module: device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some(label),
                source: wgpu::ShaderSource::Wgsl(source.into()),
            }),
            layout: device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: Some(label),
                bind_group_layouts: groups,
                immediate_size: 0,
            }),
        }
    }

    /// Draws with these values of the source's overrides.
    pub(super) fn pipeline(
        &self,
        context: &RenderContext,
        constants: &[(&str, f64)],
    ) -> wgpu::RenderPipeline {
        let compilation_options = wgpu::PipelineCompilationOptions {
            constants,
            ..Default::default()
        };
        let descriptor = wgpu::RenderPipelineDescriptor {
            label: Some(self.label),
            layout: Some(&self.layout),
            vertex: wgpu::VertexState {
                module: &self.module,
                entry_point: Some("vertex"),
                compilation_options: compilation_options.clone(),
                buffers: &[],
            },
            primitive: wgpu::PrimitiveState::default(),
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module: &self.module,
                entry_point: Some("fragment"),
                compilation_options,
                targets: &[Some(context.target.into())],
            }),
            multiview_mask: None,
            cache: None,
        };
        context.device.create_render_pipeline(&descriptor)
    }
}

pub(super) const FLOAT: wgpu::TextureSampleType =
    wgpu::TextureSampleType::Float { filterable: false };

fn slice_group(device: &wgpu::Device, stored: Stored) -> wgpu::BindGroupLayout {
    let image = match stored {
        Stored::Integer => wgpu::TextureSampleType::Sint,
        Stored::Float => FLOAT,
        Stored::Colour => wgpu::TextureSampleType::Uint,
    };
    let visibility = wgpu::ShaderStages::FRAGMENT;
    let volume =
        |binding, kind| texture_entry(binding, visibility, kind, wgpu::TextureViewDimension::D3);
    let entries = [
        uniform_entry(0),
        volume(1, image),
        volume(2, wgpu::TextureSampleType::Uint),
        volume(3, wgpu::TextureSampleType::Uint),
        texture_entry(4, visibility, FLOAT, wgpu::TextureViewDimension::D2),
        volume(5, FLOAT),
    ];
    group_layout(device, "slice", &entries)
}

pub(super) fn group_layout(
    device: &wgpu::Device,
    label: &str,
    entries: &[wgpu::BindGroupLayoutEntry],
) -> wgpu::BindGroupLayout {
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some(label),
        entries,
    })
}

pub(super) fn uniform_entry(binding: u32) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::VERTEX_FRAGMENT,
        ty: wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Uniform,
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    }
}

pub(super) fn texture_entry(
    binding: u32,
    visibility: wgpu::ShaderStages,
    sample_type: wgpu::TextureSampleType,
    view_dimension: wgpu::TextureViewDimension,
) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility,
        ty: wgpu::BindingType::Texture {
            sample_type,
            view_dimension,
            multisampled: false,
        },
        count: None,
    }
}
