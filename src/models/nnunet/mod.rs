//! nnU-Net v2: networks that its trained-model folders describe, run as its own predictor runs them.
//!
//! Isensee et al. 2021, after `nnunetv2` 2.8.1 and `dynamic_network_architectures` 0.4.4.

pub mod arrays;
pub mod folder;
mod import;
pub mod model;
pub mod network;
pub mod pipeline;
mod settings;
pub mod stage;
mod taught;
pub mod totalseg;

pub use import::import;
pub use settings::{Part, Settings, TaskSettings};
pub(crate) use taught::{Narrowed, narrowed, shown, spacing_of};

use crate::models::loaded::open;
use crate::models::{Importer, System};

/// nnU-Net among the systems.
pub(crate) const SYSTEM: System = System {
    name: "nnunet",
    title: network::TITLE,
    slice_by_slice: false,
    heeds_size: false,
    import: Some(Importer::Folder(import)),
    open: open::<model::NnunetModel>,
    teachable: Some(taught::TEACHABLE),
};
