//! 3DSAM-adapter: SAM's image encoder inflated to volumes, with clicks or without a prompt.
//!
//! Gong et al. 2023, after the authors' `med-air/3DSAM-adapter` at `f4fb8f39`. AutoProSAM is built on the same image
//! encoder and mask decoder. The slice axis comes first in a crop (`[1, 1, d, h, w]`) and last everywhere inside the
//! network (`[.., h, w, d]`).

mod adapter;
mod attention;
mod block;
mod config;
mod image_encoder;
mod inflation;
mod mask_decoder;
mod model;
mod net;
mod patch_embedding;
mod preparation;
mod prompt_encoder;
mod settings;
mod taught;
mod token_attention;

pub use config::{CropGeometry, DecoderConfig, EncoderConfig, NetConfig, PromptConfig, Wiring};
pub(in crate::models) use config::{axis_of, count_of};
pub use image_encoder::ImageEncoder;
pub use inflation::inflated;
pub use mask_decoder::MaskDecoder;
pub(in crate::models) use mask_decoder::channels_first;
pub use net::{
    CropFeatures, CropNet, ThreedsamConfig, ThreedsamNet, canonical, is_trained, without_masks,
};
pub use preparation::{DATA_SETS, DataSet, crop_start, prepare};
pub use prompt_encoder::PromptEncoder;
pub use settings::{ThreedsamSettings, import};
pub(crate) use taught::narrowed;
pub(in crate::models) use taught::start as taught_start;

use crate::models::loaded::open;
use crate::models::{Importer, System};
use model::ThreedsamModel;

/// Its name, for people.
const TITLE: &str = "3DSAM-adapter";

/// 3DSAM-adapter among the systems.
pub(crate) const SYSTEM: System = System {
    name: "3dsam",
    title: TITLE,
    slice_by_slice: false,
    heeds_size: false,
    import: Some(Importer::Files(import)),
    open: open::<ThreedsamModel>,
    teachable: Some(taught::TEACHABLE),
};
