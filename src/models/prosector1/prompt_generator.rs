//! The Auto Prompt Generator: from the image embedding to the prompt that a human would have given.
//!
//! As in AutoProSAM (§5 of its specification) it is U-Net-like, reads the encoder's features and answers with a
//! dense prompt embedding; here it reads all four resolutions, so its contracting half is the encoder itself.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::blocks::{Pointwise, ResidualBlock, Up};
use super::config::NetConfig;
use super::image_encoder::ImageEmbedding;

/// The expanding half of a U-Net over the image embedding.
#[derive(Module, Debug)]
pub struct AutoPromptGenerator {
    bottom: ResidualBlock,
    steps: Vec<Step>,
}

#[derive(Module, Debug)]
struct Step {
    up: Up,
    lateral: Pointwise,
    block: ResidualBlock,
}

impl AutoPromptGenerator {
    /// Random weights.
    pub fn new(config: &NetConfig, device: &Device) -> Self {
        let widths = config.widths;
        let step = |k: usize| Step {
            up: Up::new(widths[k + 1], widths[k], device),
            lateral: Pointwise::new(widths[k], widths[k], device),
            block: ResidualBlock::new(widths[k], device),
        };
        Self {
            bottom: ResidualBlock::new(widths[3], device),
            steps: (0..3).rev().map(step).collect(),
        }
    }

    /// The prompt embedding `[b, d/2, h/2, w/2, widths[0]]` of a region.
    pub fn forward(&self, embedding: &ImageEmbedding) -> Tensor<5> {
        let mut x = self.bottom.forward(embedding.levels[3].clone());
        for (step, feature) in self.steps.iter().zip(embedding.levels[..3].iter().rev()) {
            x = step.up.forward(x) + step.lateral.forward(feature.clone());
            x = step.block.forward(x);
        }
        x
    }
}
