//! The whole network.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::models::checkpoint::Scope;
use crate::models::sam::{
    DecodedMasks, ImageEncoder, MaskDecoder, PromptEncoder, PromptFrame, Prompts,
};
use crate::models::trace::Trace;

use super::{Adaptation, MasamConfig, Mode};

/// SAM with what MA-SAM adds.
#[derive(Module, Debug)]
pub struct MaSam {
    image_encoder: ImageEncoder,
    adaptation: Adaptation,
    prompt_encoder: PromptEncoder,
    mask_decoder: MaskDecoder,
    image_side: usize,
    grid: usize,
}

impl MaSam {
    /// Takes the tensors of base and adaptation under [our names](super::names).
    pub fn load(scope: &Scope<'_>, config: &MasamConfig) -> Self {
        let (image, sam) = (scope.child("image_encoder"), &config.sam);
        Self {
            image_encoder: ImageEncoder::load(&image, &sam.encoder),
            adaptation: Adaptation::load(&image, config),
            prompt_encoder: PromptEncoder::load(&scope.child("prompt_encoder"), &sam.prompt),
            mask_decoder: MaskDecoder::load(&scope.child("mask_decoder"), &sam.decoder),
            image_side: sam.encoder.image_side,
            grid: sam.encoder.grid(),
        }
    }

    /// Embeddings of prepared slices `[b slices, 3, side, side]`, the slices of a volume after one another.
    pub fn embed(
        &self,
        images: Tensor<4>,
        slices: usize,
        mode: Mode,
        trace: &Trace<'_>,
    ) -> Tensor<4> {
        let adaptation = self.adaptation.on_slices(slices, mode);
        self.image_encoder
            .forward_with(images, &[], &adaptation, trace)
            .embedding
    }

    /// Class logits of embeddings `[n, c, h, w]`, and with `boxes [n, 4]` (x0, y0, x1, y1 in pixels of the image, one
    /// on each slice) the classes inside them: `[n, classes + 1, side, side]`, the background first.
    pub fn decode(
        &self,
        embeddings: Tensor<4>,
        boxes: Option<Tensor<2>>,
        trace: &Trace<'_>,
    ) -> DecodedMasks {
        let frame = PromptFrame {
            image: [self.image_side; 2],
            grid: [self.grid; 2],
        };
        let prompts = Prompts {
            boxes,
            ..Prompts::default()
        };
        let prompt = self.prompt_encoder.forward(prompts, frame, trace);
        if let Some(sparse) = &prompt.sparse {
            trace.keep("prompt_encoder.0", sparse);
            trace.keep("prompt_encoder.1", &prompt.dense);
        }
        let positions = self.prompt_encoder.dense_positions(frame.grid);
        self.mask_decoder
            .forward(embeddings, positions, prompt, &trace.child("mask_decoder"))
    }

    /// Class logits of volumes `[b, slices, 3, side, side]`, their slices after one another; boxes `[b, slices, 4]`.
    pub fn forward(&self, volumes: Tensor<5>, boxes: Option<Tensor<3>>, mode: Mode) -> Tensor<4> {
        let slices = volumes.dims()[1];
        let images: Tensor<4> = volumes.flatten(0, 1);
        let boxes = boxes.map(|boxes| boxes.flatten(0, 1));
        let embeddings = self.embed(images, slices, mode, &Trace::off());
        self.decode(embeddings, boxes, &Trace::off()).logits
    }
}
