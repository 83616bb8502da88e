//! Sizes of SAM's parts.

use serde::{Deserialize, Serialize};

use crate::models::checkpoint::{CheckpointError, WeightMap};

use super::TITLE;

/// Sizes of the ViT image encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EncoderConfig {
    /// Side of the square image in pixels.
    pub image_side: usize,
    /// Side of a patch in pixels.
    pub patch: usize,
    /// Channels of the image.
    pub channels: usize,
    /// Width of a token.
    pub width: usize,
    /// Blocks.
    pub depth: usize,
    /// Attention heads.
    pub heads: usize,
    /// Inner width of a block's perceptron.
    pub mlp_width: usize,
    /// Channels of the embedding, after the neck.
    pub neck_width: usize,
    /// Side of the attention windows in tokens; 0 for none.
    pub window: usize,
    /// Blocks whose attention sees the whole image.
    pub global_blocks: Vec<usize>,
    /// Whether the qkv projection has a bias.
    pub qkv_bias: bool,
    /// Whether attention has decomposed relative positions.
    pub relative_positions: bool,
    /// Epsilon of the token norms.
    pub norm_eps: f64,
}

impl EncoderConfig {
    /// Side of the map of tokens.
    pub fn grid(&self) -> usize {
        self.image_side / self.patch
    }

    /// Side of the window of a block; 0 where it sees the whole image.
    pub fn window_of(&self, block: usize) -> usize {
        if self.global_blocks.contains(&block) {
            0
        } else {
            self.window
        }
    }

    /// From the tensors of an image encoder, without prefix. What shapes do not tell is as published: patches that
    /// do not overlap, epsilon 1e-6.
    ///
    /// # Errors
    /// Tensors that are not those of SAM's encoder.
    pub fn infer(weights: &WeightMap) -> Result<Self, CheckpointError> {
        let shape = |name: &str| shape_of(weights, name, "SAM's image encoder");
        let [width, channels, patch] = dims(shape("patch_embed.proj.weight")?, [0, 1, 2]);
        let [grid] = dims(shape("pos_embed")?, [1]);
        let patch = patch.max(1);
        let depth = count(weights, "blocks.", ".norm1.weight");
        let [mlp_width] = dims(shape("blocks.0.mlp.lin1.weight")?, [0]);
        let [neck_width] = dims(shape("neck.0.weight")?, [0]);
        let mut sides = Vec::with_capacity(depth);
        let mut heads = width / 64;
        for block in 0..depth {
            let [rows, head] = dims(shape(&format!("blocks.{block}.attn.rel_pos_h"))?, [0, 1]);
            sides.push(rows.div_ceil(2));
            heads = width / head.max(1);
        }
        let window = sides
            .iter()
            .copied()
            .filter(|&s| s != grid)
            .min()
            .unwrap_or(0);
        let global = |block: &usize| sides[*block] == grid;
        Ok(Self {
            image_side: grid * patch,
            patch,
            channels,
            width,
            depth,
            heads,
            mlp_width,
            neck_width,
            window,
            global_blocks: (0..depth).filter(global).collect(),
            qkv_bias: weights.contains("blocks.0.attn.qkv.bias"),
            relative_positions: true,
            norm_eps: 1e-6,
        })
    }
}

/// Sizes of the prompt encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromptConfig {
    /// Width of a prompt token.
    pub width: usize,
    /// Channels inside the mask prompt's encoder.
    pub mask_channels: usize,
}

impl PromptConfig {
    /// From the tensors of a prompt encoder, without prefix.
    ///
    /// # Errors
    /// Tensors that are not those of SAM's prompt encoder.
    pub fn infer(weights: &WeightMap) -> Result<Self, CheckpointError> {
        let last = "mask_downscaling.6.weight";
        let [width, mask_channels] = dims(shape_of(weights, last, "SAM's prompt encoder")?, [0, 1]);
        Ok(Self {
            width,
            mask_channels,
        })
    }
}

/// Sizes of the two-way transformer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransformerConfig {
    /// Width of a token.
    pub width: usize,
    /// Layers.
    pub depth: usize,
    /// Attention heads.
    pub heads: usize,
    /// Inner width of a layer's perceptron.
    pub mlp_width: usize,
    /// Width over inner width of the attention between tokens and image.
    pub cross_divisor: usize,
}

impl TransformerConfig {
    /// From the tensors of a two-way transformer, without prefix; 8 heads, as published.
    ///
    /// # Errors
    /// Tensors that are not those of a two-way transformer.
    pub fn infer(weights: &WeightMap) -> Result<Self, CheckpointError> {
        let shape = |name: &str| shape_of(weights, name, "SAM's two-way transformer");
        let [mlp_width, width] = dims(shape("layers.0.mlp.lin1.weight")?, [0, 1]);
        let [inner] = dims(shape("final_attn_token_to_image.q_proj.weight")?, [0]);
        Ok(Self {
            width,
            depth: count(weights, "layers.", ".norm1.weight"),
            heads: 8,
            mlp_width,
            cross_divisor: width / inner.max(1),
        })
    }
}

/// Sizes of the mask decoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecoderConfig {
    /// The transformer inside.
    pub transformer: TransformerConfig,
    /// Masks it makes: SAM's one and three, MA-SAM's classes and background.
    pub masks: usize,
    /// Channels after each doubling of the resolution.
    pub upscaling: Vec<usize>,
    /// Layers of the head that predicts the IoU.
    pub iou_depth: usize,
    /// Inner width of that head.
    pub iou_width: usize,
}

