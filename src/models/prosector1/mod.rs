//! The model in the box, version 1.

mod blocks;
mod config;
mod image_encoder;
mod intensity;
mod mask_decoder;
mod net;
pub mod prompt_channels;
mod prompt_encoder;
mod prompt_generator;
pub mod region;

pub use config::{IMAGE_CHANNELS, NetConfig, PROMPT_CHANNELS, REGION_MULTIPLE};
pub use image_encoder::ImageEmbedding;
pub use intensity::RegionImage;
pub use net::ProsectorNet;
