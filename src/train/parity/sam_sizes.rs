//! The sizes of SAM-like networks as recordings of SAM and MA-SAM state them.

use serde::Deserialize;

use crate::models::sam::{
    DecoderConfig, EncoderConfig, PromptConfig, SamConfig, TransformerConfig,
};

use super::{Fixture, ParityError};

/// `config` of a recording.
#[derive(Deserialize)]
pub(super) struct Sizes {
    img_size: usize,
    patch_size: usize,
    in_chans: usize,
    embed_dim: usize,
    depth: usize,
    num_heads: usize,
    mlp_ratio: f64,
    out_chans: usize,
    #[serde(default = "yes")]
    qkv_bias: bool,
    #[serde(default = "yes")]
    use_rel_pos: bool,
    window_size: usize,
    global_attn_indexes: Vec<usize>,
    encoder_norm_eps: f64,
    prompt_embed_dim: usize,
    mask_in_chans: usize,
    dec_depth: usize,
    dec_heads: usize,
    dec_mlp_dim: usize,
    #[serde(default = "two")]
    dec_downsample: usize,
    num_multimask_outputs: Option<usize>,
    num_classes: Option<usize>,
    iou_head_depth: usize,
    iou_head_hidden_dim: usize,
    pixel_mean: [f32; 3],
    pixel_std: [f32; 3],
}

fn yes() -> bool {
    true
}

fn two() -> usize {
    2
}

impl Sizes {
    pub(super) fn of(fixture: &Fixture) -> Result<Self, ParityError> {
        fixture.setting("")
    }

    pub(super) fn encoder(&self) -> EncoderConfig {
        EncoderConfig {
            image_side: self.img_size,
            patch: self.patch_size,
            channels: self.in_chans,
            width: self.embed_dim,
            depth: self.depth,
            heads: self.num_heads,
            mlp_width: (self.embed_dim as f64 * self.mlp_ratio) as usize,
            neck_width: self.out_chans,
            window: self.window_size,
            global_blocks: self.global_attn_indexes.clone(),
            qkv_bias: self.qkv_bias,
            relative_positions: self.use_rel_pos,
            norm_eps: self.encoder_norm_eps,
        }
    }

    /// SAM's, or MA-SAM's where the recording states a number of classes.
    pub(super) fn sam(&self) -> SamConfig {
        let width = self.prompt_embed_dim;
        let (masks, doublings) = match (self.num_classes, self.num_multimask_outputs) {
            (Some(classes), _) => (classes + 1, vec![4, 8, 16, 32]),
            (None, masks) => (masks.unwrap_or(3) + 1, vec![4, 8]),
        };
        SamConfig {
            encoder: self.encoder(),
            prompt: PromptConfig {
                width,
                mask_channels: self.mask_in_chans,
            },
            decoder: DecoderConfig {
                transformer: TransformerConfig {
                    width,
                    depth: self.dec_depth,
                    heads: self.dec_heads,
                    mlp_width: self.dec_mlp_dim,
                    cross_divisor: self.dec_downsample,
                },
                masks,
                upscaling: doublings.into_iter().map(|d| width / d).collect(),
                iou_depth: self.iou_head_depth,
                iou_width: self.iou_head_hidden_dim,
            },
            pixel_mean: self.pixel_mean,
            pixel_std: self.pixel_std,
        }
    }
}
