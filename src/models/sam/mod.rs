//! Segment Anything (Kirillov et al. 2023) and the parts of it that its medical descendants share.

use crate::models::loaded::open;
use crate::models::{Importer, System};
use model::SamModel;

mod config;
pub mod encoder_block;
pub mod image_encoder;
pub mod mask_decoder;
mod model;
mod net;
mod picture;
pub mod prompt_encoder;
pub mod relative_positions;
mod segmentation;
mod settings;
pub mod two_way;

pub use config::{DecoderConfig, EncoderConfig, PromptConfig, SamConfig, TransformerConfig};
pub(crate) use config::{count, dims, shape_of};
pub use encoder_block::{BlockAdaptation, NoAdaptation};
pub use image_encoder::{Encoded, ImageEncoder};
pub use mask_decoder::{DecodedMasks, Head, MaskDecoder, Upscaling};
pub use net::{Sam, SamDecoder, scale_places};
pub(crate) use picture::Slice;
pub use prompt_encoder::{FourierCode, PromptEmbedding, PromptEncoder, PromptFrame, Prompts};
pub(crate) use settings::plain_names;
pub use settings::{Framing, SamSettings, import};
pub use two_way::{CrossAttention, TwoWayLayer, TwoWayTransformer};

/// Its name, for people.
const TITLE: &str = "SAM";

/// SAM among the systems.
pub(crate) const SYSTEM: System = System {
    name: "sam",
    title: "Segment Anything",
    slice_by_slice: true,
    heeds_size: false,
    import: Some(Importer::Files(import)),
    open: open::<SamModel>,
    teachable: None,
};
