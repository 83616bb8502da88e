//! AutoSAM: a frozen SAM encoder and a decoder for each class without prompts (Hu et al. 2023).

use crate::models::loaded::open;
use crate::models::{Importer, System};
use model::AutoSamModel;

mod cnn_head;
mod config;
mod linear_head;
mod losses;
mod model;
mod names;
mod net;
mod preparation;
mod settings;
mod taught;
mod vit_head;

pub use cnn_head::CnnHead;
pub use config::{AutoSamConfig, CnnHeadConfig, HeadConfig, LinearHeadConfig, VitHeadConfig};
pub use linear_head::LinearHead;
pub use losses::{Loss, one_hot, soft_dice};
pub use names::{full_names, is_trained};
pub use net::{AutoSam, ClassLogits, SegmentationHead};
pub use preparation::{network_slice, resize_labels, volume_to_png};
pub use settings::{AutoSamSettings, beneath, import};
pub(crate) use taught::narrowed;
pub use vit_head::{ClassMasks, VitHead};

/// Its name, for people.
const TITLE: &str = "AutoSAM";

/// AutoSAM among the systems.
pub(crate) const SYSTEM: System = System {
    name: "autosam",
    title: TITLE,
    slice_by_slice: true,
    heeds_size: false,
    import: Some(Importer::Files(import)),
    open: open::<AutoSamModel>,
    teachable: Some(taught::TEACHABLE),
};
