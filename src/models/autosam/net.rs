//! The whole network.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::models::checkpoint::{CheckpointError, Loader, ParamEntry, Scope, WeightMap};
use crate::models::ops::{Corners, resize_linear};
use crate::models::sam::{ImageEncoder, NoAdaptation};
use crate::models::trace::Trace;

use super::cnn_head::CnnHead;
use super::linear_head::LinearHead;
use super::vit_head::VitHead;
use super::{AutoSamConfig, HeadConfig, TITLE};

/// One of the three heads.
#[allow(
    clippy::large_enum_variant,
    reason = "a network has one head, and holds it in place"
)]
#[derive(Module, Debug)]
pub enum SegmentationHead {
    /// SAM's mask decoder without prompts.
    Vit(VitHead),
    /// Convolutions.
    Cnn(CnnHead),
    /// Upscaling and a perceptron for each pixel.
    Linear(LinearHead),
}

/// Logits of the classes.
#[derive(Debug, Clone)]
pub struct ClassLogits {
    /// `[b, classes, h, w]`.
    pub logits: Tensor<4>,
    /// `[b, classes]`, of the ViT head; the authors never train it.
    pub iou: Option<Tensor<2>>,
}

impl SegmentationHead {
    /// Takes `mask_decoder.`, and for the ViT head `pe_layer.`, at `scope`.
    pub fn load(scope: &Scope<'_>, config: &HeadConfig) -> Self {
        let decoder = scope.child("mask_decoder");
        match config {
            HeadConfig::Vit(config) => Self::Vit(VitHead::load(scope, config)),
            HeadConfig::Cnn(config) => Self::Cnn(CnnHead::load(&decoder, config)),
            HeadConfig::Linear(config) => Self::Linear(LinearHead::load(&decoder, config)),
        }
    }

    /// Embeddings `[b, width, h, w]`.
    pub fn forward(&self, embedding: Tensor<4>, trace: &Trace<'_>) -> ClassLogits {
        let decoder = trace.child("mask_decoder");
        match self {
            Self::Vit(head) => {
                let masks = head.forward(embedding, trace);
                ClassLogits {
                    logits: masks.logits,
                    iou: Some(masks.iou),
                }
            }
            Self::Cnn(head) => ClassLogits {
                logits: head.forward(embedding, &decoder),
                iou: None,
            },
            Self::Linear(head) => ClassLogits {
                logits: head.forward(embedding, &decoder),
                iou: None,
            },
        }
    }

    /// As [`Self::forward`], the logits at slices of `side` pixels.
    pub fn forward_to(&self, embedding: Tensor<4>, side: usize, trace: &Trace<'_>) -> ClassLogits {
        let found = self.forward(embedding, trace);
        trace.keep("low_res_logits", &found.logits);
        ClassLogits {
            logits: resize_linear(found.logits, &[side; 2], Corners::HalfPixel),
            ..found
        }
    }
}

/// Encoder and head.
#[derive(Module, Debug)]
pub struct AutoSam {
    image_encoder: ImageEncoder,
    head: SegmentationHead,
    image_side: usize,
    input_side: usize,
}

impl AutoSam {
    /// Takes a checkpoint's tensors.
    ///
    /// # Errors
    /// Tensors that are not those of the configuration.
    pub fn load(
        weights: WeightMap,
        config: &AutoSamConfig,
        device: &Device,
    ) -> Result<(Self, Vec<ParamEntry>), CheckpointError> {
        Self::load_with(Loader::new(weights, device), config)
    }

    /// As [`Self::load`], with a loader of one's own.
    ///
    /// # Errors
    /// Tensors that are not those of the configuration.
    pub fn load_with(
        loader: Loader,
        config: &AutoSamConfig,
    ) -> Result<(Self, Vec<ParamEntry>), CheckpointError> {
        let root = loader.root();
        let net = Self {
            image_encoder: ImageEncoder::load(&root.child("image_encoder"), &config.encoder),
            head: SegmentationHead::load(&root, &config.head),
            image_side: config.encoder.image_side,
            input_side: config.input_side,
        };
        Ok((net, loader.finish(TITLE, |_| false)?))
    }

    /// Slices of 0..=1 `[b, 3, input side, input side]`, without any mean or deviation, to embeddings.
    pub fn encode(&self, slices: Tensor<4>, trace: &Trace<'_>) -> Tensor<4> {
        let images = resize_linear(slices, &[self.image_side; 2], Corners::HalfPixel);
        let trace = trace.child("image_encoder");
        let encoded = self
            .image_encoder
            .forward_with(images, &[], &NoAdaptation, &trace);
        trace.keep("", &encoded.embedding);
        encoded.embedding
    }

    /// Embeddings to logits at the slices' resolution.
    pub fn decode(&self, embedding: Tensor<4>, trace: &Trace<'_>) -> ClassLogits {
        self.head.forward_to(embedding, self.input_side, trace)
    }

    /// The head.
    pub fn head(&self) -> &SegmentationHead {
        &self.head
    }
}
