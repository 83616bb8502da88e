//! Voxels as the textures hold them, exactly: colours as four bytes, integers up to 16 bits as signed 16-bit
//! integers, everything else as 32-bit floats.

use std::sync::Arc;

use bytemuck::Pod;
use glam::Vec3;

use crate::geometry::VoxelBox;
use crate::volume::{ImageVolume, LabelMap, Rescale, Rgb};
use crate::with_voxels;

use super::scene::{OverlayVoxels, SliceStyle};
use super::slab::SlabSlices;

/// Values that are not numbers are shown as if this low; interpolation stays finite.
pub(super) const NOT_A_NUMBER: f32 = -1e30;

/// A voxel type and the texel that stands for it.
pub(super) trait StoredValue: Copy + Send + Sync + 'static {
    /// What the texture holds.
    type Texel: Pod + Into<f32> + Send + Sync;
    /// The texture's format.
    const FORMAT: wgpu::TextureFormat;
    /// Stored value minus texel.
    const OFFSET: f64;
    /// The texel of a stored value.
    fn texel(self) -> Self::Texel;
}

macro_rules! integer_texels {
    ($($stored:ty, $offset:expr);*) => {$(
        impl StoredValue for $stored {
            type Texel = i16;
            const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::R16Sint;
            const OFFSET: f64 = $offset as f64;
            #[inline]
            fn texel(self) -> i16 {
                (i32::from(self) - $offset) as i16
            }
        }
    )*};
}

macro_rules! float_texels {
    ($($stored:ty),*) => {$(
        impl StoredValue for $stored {
            type Texel = f32;
            const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::R32Float;
            const OFFSET: f64 = 0.0;
            #[inline]
            fn texel(self) -> f32 {
                let value = self as f32;
                if value.is_nan() { NOT_A_NUMBER } else { value.clamp(-1e30, 1e30) }
            }
        }
    )*};
}

integer_texels!(u8, 0; i8, 0; i16, 0; u16, 32768);
float_texels!(u32, i32, u64, i64, f32, f64);

/// The texture format of a scan.
pub(super) fn image_format(image: &ImageVolume) -> wgpu::TextureFormat {
    fn format<T: StoredValue>(_: &[T]) -> wgpu::TextureFormat {
        T::FORMAT
    }
    if image.colours().is_some() {
        return wgpu::TextureFormat::Rgba8Uint;
    }
    with_voxels!(image.voxels(), v => format(v))
}

/// Scale and offset that turn a scan's texel into brightness, 0 at the window's low and 1 at its high end, or the other way
/// round.
pub(super) fn brightness_from_texel(image: &ImageVolume, style: &SliceStyle) -> (f32, f32) {
    let window = style.window;
    fn offset<T: StoredValue>(_: &[T]) -> f64 {
        T::OFFSET
    }
    let offset = with_voxels!(image.voxels(), v => offset(v));
    let width = window.width.max(f64::MIN_POSITIVE);
    let scale = image.rescale().slope / width;
    let at_zero = (image.rescale().apply(offset) - window.low()) / width;
    if style.inverted {
        return (-scale as f32, (1.0 - at_zero) as f32);
    }
    (scale as f32, at_zero as f32)
}

/// Every `step`th value (on all axes) of a box that lies inside the scan, `i` fastest.
pub(super) fn value_texels(image: &ImageVolume, of: VoxelBox, step: usize) -> Vec<f32> {
    let rescale = image.rescale();
    let dims = image.grid().dims;
    with_voxels!(image.voxels(), v => gather(v, dims, of, step, |v| value_texel(rescale, v as f64)))
}

/// A value as the shader gets it.
pub(super) fn value_texel(rescale: Rescale, stored: f64) -> f32 {
    (rescale.apply(stored) as f32).texel()
}

/// Texels ready for upload.
pub(super) enum Texels {
    I16(Vec<i16>),
    F32(Vec<f32>),
    U16(Vec<u16>),
    U8(Vec<u8>),
    Rgba(Vec<[u8; 4]>),
}

impl Texels {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::I16(v) => bytemuck::cast_slice(v),
            Self::F32(v) => bytemuck::cast_slice(v),
            Self::U16(v) => bytemuck::cast_slice(v),
            Self::U8(v) => v,
            Self::Rgba(v) => v.as_flattened(),
        }
    }
}

impl Texels {
    /// The texel of this number as the shader reads it: a value in all channels, or colours.
    pub(super) fn at(&self, n: usize) -> Vec3 {
        match self {
            Self::I16(v) => Vec3::splat(f32::from(v[n])),
            Self::F32(v) => Vec3::splat(v[n]),
            Self::U16(v) => Vec3::splat(f32::from(v[n])),
            Self::U8(v) => Vec3::splat(f32::from(v[n])),
            Self::Rgba(v) => {
                let [r, g, b, _] = v[n].map(f32::from);
                Vec3::new(r, g, b)
            }
        }
    }
}

