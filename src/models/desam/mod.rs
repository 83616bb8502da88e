//! DeSAM: SAM whose masks are decoded from image features, decoupled from the prompt (Gao et al., MICCAI 2024).

use crate::models::loaded::open;
use crate::models::{Importer, System};
use model::DeSamModel;

mod config;
mod losses;
mod mask_selection;
mod model;
mod net;
mod pimm;
mod preparation;
mod prim;
mod regions;
mod resampling;
mod residual;
mod segmentation;
mod settings;
mod taught;

pub use config::{DeSamConfig, DeSamDecoderConfig, PimmConfig};
pub use losses::{IouError, LossConfig, cross_entropy, dice_loss, iou_loss, mask_loss};
pub use mask_selection::{Candidate, SelectionConfig, finished, passing, select, without_overlaps};

pub use net::{DeSam, DeSamDecoder, Decoded, ImageFeatures, PreparedImage, is_unused};
pub use pimm::{ContextBlock, ImageContext, Pimm, UpBlock};
pub use preparation::{encoder_input, resize_grey, resize_labels, volume_to_grey};
pub use prim::{Prim, Relevance};
pub use regions::remove_small_regions;
pub use resampling::UpAndDown;
pub use residual::{ChannelGate, GatedResidual, SkipTerms};
pub use settings::{AutomaticMode, DeSamSettings, import};
pub(crate) use taught::narrowed;

/// Its name, for people.
const TITLE: &str = "DeSAM";

/// DeSAM among the systems.
pub(crate) const SYSTEM: System = System {
    name: "desam",
    title: TITLE,
    slice_by_slice: true,
    heeds_size: false,
    import: Some(Importer::Files(import)),
    open: open::<DeSamModel>,
    teachable: Some(taught::TEACHABLE),
};
