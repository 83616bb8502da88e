//! Sizes of the networks.

use serde::{Deserialize, Serialize};

use crate::models::checkpoint::{CheckpointError, WeightMap};
use crate::models::threedsam::{DecoderConfig, EncoderConfig, NetConfig, Wiring, axis_of};

/// Sizes of the automatic prompt generator; the field names are the authors' arguments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GeneratorConfig {
    /// Channels of the feature map that comes in.
    pub in_ch: usize,
    /// Channels of the first level.
    pub base_ch: usize,
    /// Channels of the feature map that goes out.
    pub num_classes: usize,
    /// How much each level is smaller than the one above, along each axis.
    #[serde(default = "halving")]
    pub scale: Vec<[usize; 3]>,
}

fn halving() -> Vec<[usize; 3]> {
    vec![[2; 3]; LEVELS]
}

/// Levels below the first.
pub(super) const LEVELS: usize = 4;

impl GeneratorConfig {
    /// Channels of the levels, the last being the bottom.
    pub fn channels(&self) -> [usize; LEVELS + 1] {
        [1, 2, 4, 8, 10].map(|factor| factor * self.base_ch)
    }

    /// Reads the sizes off the tensors, for maps of `side`; every level halves as published, but not below 2 voxels,
    /// where there would be nothing to normalise.
    ///
    /// # Errors
    /// Tensors that every generator has are missing.
    pub fn infer(weights: &WeightMap, side: usize) -> Result<Self, CheckpointError> {
        Ok(Self {
            in_ch: axis_of(weights, "inc.conv1.weight", 1)?,
            base_ch: axis_of(weights, "inc.conv1.weight", 0)?,
            num_classes: axis_of(weights, "outc.weight", 0)?,
            scale: Self::scales(side),
        })
    }

    /// How much each level is smaller than the one above for maps of `side`: half, but not below 2 voxels.
    pub fn scales(side: usize) -> Vec<[usize; 3]> {
        let factor = |level: usize| if side >> level >= 2 { 2 } else { 1 };
        (1..=LEVELS).map(|level| [factor(level); 3]).collect()
    }
}

/// Sizes of the whole network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AutoProSamConfig {
    /// Encoder, decoder and how they are wired.
    pub net: NetConfig,
    /// The automatic prompt generator.
    pub apg: GeneratorConfig,
}

/// Voxels a side of a crop for each token.
const VOXELS_PER_TOKEN: usize = 4;

impl AutoProSamConfig {
    /// Reads the sizes off a checkpoint's tensors, named as [`crate::models::threedsam::canonical`] does; the wiring
    /// is that of the released code.
    ///
    /// # Errors
    /// Tensors that every such network has are missing.
    pub fn infer(weights: &WeightMap) -> Result<Self, CheckpointError> {
        let encoder = EncoderConfig::infer(&weights.under("encoder_dict."))?;
        let side = encoder.position_side() / 2;
        Ok(Self {
            apg: GeneratorConfig::infer(&weights.under("feature_dict."), side)?,
            net: NetConfig {
                crop: VOXELS_PER_TOKEN * side,
                encoder,
                decoder: DecoderConfig::infer(&weights.under("decoder_dict."))?,
                wiring: Wiring::PromptOnShallowest,
            },
        })
    }
}
