//! MA-SAM (Chen et al. 2024): SAM for volumes and sequences, by tensor-train increments of its attention and adapters
//! that look along the third axis.

mod adaptation;
mod adapter;
mod config;
pub mod intensity;
pub mod losses;
pub mod names;
mod network;
pub mod tables;
pub mod windows;

pub use adaptation::{Adaptation, Mode, OnSlices};
pub use adapter::SliceAdapter;
pub use config::{AdapterPlaces, MasamConfig};
pub use intensity::Intensity;
pub use losses::{MasamLoss, masam_loss};
pub use network::MaSam;
