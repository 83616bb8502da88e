//! SwinUNETR: a shifted-window transformer with a convolutional decoder.
//!
//! Hatamizadeh et al. 2022, after MONAI 1.1.0, which AutoProSAM's authors copied and distil into.

mod attention;
mod config;
mod net;
mod residual;
mod settings;
mod stage;

pub use config::{PatchMerging, SwinUnetrConfig};
pub use net::SwinUnetr;
pub use settings::{SwinUnetrSettings, import};

use crate::models::loaded::open;
use crate::models::window_model::WindowModel;
use crate::models::{Importer, System};

/// Its name, for people.
const TITLE: &str = "SwinUNETR";

/// SwinUNETR among the systems.
pub(crate) const SYSTEM: System = System {
    name: "swinunetr",
    title: TITLE,
    slice_by_slice: false,
    heeds_size: false,
    import: Some(Importer::Files(import)),
    open: open::<WindowModel<SwinUnetr>>,
    teachable: None,
};
