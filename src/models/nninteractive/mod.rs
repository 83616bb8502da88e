//! nnInteractive: a network that is shown prompts as channels, looks from further away where the target goes on, and then
//! closely again.
//!
//! Isensee et al. 2025, after `nnInteractive` 2.6.0. Arrays are row-major with the patient's superior, anterior and right
//! as first, second and third axis, the last fastest.

pub mod ball;
pub mod border;
pub mod boxes;
pub mod capabilities;
pub mod channels;
pub mod folder;
mod model;
pub mod network;
pub mod pool;
pub mod session;
pub mod view;

pub use capabilities::is_checkpoint_folder;
pub use model::Settings;

use crate::models::loaded::open;
use crate::models::{Importer, System};

/// Its name, for people.
const TITLE: &str = "nnInteractive";

/// nnInteractive among the systems.
pub(crate) const SYSTEM: System = System {
    name: "nninteractive",
    title: TITLE,
    slice_by_slice: false,
    heeds_size: false,
    import: Some(Importer::Folder(folder::import)),
    open: open::<model::NninteractiveModel>,
    teachable: None,
};
