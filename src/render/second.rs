//! The second scan of a scene on the graphics device: one 3D texture of 32-bit floats, brought there piece by piece.

use crate::geometry::VoxelBox;
use crate::volume::ImageVolume;

use super::context::RenderContext;
use super::texel::value_texels;
use super::volume_texture::{UPLOAD_BYTES, volume_texture};

/// Bytes of a texel.
const TEXEL_BYTES: usize = 4;

/// Its texture.
#[derive(Debug, Default)]
pub(super) struct SecondTexture {
    held: Option<Held>,
    /// Counts scans.
    version: u64,
    is_shown: bool,
}

#[derive(Debug)]
struct Held {
    texture: wgpu::Texture,
    view: wgpu::TextureView,
    dims: [usize; 3],
    /// The texture has every voxel, or every 2nd, 4th, ...
    step: usize,
    /// Planes of texels that are there.
    uploaded: usize,
}

/// What is bound of it.
pub(super) struct SecondBinding {
    pub(super) view: wgpu::TextureView,
    /// Texels along each axis.
    pub(super) texels: [usize; 3],
    /// Voxels a texel.
    pub(super) step: usize,
    pub(super) version: u64,
}

impl Held {
    fn texels(&self) -> [usize; 3] {
        self.dims.map(|n| n.div_ceil(self.step))
    }
}

impl SecondTexture {
    /// Another second scan is shown from now on, or none.
    pub(super) fn clear(&mut self) {
        self.held = None;
        self.version += 1;
    }

    /// Whether a part of what is shown still waits for its upload.
    pub(super) fn is_uploading(&self) -> bool {
        let is_partly = |h: &Held| h.uploaded < h.texels()[2];
        self.is_shown && self.held.as_ref().is_some_and(is_partly)
    }

    /// The scene does without it.
    pub(super) fn hide(&mut self) {
        self.is_shown = false;
    }

    /// The texture, once all of it is there; brings another piece of it.
    pub(super) fn bind(
        &mut self,
        context: &RenderContext,
        image: &ImageVolume,
        at_once: bool,
    ) -> Option<SecondBinding> {
        let dims = image.grid().dims;
        if self.held.as_ref().is_some_and(|h| h.dims != dims) {
            self.clear();
        }
        self.is_shown = true;
        let held = self.held.get_or_insert_with(|| Held::new(context, dims));
        held.upload(context, image, at_once);
        (held.uploaded == held.texels()[2]).then(|| SecondBinding {
            view: held.view.clone(),
            texels: held.texels(),
            step: held.step,
            version: self.version,
        })
    }
}

impl Held {
    fn new(context: &RenderContext, dims: [usize; 3]) -> Self {
        let mut step = 1;
        let texels = |step: usize| dims.map(|n| n.div_ceil(step));
        while !context.limits.may_hold(texels(step), TEXEL_BYTES) {
            step *= 2;
        }
        let format = wgpu::TextureFormat::R32Float;
        let (texture, view) = volume_texture(&context.device, texels(step), format);
        Self {
            texture,
            view,
            dims,
            step,
            uploaded: 0,
        }
    }

    fn upload(&mut self, context: &RenderContext, image: &ImageVolume, at_once: bool) {
        let [ni, nj, nk] = self.texels();
        if self.uploaded == nk {
            return;
        }
        let planes = match at_once {
            true => nk,
            false => (UPLOAD_BYTES / (ni * nj * TEXEL_BYTES)).clamp(1, nk),
        };
        let end = (self.uploaded + planes).min(nk);
        let mut of = VoxelBox::whole(self.dims);
        of.min[2] = (self.uploaded * self.step) as i64;
        of.max[2] = of.max[2].min((end * self.step) as i64 - 1);
        let texels = value_texels(image, of, self.step);
        context.queue.write_texture(
            wgpu::TexelCopyTextureInfo {
                texture: &self.texture,
                mip_level: 0,
                origin: wgpu::Origin3d {
                    x: 0,
                    y: 0,
                    z: self.uploaded as u32,
                },
                aspect: wgpu::TextureAspect::All,
            },
            bytemuck::cast_slice(&texels),
            wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some((ni * TEXEL_BYTES) as u32),
                rows_per_image: Some(nj as u32),
            },
            wgpu::Extent3d {
                width: ni as u32,
                height: nj as u32,
                depth_or_array_layers: (end - self.uploaded) as u32,
            },
        );
        self.uploaded = end;
    }
}