/// Something that fills a texture: the voxels of one layer of a scene.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// The scan, and the slices of it that are taken together into one.
    Image(&'a ImageVolume, Option<SlabSlices>),
    Overlay(OverlayVoxels<'a>, [usize; 3]),
    /// Several label layers: a texture holds one slice of each, one behind the other.
    Layers(&'a [Arc<LabelMap>], [usize; 3]),
}

impl<'a> Source<'a> {
    /// Label layers; `None` where there is none.
    pub(super) fn labels(layers: &'a [Arc<LabelMap>], dims: [usize; 3]) -> Option<Self> {
        match layers {
            [] => None,
            [only] => Some(Self::Overlay(OverlayVoxels::Labels(&only.voxels), dims)),
            several => Some(Self::Layers(several, dims)),
        }
    }

    /// The slices that are taken together, where there are several.
    pub(super) fn slab(&self) -> Option<SlabSlices> {
        match self {
            Self::Image(_, slab) => *slab,
            Self::Overlay(..) | Self::Layers(..) => None,
        }
    }

    /// How many label maps lie one behind the other.
    pub(super) fn slabs(&self) -> usize {
        match self {
            Self::Image(..) | Self::Overlay(..) => 1,
            Self::Layers(layers, _) => layers.len(),
        }
    }

    pub(super) fn dims(&self) -> [usize; 3] {
        match self {
            Self::Image(image, _) => image.grid().dims,
            Self::Overlay(_, dims) | Self::Layers(_, dims) => *dims,
        }
    }

    pub(super) fn format(&self) -> wgpu::TextureFormat {
        match self {
            Self::Image(image, _) => image_format(image),
            Self::Overlay(OverlayVoxels::Mask(_), _) => wgpu::TextureFormat::R8Uint,
            Self::Overlay(OverlayVoxels::Labels(_), _) | Self::Layers(..) => {
                wgpu::TextureFormat::R16Uint
            }
        }
    }

    pub(super) fn bytes_per_texel(&self) -> usize {
        match self.format() {
            wgpu::TextureFormat::R32Float | wgpu::TextureFormat::Rgba8Uint => 4,
            wgpu::TextureFormat::R8Uint => 1,
            _ => 2,
        }
    }

    /// Every `step`th voxel (on all axes) of a box that lies inside the dims, `i` fastest; of several layers one after the
    /// other.
    pub(super) fn texels(&self, of: VoxelBox, step: usize) -> Texels {
        let dims = self.dims();
        if let Self::Image(image, Some(slab)) = self {
            return slab.texels(image, of, step);
        }
        if let Self::Image(image, None) = self
            && let Some(colours) = image.colours()
        {
            let texel = |[r, g, b]: Rgb| [r, g, b, u8::MAX];
            return Texels::Rgba(gather(colours, dims, of, step, texel));
        }
        match self {
            Self::Image(image, _) => match self.format() {
                wgpu::TextureFormat::R32Float => {
                    Texels::F32(with_voxels!(image.voxels(), v => float_texels(v, dims, of, step)))
                }
                _ => Texels::I16(
                    with_voxels!(image.voxels(), v => integer_texels(v, dims, of, step)),
                ),
            },
            Self::Overlay(OverlayVoxels::Mask(v), _) => {
                Texels::U8(gather(v, dims, of, step, |x| x))
            }
            Self::Overlay(OverlayVoxels::Labels(v), _) => {
                Texels::U16(gather(v, dims, of, step, |x| x))
            }
            Self::Layers(layers, _) => {
                let layers = layers.iter();
                let texels = layers.flat_map(|map| gather(&map.voxels, dims, of, step, |x| x));
                Texels::U16(texels.collect())
            }
        }
    }
}

fn float_texels<T: StoredValue>(
    voxels: &[T],
    dims: [usize; 3],
    of: VoxelBox,
    step: usize,
) -> Vec<f32> {
    gather(voxels, dims, of, step, |v| v.texel().into())
}

/// For voxel types whose texels are 16-bit integers; the way over `f32` is exact for them.
fn integer_texels<T: StoredValue>(
    voxels: &[T],
    dims: [usize; 3],
    of: VoxelBox,
    step: usize,
) -> Vec<i16> {
    gather(voxels, dims, of, step, |v| {
        let texel: f32 = v.texel().into();
        texel as i16
    })
}

/// On the calling thread alone: a window's thread must not wait for a pool that computes a model.
fn gather<T: Copy, U>(
    voxels: &[T],
    dims: [usize; 3],
    of: VoxelBox,
    step: usize,
    texel: impl Fn(T) -> U,
) -> Vec<U> {
    let [ni, nj, _] = dims;
    let range = |d: usize| of.min[d] as usize..=of.max[d] as usize;
    let [width, height, depth] = of.size().map(|n| n.div_ceil(step));
    let mut out = Vec::with_capacity(width * height * depth);
    for k in range(2).step_by(step) {
        let rows = range(1).step_by(step).map(|j| ni * (j + nj * k));
        match (width, step) {
            // Across the rows, every voxel is a cache miss: one plain loop lets many be under way at once.
            (1, _) => out.extend(rows.map(|row| texel(voxels[row + of.min[0] as usize]))),
            (_, 1) => rows.for_each(|row| {
                out.extend(voxels[row..][range(0)].iter().map(|&v| texel(v)));
            }),
            _ => rows.for_each(|row| {
                let line = voxels[row..][range(0)].iter().step_by(step);
                out.extend(line.map(|&v| texel(v)));
            }),
        }
    }
    out
}
