//! Draws views into pictures, without a window.

use std::time::Duration;

use image::RgbaImage;

use crate::geometry::{OrbitView, SliceView};

use super::caps::{TextureLimits, device_descriptor};
use super::context::{RenderContext, target_texture};
use super::error::RenderError;
use super::scene::{Scene, SliceStyle};
use super::slice::SliceRenderer;
use super::volume3d::{VolumeRenderer, VolumeStyle};

const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

/// Longest wait for one picture.
const PATIENCE: Duration = Duration::from_secs(20);

/// A graphics device of our own with a slice renderer.
#[derive(Debug)]
pub struct Offscreen {
    device: wgpu::Device,
    queue: wgpu::Queue,
    renderer: SliceRenderer,
    volumes: VolumeRenderer,
    drawn_by: String,
}

impl Offscreen {
    /// Takes the best adapter there is, a software one too.
    pub fn new() -> Result<Self, RenderError> {
        Self::with_limits(|limits| limits)
    }

    /// The same with texture limits made from the device's.
    pub fn with_limits(
        limits: impl FnOnce(TextureLimits) -> TextureLimits,
    ) -> Result<Self, RenderError> {
        let adapter = request_adapter(wgpu::Backends::PRIMARY)
            .or_else(|_| request_adapter(wgpu::Backends::SECONDARY))
            .map_err(RenderError::NoAdapter)?;
        let info = adapter.get_info();
        let (device, queue) = pollster::block_on(
            adapter.request_device(&device_descriptor(&adapter)),
        )
        .map_err(|source| RenderError::NoDevice {
            adapter: info.name.clone(),
            source,
        })?;
        let limits = limits(TextureLimits::of(&device));
        let context = || RenderContext::new(&device, &queue, FORMAT).with_limits(limits);
        let is_software = info.device_type == wgpu::DeviceType::Cpu;
        Ok(Self {
            renderer: SliceRenderer::new(context()),
            volumes: VolumeRenderer::new(context(), is_software),
            drawn_by: format!("{} ({})", info.name, info.backend),
            device,
            queue,
        })
    }

    /// The adapter's name and its interface.
    pub fn drawn_by(&self) -> &str {
        &self.drawn_by
    }

    /// The renderer, to tell it what has changed.
    pub fn renderer(&mut self) -> &mut SliceRenderer {
        &mut self.renderer
    }

    /// The renderer of volumes, to tell it what has changed.
    pub fn volumes(&mut self) -> &mut VolumeRenderer {
        &mut self.volumes
    }

    /// Draws one view and reads it back.
    pub fn draw(
        &mut self,
        view_id: u64,
        view: &SliceView,
        scene: &Scene<'_>,
        style: &SliceStyle,
    ) -> Result<RgbaImage, RenderError> {
        self.drawn(
            view.size(),
            |own| own.renderer.prepare(view_id, view, scene, style),
            |own, pass| own.renderer.paint(pass, view_id),
        )
    }

    /// Draws a volume from outside, all of it being on the device, and reads it back.
    pub fn draw_volume(
        &mut self,
        view_id: u64,
        view: &OrbitView,
        scene: &Scene<'_>,
        style: &VolumeStyle,
    ) -> Result<RgbaImage, RenderError> {
        let prepare = |own: &mut Self| {
            own.volumes.prepare(view_id, view, scene, style);
            while own.volumes.is_uploading() {
                own.volumes.prepare(view_id, view, scene, style);
            }
        };
        self.drawn(view.size(), prepare, |own, pass| {
            own.volumes.paint(pass, view_id);
        })
    }

