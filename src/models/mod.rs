//! Networks and the pipelines around them: from a scan and prompts to masks on the scan's own grid.
//!
//! Nothing of Burn leaves this module: callers see [`Segmenter`], plain volumes and cards.

pub mod autoprosam;
pub mod autosam;
mod card;
mod certainty;
pub mod checkpoint;
pub(crate) mod checksum;
mod chosen;
pub(crate) mod classes;
pub(crate) mod compute;
pub mod desam;
mod device;
mod import;
mod installed;
pub mod layers;
mod loaded;
pub mod losses;
pub mod masam;
pub mod nninteractive;
pub mod nnunet;
mod no_value;
pub mod ops;
pub mod prosector1;
pub(crate) mod recent;
pub(crate) mod registry;
pub mod sam;
mod segmenter;
pub(crate) mod slices;
pub mod sliding_window;
pub mod swinunetr;
mod system;
pub(crate) mod taught;
pub mod threedsam;
pub mod trace;
pub mod trust;
pub mod volumes;
pub(crate) mod window_model;

pub use card::{ModelCard, Structure};
pub use certainty::{Certainty, UncertainPart};
pub use chosen::{choose_model, chosen_model, roll_back};
pub use device::{ComputeDevice, DeviceChoice};
pub use import::{ImportOptions, folder_system, import_model, is_limited};
pub(crate) use installed::{check_free, install_model, installed_tensors};
pub use registry::{installed_models, open_model, open_uncalibrated, verify_model};
pub(crate) use registry::{open_stored, stored_model};
pub use segmenter::{
    AutoResult, Estimate, ModelError, Nothing, PromptedResult, ScanKey, Segmenter,
};
pub use system::{
    FoldChoice, FolderSource, ImportSource, Imported, ImportedFolder, Importer, StoredModel,
    System, TrainingState, system_named, systems,
};
pub use taught::{
    Compared, Course, FoldDone, Taught, TaughtBy, TaughtStructure, TeacherAnswers, Verdict,
};
pub use taught::{export_adapter, install_adapter};
