//! The whole network of the model in the box, version 1.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::blocks::Pointwise;
use super::config::NetConfig;
use super::image_encoder::{ImageEmbedding, ImageEncoder};
use super::mask_decoder::MaskDecoder;
use super::prompt_channels::PRIOR_WEIGHTS;
use super::prompt_encoder::PromptEncoder;
use super::prompt_generator::AutoPromptGenerator;

/// How unlikely a voxel is to belong to a structure before anything is learnt, in logits.
const RARITY: f64 = 4.0;

/// AutoProSAM's design at workstation size: an encoder that runs once per region, an Auto Prompt Generator for
/// the automatic path, a prompt encoder for clicks and boxes, and one decoder for both.
#[derive(Module, Debug)]
pub struct ProsectorNet {
    encoder: ImageEncoder,
    generator: AutoPromptGenerator,
    prompt_encoder: PromptEncoder,
    decoder: MaskDecoder,
    prior: Pointwise,
}

impl ProsectorNet {
    /// Random weights.
    pub fn new(config: &NetConfig, device: &Device) -> Self {
        Self {
            encoder: ImageEncoder::new(config, device),
            generator: AutoPromptGenerator::new(config, device),
            prompt_encoder: PromptEncoder::new(config, device),
            decoder: MaskDecoder::new(config, device),
            prior: Pointwise::of_weights(&PRIOR_WEIGHTS, device),
        }
    }

    /// The embedding of a region, `image` `[b, d, h, w, IMAGE_CHANNELS]`.
    pub fn encode(&self, image: Tensor<5>) -> ImageEmbedding {
        self.encoder.forward(image)
    }

    /// Logits of the structures, `[b, d, h, w, structures]`, without any prompt.
    pub fn automatic(&self, embedding: &ImageEmbedding) -> Tensor<5> {
        let prompt = self.generator.forward(embedding);
        let logits = self.decoder.forward(embedding, prompt);
        let channels = logits.dims()[4];
        logits.narrow(4, 1, channels - 1) - RARITY
    }

    /// Logits of the prompted target, `[b, d, h, w, 1]`; `prompts` `[b, d, h, w, PROMPT_CHANNELS]`.
    pub fn prompted(&self, embedding: &ImageEmbedding, prompts: Tensor<5>) -> Tensor<5> {
        let prior = self.prior.forward(prompts.clone());
        let prompt = self.prompt_encoder.forward(prompts);
        self.decoder.forward(embedding, prompt).narrow(4, 0, 1) + prior
    }
}
