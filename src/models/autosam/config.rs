//! Sizes of AutoSAM.

use serde::{Deserialize, Serialize};

use crate::models::checkpoint::{CheckpointError, WeightMap};
use crate::models::sam::{EncoderConfig, TransformerConfig, count, dims, shape_of};

/// Side of the slices that the authors train on.
const INPUT_SIDE: usize = 224;

/// Which head, and its sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum HeadConfig {
    /// SAM's mask decoder without prompts, once for each class.
    Vit(VitHeadConfig),
    /// Convolutions.
    Cnn(CnnHeadConfig),
    /// Upscaling and a perceptron for each pixel.
    Linear(LinearHeadConfig),
}

/// Sizes of the ViT head.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VitHeadConfig {
    /// Classes, background included.
    pub classes: usize,
    /// Mask tokens of a class; the first makes the mask.
    pub masks: usize,
    /// The transformer.
    pub transformer: TransformerConfig,
    /// Channels after each doubling of the resolution.
    pub upscaling: Vec<usize>,
    /// Layers of the head that predicts the IoU.
    pub iou_depth: usize,
    /// Inner width of that head.
    pub iou_width: usize,
}

/// Sizes of the CNN head.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CnnHeadConfig {
    /// Classes, background included.
    pub classes: usize,
    /// Channels of the embedding.
    pub width_in: usize,
    /// Channels of the first stage; each further stage has half as many.
    pub width: usize,
    /// Stages, 2 to 5.
    pub depth: usize,
}

impl CnnHeadConfig {
    /// Whether a stage doubles the resolution. In heads of more than two stages the first two do not.
    pub fn doubles(&self, stage: usize) -> bool {
        self.depth <= 2 || stage >= 2
    }
}

/// Sizes of the linear head.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinearHeadConfig {
    /// Classes, background included.
    pub classes: usize,
    /// Channels of the embedding.
    pub width_in: usize,
    /// Channels after each doubling of the resolution.
    pub upscaling: Vec<usize>,
}

impl HeadConfig {
    /// Classes, background included.
    pub fn classes(&self) -> usize {
        match self {
            Self::Vit(head) => head.classes,
            Self::Cnn(head) => head.classes,
            Self::Linear(head) => head.classes,
        }
    }

    /// From the tensors of a head, without prefix.
    ///
    /// # Errors
    /// Tensors that are none of the three heads'.
    pub fn infer(weights: &WeightMap) -> Result<Self, CheckpointError> {
        let shape = |name: &str| shape_of(weights, name, "AutoSAM's heads");
        if weights.contains("mask_tokens.weight") {
            let [classes, _] = dims(shape("iou_token.weight")?, [0, 1]);
            let [tokens] = dims(shape("mask_tokens.weight")?, [0]);
            let [iou_width] = dims(shape("iou_prediction_head.layers.0.weight")?, [0]);
            return Ok(Self::Vit(VitHeadConfig {
                classes,
                masks: tokens / classes.max(1),
                transformer: TransformerConfig::infer(&weights.under("transformer."))?,
                upscaling: upscaling(weights),
                iou_depth: count(weights, "iou_prediction_head.layers.", ".weight"),
                iou_width,
            }));
        }
        if weights.contains("input_block.0.weight") {
            let [width, width_in] = dims(shape("input_block.0.weight")?, [0, 1]);
            let [classes] = dims(shape("final.1.weight")?, [0]);
            return Ok(Self::Cnn(CnnHeadConfig {
                classes,
                width_in,
                width,
                depth: count(weights, "blocks.", ".0.weight"),
            }));
        }
        let [width_in] = dims(shape("output_upscaling.0.weight")?, [0]);
        let [classes] = dims(shape("final.2.weight")?, [0]);
        Ok(Self::Linear(LinearHeadConfig {
            classes,
            width_in,
            upscaling: upscaling(weights),
        }))
    }
}

fn upscaling(weights: &WeightMap) -> Vec<usize> {
    (0..)
        .map_while(|n| weights.shape(&format!("output_upscaling.{}.weight", 3 * n)))
        .filter(|shape| shape.len() == 4)
        .map(|shape| shape[1])
        .collect()
}

/// Sizes of the whole network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AutoSamConfig {
    /// The image encoder.
    pub encoder: EncoderConfig,
    /// The head.
    pub head: HeadConfig,
    /// Side of the slices, before they are enlarged to the encoder's image.
    pub input_side: usize,
}

impl AutoSamConfig {
    /// From the tensors of encoder and head; what their shapes do not tell is as published.
    ///
    /// # Errors
    /// Tensors that are not AutoSAM's.
    pub fn infer(weights: &WeightMap) -> Result<Self, CheckpointError> {
        Ok(Self {
            encoder: EncoderConfig::infer(&weights.under("image_encoder."))?,
            head: HeadConfig::infer(&weights.under("mask_decoder."))?,
            input_side: INPUT_SIDE,
        })
    }
}
