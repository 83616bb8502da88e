//! Pictures of voxel slices: the graphics device's shaders, and their twin on the CPU.
//!
//! A [`SliceView`](crate::geometry::SliceView) says which slice lies where on the screen, a [`Scene`] what
//! there is to see, a [`SliceStyle`] how. [`SliceRenderer`] draws it into any render pass,
//! [`reference::draw`] into a picture without any device, [`screenshot`] three planes into one picture.
//! [`VolumeRenderer`] draws the whole volume from outside (`volume3d/`).
//!
//! A slice is drawn into a picture of its own, which is shown again as long as its `PictureKey` is the same: where
//! the processor draws, a frame in which nothing has changed costs next to nothing.
//!
//! Exactness: textures hold the voxels as they are (no filtering by the sampler), views lie in voxel slices,
//! and labels are never interpolated. What is written is gamma-encoded sRGB.

mod annotation;
mod caps;
mod color_table;
mod context;
mod error;
mod glyphs;
mod gpu_types;
mod offscreen;
mod picture;
mod pipelines;
pub mod reference;
mod scene;
mod screenshot;
mod second;
mod shader;
mod slab;
mod slice;
mod texel;
mod volume3d;
mod volume_texture;

pub use annotation::scale_bar_mm;
pub use caps::{TextureLimits, device_descriptor};
pub use context::RenderContext;
pub use error::RenderError;
pub use gpu_types::SliceUniforms;
pub use offscreen::Offscreen;
pub use scene::{Proposal, Scene, Second, SliceStyle};

pub use crate::volume::Interpolation;
pub use screenshot::screenshot;
pub use shader::{FILL_SOURCE, PICTURE_SOURCE, Stored, VOLUME_SOURCE, slice_source};
pub use slab::{Projection, Slab};
pub use slice::SliceRenderer;
pub use volume3d::{PRESETS, Preset, Quality, VolumeRenderer, VolumeStyle, VolumeUniforms, pick};
