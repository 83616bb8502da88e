//! The colour of every label value, as the shaders and their CPU twin look it up.

use crate::volume::{Label, LabelTable};

use super::context::RenderContext;

/// One colour for each of the 65536 label values.
pub(super) const COLORS: usize = 1 << 16;

/// sRGB and opacity (alpha 255 as opaque as fills are, 0 hidden) of every label value; values without an entry in the
/// table are shown in the palette's colour.
pub(super) fn color_table(table: &LabelTable) -> Vec<[u8; 4]> {
    let shown = |[r, g, b]: [u8; 3]| [r, g, b, u8::MAX];
    let mut colors: Vec<[u8; 4]> = (0..COLORS)
        .map(|v| shown(LabelTable::palette_color(v as u16)))
        .collect();
    for label in table.labels() {
        let [r, g, b] = label.color;
        let percent = u16::from(label.opacity_percent.min(Label::OPAQUE));
        let alpha = (percent * u16::from(u8::MAX) / u16::from(Label::OPAQUE)).max(1) as u8;
        colors[usize::from(label.value)] = [r, g, b, if label.visible { alpha } else { 0 }];
    }
    colors
}

/// The colours on the graphics device: 256 x 256 texels.
#[derive(Debug)]
pub(super) struct Colors {
    texture: wgpu::Texture,
    view: wgpu::TextureView,
    table: Option<LabelTable>,
    values: Vec<[u8; 4]>,
    version: u64,
}

impl Colors {
    pub(super) fn new(context: &RenderContext) -> Self {
        let side = 256;
        let texture = flat_texture(context, [side, side]);
        Self {
            view: texture.create_view(&wgpu::TextureViewDescriptor::default()),
            texture,
            table: None,
            values: Vec::new(),
            version: 0,
        }
    }

    /// Takes over the colours of a table; cheap when they are the same.
    pub(super) fn update(&mut self, context: &RenderContext, table: &LabelTable) {
        if self.table.as_ref() == Some(table) {
            return;
        }
        self.table = Some(table.clone());
        let values = color_table(table);
        if values == self.values {
            return;
        }
        self.version += 1;
        self.values = values;
        write_flat(context, &self.texture, &self.values);
    }

    pub(super) fn view(&self) -> &wgpu::TextureView {
        &self.view
    }

    /// Colour and visibility of every label value; empty before the first update.
    pub(super) fn values(&self) -> &[[u8; 4]] {
        &self.values
    }

    /// Counts changes of the values.
    pub(super) fn version(&self) -> u64 {
        self.version
    }
}

/// A table of sRGB colours; `size` is texels across and down.
pub(super) fn flat_texture(context: &RenderContext, [width, height]: [u32; 2]) -> wgpu::Texture {
    context.device.create_texture(&wgpu::TextureDescriptor {
        label: Some("colours"),
        size: wgpu::Extent3d {
            width,
            height,
            depth_or_array_layers: 1,
        },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba8Unorm,
        usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    })
}

/// Fills a table of colours, row by row.
pub(super) fn write_flat(context: &RenderContext, texture: &wgpu::Texture, values: &[[u8; 4]]) {
    context.queue.write_texture(
        texture.as_image_copy(),
        bytemuck::cast_slice(values),
        wgpu::TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some(4 * texture.width()),
            rows_per_image: None,
        },
        texture.size(),
    );
}
