//! The whole network.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::models::checkpoint::{CheckpointError, Loader, ParamEntry, Scope, WeightMap};
use crate::models::sam::{ImageEncoder, NoAdaptation, PromptEncoder, PromptFrame, Prompts};
use crate::models::trace::Trace;

use super::pimm::{ImageContext, Pimm};
use super::prim::Prim;
use super::{DeSamConfig, DeSamDecoderConfig, TITLE};

/// What the encoder makes of an image: what the authors compute once and train from.
#[derive(Debug, Clone)]
pub struct ImageFeatures {
    /// Outputs of the chosen blocks, shallow to deep, `[b, encoder width, grid, grid]`.
    pub features: Vec<Tensor<4>>,
    /// `[b, width, grid, grid]`.
    pub embedding: Tensor<4>,
}

/// An image as the decoder reads it: all that does not depend on prompts.
#[derive(Debug, Clone)]
pub struct PreparedImage {
    embedding: Tensor<4>,
    context: ImageContext,
}

/// Masks of prompts.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// `[b, 1, side, side]`, a quarter of the image's side.
    pub logits: Tensor<4>,
    /// `[b, 1]`: how far the point is believed to lie in the organ; not limited to 0..=1.
    pub iou: Tensor<2>,
}

/// Prompt encoder, PRIM and PIMM.
#[derive(Module, Debug)]
pub struct DeSamDecoder {
    prompt_encoder: PromptEncoder,
    prim: Prim,
    pimm: Pimm,
    image_side: usize,
    grid: usize,
}

impl DeSamDecoder {
    /// Takes the tensors at `prompts` and `decoder`, `prompt_encoder.` and `mask_decoder.` in checkpoints.
    pub fn load(prompts: &Scope<'_>, decoder: &Scope<'_>, config: &DeSamDecoderConfig) -> Self {
        Self {
            prompt_encoder: PromptEncoder::load(prompts, &config.prompt),
            prim: Prim::load(decoder, &config.prim),
            pimm: Pimm::load(&decoder.child("pimm"), &config.pimm),
            image_side: config.image_side,
            grid: config.grid,
        }
    }

    /// Computes what prompts on these images share.
    pub fn prepare(&self, image: &ImageFeatures, trace: &Trace<'_>) -> PreparedImage {
        let trace = trace.child("mask_decoder").child("pimm");
        PreparedImage {
            embedding: image.embedding.clone(),
            context: self.pimm.image_context(&image.features, &trace),
        }
    }

    /// Masks for prompts of one row for each image, or of many rows for one image.
    pub fn decode(&self, image: &PreparedImage, prompts: Prompts, trace: &Trace<'_>) -> Decoded {
        let frame = PromptFrame {
            image: [self.image_side; 2],
            grid: [self.grid; 2],
        };
        let embedded = self.prompt_encoder.forward(prompts, frame, trace);
        if let Some(sparse) = &embedded.sparse {
            trace.keep("sparse", sparse);
        }
        let positions = self.prompt_encoder.dense_positions(frame.grid);
        let trace = trace.child("mask_decoder");
        let relevance = self
            .prim
            .forward(&image.embedding, &positions, embedded, &trace);
        let embedding = relevance.mask_embedding;
        let logits = self
            .pimm
            .forward(embedding, &image.context, &trace.child("pimm"));
        Decoded {
            logits,
            iou: relevance.ious.narrow(1, 0, 1),
        }
    }

    /// A box around the whole image, for `rows` images.
    pub fn whole_box(&self, rows: usize, device: &Device) -> Prompts {
        let side = self.image_side as f32;
        let corners = Tensor::<1>::from_data([0.0, 0.0, side, side], device);
        Prompts {
            boxes: Some(corners.reshape([1, 4]).expand([rows, 4])),
            ..Prompts::default()
        }
    }
}

/// Encoder and decoder.
#[derive(Module, Debug)]
pub struct DeSam {
    image_encoder: ImageEncoder,
    decoder: DeSamDecoder,
    #[module(skip)]
    feature_blocks: Vec<usize>,
}

impl DeSam {
    /// Takes a checkpoint's tensors. SAM's read-out of masks, which checkpoints hold and nothing uses, is passed over;
    /// so may the mask prompt's encoder be missing.
    ///
    /// # Errors
    /// Tensors that are not those of the configuration.
    pub fn load(
        weights: WeightMap,
        config: &DeSamConfig,
        device: &Device,
    ) -> Result<(Self, Vec<ParamEntry>), CheckpointError> {
        let loader = Loader::new(weights, device).with_fresh(0, is_unused);
        let root = loader.root();
        let net = Self {
            image_encoder: ImageEncoder::load(&root.child("image_encoder"), &config.encoder),
            decoder: DeSamDecoder::load(
                &root.child("prompt_encoder"),
                &root.child("mask_decoder"),
                &config.decoder,
            ),
            feature_blocks: config.feature_blocks.clone(),
        };
        Ok((net, loader.finish(TITLE, is_unused)?))
    }

    /// Normalised images `[b, 3, side, side]`.
    pub fn encode(&self, images: Tensor<4>, trace: &Trace<'_>) -> ImageFeatures {
        let trace = trace.child("image_encoder");
        let encoded =
            self.image_encoder
                .forward_with(images, &self.feature_blocks, &NoAdaptation, &trace);
        let channels_first = |x: Tensor<4>| x.permute([0, 3, 1, 2]);
        ImageFeatures {
            features: encoded.blocks.into_iter().map(channels_first).collect(),
            embedding: encoded.embedding,
        }
    }

    /// Everything after the encoder.
    pub fn decoder(&self) -> &DeSamDecoder {
        &self.decoder
    }
}

/// Tensors of DeSAM's checkpoints that cannot change a result.
pub fn is_unused(name: &str) -> bool {
    const UNUSED: [&str; 3] = [
        "prompt_encoder.mask_downscaling.",
        "mask_decoder.output_upscaling.",
        "mask_decoder.output_hypernetworks_mlps.",
    ];
    UNUSED.iter().any(|prefix| name.starts_with(prefix))
}
