//! The model in the box, version 1.

mod blocks;
mod config;
mod image_encoder;
mod mask_decoder;
mod net;
mod prompt_encoder;
mod prompt_generator;

pub use config::{IMAGE_CHANNELS, NetConfig, PROMPT_CHANNELS, REGION_MULTIPLE};
pub use image_encoder::ImageEmbedding;
pub use net::ProsectorNet;