impl DecoderConfig {
    /// From the tensors of a mask decoder, without prefix.
    ///
    /// # Errors
    /// Tensors that are not those of SAM's mask decoder.
    pub fn infer(weights: &WeightMap) -> Result<Self, CheckpointError> {
        let shape = |name: &str| shape_of(weights, name, "SAM's mask decoder");
        let mut upscaling = Vec::new();
        while let Some([_, channels, ..]) =
            weights.shape(&format!("output_upscaling.{}.weight", 3 * upscaling.len()))
        {
            upscaling.push(*channels);
        }
        let [iou_width] = dims(shape("iou_prediction_head.layers.0.weight")?, [0]);
        let [masks] = dims(shape("mask_tokens.weight")?, [0]);
        Ok(Self {
            transformer: TransformerConfig::infer(&weights.under("transformer."))?,
            masks,
            upscaling,
            iou_depth: count(weights, "iou_prediction_head.layers.", ".weight"),
            iou_width,
        })
    }
}

/// Sizes of the whole network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SamConfig {
    /// The image encoder.
    pub encoder: EncoderConfig,
    /// The prompt encoder.
    pub prompt: PromptConfig,
    /// The mask decoder.
    pub decoder: DecoderConfig,
    /// Subtracted from each channel of an image of 0..=255.
    pub pixel_mean: [f32; 3],
    /// What each channel is then divided by.
    pub pixel_std: [f32; 3],
}

impl SamConfig {
    /// From a checkpoint; the pixel values' mean and deviation are never in one, and are ImageNet's as published.
    ///
    /// # Errors
    /// Tensors that are not SAM's.
    pub fn infer(weights: &WeightMap) -> Result<Self, CheckpointError> {
        Ok(Self {
            encoder: EncoderConfig::infer(&weights.under("image_encoder."))?,
            prompt: PromptConfig::infer(&weights.under("prompt_encoder."))?,
            decoder: DecoderConfig::infer(&weights.under("mask_decoder."))?,
            pixel_mean: [123.675, 116.28, 103.53],
            pixel_std: [58.395, 57.12, 57.375],
        })
    }
}

impl SamConfig {
    /// Refuses sizes that no network can have, whoever stated them.
    ///
    /// # Errors
    /// What does not fit together.
    pub fn check(&self) -> Result<(), CheckpointError> {
        let (encoder, decoder) = (&self.encoder, &self.decoder);
        let transformer = &decoder.transformer;
        let divides =
            |part: usize, whole: usize| part > 0 && whole > 0 && whole.is_multiple_of(part);
        let inner = transformer.width / transformer.cross_divisor.max(1);
        let rules = [
            (
                "image_side is not a multiple of patch",
                divides(encoder.patch, encoder.image_side),
            ),
            ("the image has no 3 channels", encoder.channels == 3),
            (
                "width is not a multiple of heads",
                divides(encoder.heads, encoder.width),
            ),
            (
                "the encoder has no block",
                encoder.depth > 0 && encoder.mlp_width > 0,
            ),
            (
                "the transformer's inner width is not a multiple of heads",
                divides(transformer.cross_divisor, transformer.width)
                    && divides(transformer.heads, inner)
                    && divides(transformer.heads, transformer.width),
            ),
            (
                "prompt, neck and transformer have different widths",
                self.prompt.width == transformer.width && encoder.neck_width == transformer.width,
            ),
            ("the prompt width is odd", divides(2, self.prompt.width)),
            (
                "mask_channels is not a multiple of 4",
                divides(4, self.prompt.mask_channels),
            ),
            (
                "the decoder makes no masks",
                decoder.masks > 0 && decoder.iou_depth > 0 && !decoder.upscaling.contains(&0),
            ),
            (
                "the decoder does not raise the resolution",
                !decoder.upscaling.is_empty(),
            ),
        ];
        let problems: Vec<String> = rules
            .iter()
            .filter(|(_, holds)| !holds)
            .map(|(problem, _)| (*problem).to_owned())
            .collect();
        if problems.is_empty() {
            return Ok(());
        }
        Err(CheckpointError::Misfit {
            network: TITLE.to_owned(),
            problems,
        })
    }
}

/// The shape of a tensor, or what network it was missed in.
pub(crate) fn shape_of<'a>(
    weights: &'a WeightMap,
    name: &str,
    network: &str,
) -> Result<&'a [usize], CheckpointError> {
    weights.shape(name).ok_or_else(|| CheckpointError::Misfit {
        network: network.to_owned(),
        problems: vec![format!("{name} is missing")],
    })
}

/// The lengths of these axes; 0 for one that the tensor lacks, which then fits nothing.
pub(crate) fn dims<const N: usize>(shape: &[usize], axes: [usize; N]) -> [usize; N] {
    axes.map(|axis| shape.get(axis).copied().unwrap_or(0))
}

/// How many tensors are named `prefix`, a number, `suffix`, from 0 on.
pub(crate) fn count(weights: &WeightMap, prefix: &str, suffix: &str) -> usize {
    (0..)
        .take_while(|n| weights.contains(&format!("{prefix}{n}{suffix}")))
        .count()
}
