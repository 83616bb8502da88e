//! The model in the box, version 1.

mod automatic;
mod blocks;
mod box_reach;
mod canvas;
mod config;
mod drawn;
mod encoded_region;
mod examples;
mod extents;
mod field_of_view;
mod image_encoder;
mod intensity;
mod kept;
mod known_structure;
mod likeness;
mod look;
mod mask_decoder;
mod measures;
mod model;
mod near_clicks;
mod net;
mod one_structure;
mod pace;
pub mod prompt_channels;
mod prompt_encoder;
mod prompt_generator;
mod prompted;
pub mod region;
mod search;
mod self_prompted;
mod sketch;
mod structure_refiner;
mod surroundings;
mod taught;
pub(crate) mod weights;
mod windows;

pub use config::{IMAGE_CHANNELS, NetConfig, PROMPT_CHANNELS, REGION_MULTIPLE};
pub use image_encoder::ImageEmbedding;
pub use intensity::RegionImage;
pub use net::ProsectorNet;

use crate::models::System;
use crate::models::loaded::open;

/// Its name, for people.
pub(crate) const TITLE: &str = "Prosector 1";

/// The model in the box among the systems.
pub(crate) const SYSTEM: System = System {
    name: "prosector1",
    title: TITLE,
    slice_by_slice: false,
    heeds_size: true,
    import: None,
    open: open::<model::Prosector1>,
    teachable: Some(taught::TEACHABLE),
};
