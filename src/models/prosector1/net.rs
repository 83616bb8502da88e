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
use super::structure_refiner::{StructureRefiner, TRUST};

/// How unlikely a voxel is to belong to a structure before anything is learnt, in logits.
const RARITY: f64 = 4.0;

/// AutoProSAM's design at workstation size: an encoder that runs once per region, an Auto Prompt Generator for
/// the automatic path, a prompt encoder for clicks and boxes, one decoder for both, and a refiner for structures.
#[derive(Module, Debug)]
pub struct ProsectorNet {
    encoder: ImageEncoder,
    generator: AutoPromptGenerator,
    prompt_encoder: PromptEncoder,
    decoder: MaskDecoder,
    prior: Pointwise,
    refiner: StructureRefiner,
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
            refiner: StructureRefiner::new(config, device),
        }
    }

    /// The embedding of a region, `image` `[b, d, h, w, IMAGE_CHANNELS]`.
    pub fn encode(&self, image: Tensor<5>) -> ImageEmbedding {
        self.encoder.forward(image)
    }

    /// The same network, of which only the refiner learns.
    pub fn learning_to_refine(self) -> Self {
        Self {
            encoder: self.encoder.no_grad(),
            generator: self.generator.no_grad(),
            prompt_encoder: self.prompt_encoder.no_grad(),
            decoder: self.decoder.no_grad(),
            prior: self.prior.no_grad(),
            refiner: self.refiner,
        }
    }

    /// Logits of the structures, `[b, d, h, w, structures]`, without any prompt; `refined` at full resolution or not.
    pub fn automatic(&self, embedding: &ImageEmbedding, refined: bool) -> Tensor<5> {
        let first = self.first_answer(embedding);
        if !refined {
            return first;
        }
        let trust = Tensor::full([first.dims()[0], 1, 1, 1, 1], TRUST, &first.device());
        self.refined(embedding, first, trust)
    }

    /// Logits of the structures before any refinement.
    pub fn first_answer(&self, embedding: &ImageEmbedding) -> Tensor<5> {
        let prompt = self.generator.forward(embedding);
        let logits = self.decoder.forward(embedding, prompt);
        let channels = logits.dims()[4];
        logits.narrow(4, 1, channels - 1) - RARITY
    }

    /// Logits of the structures, refined with as much `trust`, `[b, 1, 1, 1, 1]`, in the `first` answer.
    pub fn refined(
        &self,
        embedding: &ImageEmbedding,
        first: Tensor<5>,
        trust: Tensor<5>,
    ) -> Tensor<5> {
        self.refiner.forward(embedding, first, trust)
    }

    /// Logits of the prompted target, `[b, d, h, w, 1]`; `prompts` `[b, d, h, w, PROMPT_CHANNELS]`.
    pub fn prompted(&self, embedding: &ImageEmbedding, prompts: Tensor<5>) -> Tensor<5> {
        let prior = self.prior.forward(prompts.clone());
        let prompt = self.prompt_encoder.forward(prompts);
        self.decoder.forward(embedding, prompt).narrow(4, 0, 1) + prior
    }
}
