//! A whole volume seen from outside: the scan by a transfer function or as maximum projection, the labels as surfaces in it.
//!
//! Both are condensed into small textures of their own (`condensed.rs`), through which `shaders/volume.wgsl` looks along
//! parallel lines of sight. Labels need no mesh: their surface is where half of a block is labelled, so it follows every
//! stroke. A picture is kept as long as nothing changes that it depends on.

mod condensed;
mod pick;
mod presets;
mod renderer;
mod seen;
mod uniforms;

use crate::geometry::VoxelBox;
use crate::volume::Window;

pub use pick::pick;
pub use presets::{PRESETS, Preset};
pub use renderer::VolumeRenderer;
pub use uniforms::VolumeUniforms;

/// How a volume is shown.
#[derive(Debug, Clone, Copy)]
pub struct VolumeStyle {
    /// The look.
    pub preset: &'static Preset,
    /// The window of the slices; some looks follow it.
    pub window: Window,
    /// How much a label's surface hides, 0 to 1; 0 shows no labels.
    pub label_opacity: f32,
    /// What is shown of the volume; the rest is cut away.
    pub shown: Option<VoxelBox>,
    /// How finely it is drawn.
    pub quality: Quality,
}

/// How finely a volume is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quality {
    /// As finely as can be seen.
    Full,
    /// Where the processor draws: a picture of [`Self::Full`] would hold up every stroke for a second.
    Half,
    /// While it is being turned, and the processor draws.
    Draft,
}

impl Quality {
    /// Pixels of the view for each one that is drawn, along both sides.
    fn pixels(self) -> u32 {
        match self {
            Self::Full => 1,
            Self::Half => 2,
            Self::Draft => 3,
        }
    }

    /// Steps along the line of sight, in texels.
    fn steps(self) -> f64 {
        match self {
            Self::Full => 0.5,
            Self::Half => 0.7,
            Self::Draft => 1.4,
        }
    }
}
