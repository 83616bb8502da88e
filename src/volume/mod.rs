//! Sampled data and the grid it is sampled on; the two never part.

mod array;
mod between_slices;
mod brush_tip;
mod colour;
pub mod components;
pub mod distance;
pub mod grow_cut;
mod image;
pub mod islands;
mod label_map;
mod margin;
mod mask;
pub mod metrics;
pub mod morphology;
mod outline;
pub mod phantom;
pub mod random_walker;
mod reorder;
pub mod resample;
mod rle;
pub mod smoothing;
pub mod statistics;
pub mod surface;
mod third_axis;
pub mod window;

pub use crate::geometry::Grid;
pub use array::VolumeArray;
pub use brush_tip::{BrushTip, sweep};
pub use colour::{Rgb, luminance};
pub use image::{ImageVolume, Modality, Rescale, VoxelData, Window};
pub use label_map::{Label, LabelMap, LabelTable, title_of};
pub use mask::Mask;
pub use outline::fill_outline;
pub use reorder::Reordering;
pub use rle::{Run, Runs};
pub use third_axis::{ThirdAxis, grid_over_time};
