//! The prompt encoder: clicks, box and previous mask, drawn as channels, to a dense prompt embedding.

use burn::module::Module;
use burn::tensor::activation::leaky_relu;
use burn::tensor::{Device, Tensor};

use super::blocks::{Conv3x3, Pointwise};
use super::config::{NetConfig, PROMPT_CHANNELS};
use crate::models::ops::space_to_depth;

/// No normalisation here: it would rescale one click against many.
#[derive(Module, Debug)]
pub struct PromptEncoder {
    mix: Pointwise,
    conv: Conv3x3,
}

impl PromptEncoder {
    /// Random weights.
    pub fn new(config: &NetConfig, device: &Device) -> Self {
        let width = config.widths[0];
        Self {
            mix: Pointwise::new(8 * PROMPT_CHANNELS, width, device),
            conv: Conv3x3::new(width, width, device),
        }
    }

    /// `prompts`: `[b, d, h, w, PROMPT_CHANNELS]` → `[b, d/2, h/2, w/2, widths[0]]`.
    pub fn forward(&self, prompts: Tensor<5>) -> Tensor<5> {
        let mixed = leaky_relu(self.mix.forward(space_to_depth(prompts)), 0.01);
        self.conv.forward(mixed.clone()) + mixed
    }
}
