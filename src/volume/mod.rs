//! Sampled data and the grid it is sampled on; the two never part.

mod array;
mod brush_tip;
pub mod components;
pub mod distance;
mod image;
mod label_map;
mod mask;
pub mod metrics;
pub mod morphology;
pub mod phantom;
pub mod resample;
mod rle;
pub mod surface;
pub mod window;

pub use crate::geometry::Grid;
pub use array::VolumeArray;
pub use brush_tip::{BrushTip, sweep};
pub use image::{ImageVolume, Modality, Rescale, VoxelData, Window};
pub use label_map::{Label, LabelMap, LabelTable};
pub use mask::Mask;
pub use rle::{Run, Runs};
