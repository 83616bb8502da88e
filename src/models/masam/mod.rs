//! MA-SAM (Chen et al. 2024): SAM for volumes and sequences, by tensor-train increments of its attention and adapters
//! that look along the third axis.

use crate::models::System;

mod adaptation;
mod adapter;
mod config;
pub mod intensity;
pub mod losses;
mod model;
pub mod names;
mod network;
mod segmentation;
mod settings;
pub mod tables;
pub mod windows;

pub use adaptation::{Adaptation, Mode, OnSlices};
pub use adapter::SliceAdapter;
pub use config::{AdapterPlaces, MasamConfig};
pub use intensity::Intensity;
pub use losses::{MasamLoss, masam_loss};
pub use model::MasamModel;
pub use network::MaSam;
pub use settings::{MasamSettings, import};

/// MA-SAM among the systems.
pub(crate) const SYSTEM: System = System {
    name: "masam",
    title: "MA-SAM",
    slice_by_slice: true,
    import,
    open: |card, weights, device| Ok(Box::new(MasamModel::open(card, weights, device)?)),
};
