//! The graphics device, the kind of target, and how large textures may become.

use super::caps::TextureLimits;

/// Where a renderer draws.
#[derive(Debug)]
pub struct RenderContext {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) limits: TextureLimits,
    pub(super) target: wgpu::TextureFormat,
}

impl RenderContext {
    /// Draws into `target` (one sample, no depth) on this device.
    pub fn new(device: &wgpu::Device, queue: &wgpu::Queue, target: wgpu::TextureFormat) -> Self {
        Self {
            device: device.clone(),
            queue: queue.clone(),
            limits: TextureLimits::of(device),
            target,
        }
    }

    /// The same with smaller textures than the device allows.
    pub fn with_limits(mut self, limits: TextureLimits) -> Self {
        self.limits = limits;
        self
    }
}

/// A texture that is drawn into and then used as `usage` says; `size` is width and height in pixels.
pub(super) fn target_texture(
    device: &wgpu::Device,
    [width, height]: [u32; 2],
    format: wgpu::TextureFormat,
    usage: wgpu::TextureUsages,
) -> (wgpu::Texture, wgpu::TextureView) {
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: Some("picture"),
        size: wgpu::Extent3d {
            width,
            height,
            depth_or_array_layers: 1,
        },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | usage,
        view_formats: &[],
    });
    let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
    (texture, view)
}
