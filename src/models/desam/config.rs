//! Sizes of DeSAM.

use serde::{Deserialize, Serialize};

use crate::models::checkpoint::{CheckpointError, WeightMap};
use crate::models::sam::{DecoderConfig, EncoderConfig, PromptConfig, SamConfig, count};

use super::TITLE;

/// Sizes of PIMM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PimmConfig {
    /// Width of the encoder's tokens, whose features it reads.
    pub encoder_width: usize,
    /// Channels of the coarsest stage, those of the mask embedding; each further stage has half as many.
    pub width: usize,
    /// Stages, and features of the encoder.
    pub stages: usize,
}

/// Sizes of what is trained, and of the prompt encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeSamDecoderConfig {
    /// The prompt encoder.
    pub prompt: PromptConfig,
    /// SAM's decoder, of which PRIM is the part before the masks.
    pub prim: DecoderConfig,
    /// The mask module.
    pub pimm: PimmConfig,
    /// Side of the encoder's image in pixels.
    pub image_side: usize,
    /// Side of the map of tokens.
    pub grid: usize,
}

/// Sizes of the whole network, and how its input is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeSamConfig {
    /// The image encoder.
    pub encoder: EncoderConfig,
    /// Blocks whose outputs PIMM reads: all with global attention but the last.
    pub feature_blocks: Vec<usize>,
    /// Everything after the encoder.
    pub decoder: DeSamDecoderConfig,
    /// Subtracted from each channel of an image of 0..=255.
    pub pixel_mean: [f32; 3],
    /// What each channel is then divided by.
    pub pixel_std: [f32; 3],
}

impl DeSamConfig {
    /// From the tensors of a checkpoint; what their shapes do not tell is as published.
    ///
    /// # Errors
    /// Tensors that are not DeSAM's.
    pub fn infer(weights: &WeightMap) -> Result<Self, CheckpointError> {
        let sam = SamConfig::infer(weights)?;
        let stages = count(
            weights,
            "mask_decoder.pimm.conv_blocks_context.",
            ".block_init.conv1.conv.weight",
        );
        let mut feature_blocks = sam.encoder.global_blocks.clone();
        feature_blocks.pop();
        if stages == 0 || feature_blocks.len() != stages {
            let blocks = feature_blocks.len();
            return Err(CheckpointError::Misfit {
                network: TITLE.to_owned(),
                problems: vec![format!(
                    "mask_decoder.pimm has {stages} stages and the image encoder {blocks} features"
                )],
            });
        }
        Ok(Self {
            decoder: DeSamDecoderConfig {
                pimm: PimmConfig {
                    encoder_width: sam.encoder.width,
                    width: sam.prompt.width,
                    stages,
                },
                image_side: sam.encoder.image_side,
                grid: sam.encoder.grid(),
                prompt: sam.prompt,
                prim: sam.decoder,
            },
            encoder: sam.encoder,
            feature_blocks,
            pixel_mean: sam.pixel_mean,
            pixel_std: sam.pixel_std,
        })
    }

    /// Side of the maps of logits, in which prompts are given: 256 for an image of 1024.
    pub fn mask_side(&self) -> usize {
        self.decoder.mask_side()
    }
}

impl DeSamDecoderConfig {
    /// Side of the maps of logits.
    pub fn mask_side(&self) -> usize {
        self.grid << (self.pimm.stages - 1)
    }
}
