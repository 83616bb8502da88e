//! AutoProSAM: 3DSAM-adapter's encoder and decoder with a network that writes the prompt.
//!
//! Li et al. 2023, after the authors' `ChengyinLee/AutoProSAM_2024` at `50bb75ca`.

mod config;
mod net;
mod prompt_generator;
mod settings;
mod taught;

pub use config::{AutoProSamConfig, GeneratorConfig};
pub use net::AutoProSamNet;
pub use prompt_generator::PromptGenerator;
pub use settings::{AutoProSamSettings, import, volume_settings};
pub(crate) use taught::narrowed;

use crate::models::loaded::open;
use crate::models::window_model::WindowModel;
use crate::models::{Importer, System};

/// Its name, for people.
const TITLE: &str = "AutoProSAM";

/// AutoProSAM among the systems.
pub(crate) const SYSTEM: System = System {
    name: "autoprosam",
    title: TITLE,
    slice_by_slice: false,
    heeds_size: false,
    import: Some(Importer::Files(import)),
    open: open::<WindowModel<AutoProSamNet>>,
    teachable: Some(taught::TEACHABLE),
};