    fn drawn(
        &mut self,
        [width, height]: [u32; 2],
        prepare: impl FnOnce(&mut Self),
        paint: impl FnOnce(&Self, &mut wgpu::RenderPass<'_>),
    ) -> Result<RgbaImage, RenderError> {
        let limit = self.device.limits().max_texture_dimension_2d;
        if width.max(height) > limit {
            return Err(RenderError::TooLarge {
                width,
                height,
                limit,
            });
        }
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        prepare(self);
        let (target, target_view) = self.target(width, height);
        let readback = self.readback(&target);
        let mut encoder = self.device.create_command_encoder(&Default::default());
        encode(&mut encoder, &target_view, |pass| paint(self, pass));
        copy_out(&mut encoder, &target, &readback);
        self.queue.submit([encoder.finish()]);
        let picture = self.read(&readback, width, height);
        let errors = [
            pollster::block_on(validation.pop()),
            pollster::block_on(memory.pop()),
        ];
        match errors.into_iter().flatten().next() {
            Some(error) => Err(RenderError::Device(error.to_string())),
            None => picture,
        }
    }

    /// A target texture for [`Self::submit`].
    pub fn target(&self, width: u32, height: u32) -> (wgpu::Texture, wgpu::TextureView) {
        target_texture(
            &self.device,
            [width, height],
            FORMAT,
            wgpu::TextureUsages::COPY_SRC,
        )
    }

    /// Draws a prepared view into a target without waiting for it: the work of one frame of a window.
    pub fn submit(&self, target: &wgpu::TextureView, view_id: u64) {
        let mut encoder = self.device.create_command_encoder(&Default::default());
        encode(&mut encoder, target, |pass| {
            self.renderer.paint(pass, view_id);
        });
        self.queue.submit([encoder.finish()]);
    }

    /// Waits until the device has done everything submitted so far.
    pub fn wait(&self) -> Result<(), RenderError> {
        self.device
            .poll(wgpu::PollType::Wait {
                submission_index: None,
                timeout: Some(PATIENCE),
            })
            .map(|_| ())
            .map_err(|e| RenderError::Device(e.to_string()))
    }

    fn readback(&self, target: &wgpu::Texture) -> wgpu::Buffer {
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("picture"),
            size: u64::from(padded_row(target.width())) * u64::from(target.height()),
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        })
    }

    fn read(
        &self,
        readback: &wgpu::Buffer,
        width: u32,
        height: u32,
    ) -> Result<RgbaImage, RenderError> {
        let (sender, receiver) = std::sync::mpsc::channel();
        readback.map_async(wgpu::MapMode::Read, .., move |result| {
            // The receiver outlives the wait below; a failed send means that nobody is interested.
            let _ = sender.send(result);
        });
        self.wait()?;
        let failed = |e: &dyn std::fmt::Display| RenderError::Device(e.to_string());
        receiver
            .recv_timeout(PATIENCE)
            .map_err(|e| failed(&e))?
            .map_err(|e| failed(&e))?;
        let bytes = readback.get_mapped_range(..).map_err(|e| failed(&e))?;
        let mut picture = RgbaImage::new(width, height);
        let rows = bytes.chunks_exact(padded_row(width) as usize);
        for (out, row) in picture.chunks_exact_mut(4 * width as usize).zip(rows) {
            out.copy_from_slice(&row[..4 * width as usize]);
        }
        Ok(picture)
    }
}

/// The best adapter of these interfaces. OpenGL is asked last: merely asking makes it talk on stderr where
/// there is no display.
fn request_adapter(backends: wgpu::Backends) -> Result<wgpu::Adapter, wgpu::RequestAdapterError> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::HighPerformance,
        ..Default::default()
    }))
}

/// Bytes of a row in a buffer that a texture is copied to.
fn padded_row(width: u32) -> u32 {
    (4 * width).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT)
}

fn encode(
    encoder: &mut wgpu::CommandEncoder,
    target: &wgpu::TextureView,
    paint: impl FnOnce(&mut wgpu::RenderPass<'_>),
) {
    let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
        label: Some("picture"),
        color_attachments: &[Some(wgpu::RenderPassColorAttachment {
            view: target,
            depth_slice: None,
            resolve_target: None,
            ops: wgpu::Operations::default(),
        })],
        ..Default::default()
    });
    paint(&mut pass);
}

fn copy_out(encoder: &mut wgpu::CommandEncoder, target: &wgpu::Texture, readback: &wgpu::Buffer) {
    encoder.copy_texture_to_buffer(
        target.as_image_copy(),
        wgpu::TexelCopyBufferInfo {
            buffer: readback,
            layout: wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(padded_row(target.width())),
                rows_per_image: None,
            },
        },
        target.size(),
    );
}
