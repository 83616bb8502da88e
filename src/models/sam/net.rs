//! The whole network.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use crate::models::checkpoint::Scope;
use crate::models::ops::{Corners, resize_linear};
use crate::models::trace::Trace;

use super::{
    DecodedMasks, ImageEncoder, MaskDecoder, PromptEncoder, PromptFrame, Prompts, SamConfig,
};

/// Everything of SAM after its image encoder.
#[derive(Module, Debug)]
pub struct SamDecoder {
    prompt_encoder: PromptEncoder,
    mask_decoder: MaskDecoder,
}

impl SamDecoder {
    /// Takes the tensors of a SAM file.
    pub fn load(scope: &Scope<'_>, config: &SamConfig) -> Self {
        Self {
            prompt_encoder: PromptEncoder::load(&scope.child("prompt_encoder"), &config.prompt),
            mask_decoder: MaskDecoder::load(&scope.child("mask_decoder"), &config.decoder),
        }
    }

    /// The masks of prompts, one row each, on one image's embedding `[1, c, h, w]` or on as many as there are rows: all
    /// of them, in the network's own resolution.
    pub fn decode(
        &self,
        embedding: Tensor<4>,
        prompts: Prompts,
        frame: PromptFrame,
    ) -> DecodedMasks {
        let positions = self.prompt_encoder.dense_positions(frame.grid);
        let prompt = self.prompt_encoder.forward(prompts, frame, &Trace::off());
        self.mask_decoder
            .forward(embedding, positions, prompt, &Trace::off())
    }
}

/// Segment Anything.
#[derive(Module, Debug)]
pub struct Sam {
    image_encoder: ImageEncoder,
    decoder: SamDecoder,
}

impl Sam {
    /// Takes the tensors of a SAM file.
    pub fn load(scope: &Scope<'_>, config: &SamConfig) -> Self {
        Self {
            image_encoder: ImageEncoder::load(&scope.child("image_encoder"), &config.encoder),
            decoder: SamDecoder::load(scope, config),
        }
    }

    /// Prepared images `[b, 3, side, side]` to their embeddings.
    pub fn embed(&self, images: Tensor<4>) -> Tensor<4> {
        self.image_encoder.forward(images)
    }

    /// The masks of prompts on one image's embedding; see [`SamDecoder::decode`].
    pub fn decode(
        &self,
        embedding: Tensor<4>,
        prompts: Prompts,
        frame: PromptFrame,
    ) -> DecodedMasks {
        self.decoder.decode(embedding, prompts, frame)
    }
}

impl SamConfig {
    /// Where prompts lie.
    pub fn frame(&self) -> PromptFrame {
        PromptFrame {
            image: [self.encoder.image_side; 2],
            grid: [self.encoder.grid(); 2],
        }
    }

    /// Height and width of an image of `size` once its longer side is the network's, as SAM's predictor rounds it.
    pub fn resized(&self, size: [usize; 2]) -> [usize; 2] {
        let longest = size[0].max(size[1]).max(1) as f64;
        let scale = self.encoder.image_side as f64 / longest;
        size.map(|side| ((side as f64 * scale + 0.5) as usize).max(1))
    }

    /// Normalises an image of 0..=255, `[b, 3, h, w]` with its longer side the network's, and fills it up with zeros
    /// below and to the right.
    pub fn prepare(&self, image: Tensor<4>) -> Tensor<4> {
        let device = image.device();
        let row = |values: [f32; 3]| channels(values, &device);
        let image = (image - row(self.pixel_mean)) / row(self.pixel_std);
        let [_, _, height, width] = image.dims();
        let side = self.encoder.image_side;
        let padding = [(0, side - height), (0, side - width)];
        image.pad(padding, burn::tensor::ops::PadMode::Constant(0.0))
    }

    /// Logits in the network's own resolution, `[b, n, h, w]`, as those of an image of `original` height and width
    /// that was resized to `input`.
    pub fn restore(&self, logits: Tensor<4>, input: [usize; 2], original: [usize; 2]) -> Tensor<4> {
        let side = self.encoder.image_side;
        let [batch, masks, ..] = logits.dims();
        let whole = resize_linear(logits, &[side; 2], Corners::HalfPixel);
        let image = whole.slice([0..batch, 0..masks, 0..input[0], 0..input[1]]);
        resize_linear(image, &original, Corners::HalfPixel)
    }
}

/// A value for each channel, `[1, 3, 1, 1]`.
fn channels(values: [f32; 3], device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values.to_vec(), [1, 3, 1, 1]), device)
}

/// Places (x, y) of an image of `original` height and width, in the frame of one that was resized to `input`.
pub fn scale_places(places: &[f32], original: [usize; 2], input: [usize; 2]) -> Vec<f32> {
    let scale = [1, 0].map(|axis| input[axis] as f32 / original[axis] as f32);
    let pairs = places.iter().enumerate();
    pairs.map(|(n, place)| place * scale[n % 2]).collect()
}
