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
