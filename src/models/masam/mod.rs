//! MA-SAM (Chen et al. 2024): SAM for volumes and sequences, by tensor-train increments of its attention and adapters
//! that look along the third axis.

use crate::models::loaded::open;
use crate::models::{Importer, System};
use model::MasamModel;

mod adaptation;
mod adapter;
mod config;
pub mod intensity;
pub mod losses;
mod model;
pub mod names;
mod net;
mod segmentation;
mod settings;
pub mod tables;
mod taught;
pub mod windows;

pub use adaptation::{Adaptation, Mode, OnSlices};
pub use adapter::SliceAdapter;
pub use config::{AdapterPlaces, MasamConfig};
pub use intensity::Intensity;
pub use losses::{MasamLoss, masam_loss};
pub use net::MaSam;
pub use settings::{MasamSettings, import};
pub(crate) use taught::narrowed;

/// Its name, for people.
const TITLE: &str = "MA-SAM";

/// MA-SAM among the systems.
pub(crate) const SYSTEM: System = System {
    name: "masam",
    title: TITLE,
    slice_by_slice: true,
    heeds_size: false,
    import: Some(Importer::Files(import)),
    open: open::<MasamModel>,
    teachable: Some(taught::TEACHABLE),
};
