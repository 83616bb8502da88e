//! Sizes of MA-SAM.

use serde::{Deserialize, Serialize};

use crate::models::checkpoint::{CheckpointError, WeightMap};
use crate::models::sam::{SamConfig, dims, shape_of};

use super::TITLE;

/// Where in a block its adapters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdapterPlaces {
    /// Before the attention.
    pub before_attention: bool,
    /// Between attention and perceptron.
    pub before_perceptron: bool,
}

impl AdapterPlaces {
    /// As published.
    pub const BOTH: Self = Self {
        before_attention: true,
        before_perceptron: true,
    };
}

/// Sizes of MA-SAM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MasamConfig {
    /// SAM's parts, with one mask for each class and one for the background.
    pub sam: SamConfig,
    /// Rank of the increments of queries and values; 0 for none.
    pub rank: usize,
    /// Factor of the increments.
    pub scale: f64,
    /// Inner width of the adapters.
    pub adapter_width: usize,
    /// Where the adapters are.
    pub adapters: AdapterPlaces,
    /// Slices that are seen together.
    pub slices: usize,
}

impl MasamConfig {
    /// Foreground classes.
    pub fn classes(&self) -> usize {
        self.sam.decoder.masks - 1
    }

    /// From the tensors under [our names](super::names), of the base and of what was added to it. What they do not
    /// tell is as published: scale 1, 5 slices, intensities of 0..=1 taken as they are.
    ///
    /// # Errors
    /// Tensors that are not MA-SAM's.
    pub fn infer(weights: &WeightMap) -> Result<Self, CheckpointError> {
        let mut sam = SamConfig::infer(weights)?;
        (sam.pixel_mean, sam.pixel_std) = ([0.0; 3], [1.0; 3]);
        let has = |name: &str| weights.contains(&format!("image_encoder.blocks.0.{name}"));
        let adapters = AdapterPlaces {
            before_attention: has("adapter_linear_down.weight"),
            before_perceptron: has("adapter_linear_down_2.weight"),
        };
        let down = if adapters.before_attention {
            "image_encoder.blocks.0.adapter_linear_down.weight"
        } else {
            "image_encoder.blocks.0.adapter_linear_down_2.weight"
        };
        let [adapter_width] = dims(shape_of(weights, down, TITLE)?, [0]);
        let rank = weights
            .shape("image_encoder.FacTu.weight")
            .map_or(0, |s| s[0]);
        Ok(Self {
            sam,
            rank,
            scale: 1.0,
            adapter_width,
            adapters,
            slices: 5,
        })
    }
}
