//! The structure refiner: a U-Net at the region's full resolution that corrects what the decoder says of structures of
//! which a voxel is a large part.
//!
//! The encoder and the decoder do their work at half the resolution, which keeps a click fast; the second stage of a
//! cascade (Isensee et al. 2021, nnU-Net) sees the scan itself beside the first stage's answer.

use burn::module::Module;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor};

use super::blocks::{Conv3x3, Down, NormAct, Pointwise, Up};
use super::config::{IMAGE_CHANNELS, NetConfig};
use super::image_encoder::ImageEmbedding;

/// A U-Net over four resolutions; the first is the region's own.
#[derive(Module, Debug)]
pub struct StructureRefiner {
    first: DoubleConv,
    downs: Vec<Down>,
    blocks_down: Vec<DoubleConv>,
    ups: Vec<Up>,
    blocks_up: Vec<DoubleConv>,
    head: Pointwise,
}

/// Twice: convolution, normalisation of each channel, leaky ReLU.
#[derive(Module, Debug)]
struct DoubleConv {
    conv_in: Conv3x3,
    norm_in: NormAct,
    conv_out: Conv3x3,
    norm_out: NormAct,
}

impl DoubleConv {
    fn new(channels_in: usize, channels_out: usize, device: &Device) -> Self {
        Self {
            conv_in: Conv3x3::new(channels_in, channels_out, device),
            norm_in: NormAct::per_channel(channels_out, device),
            conv_out: Conv3x3::new(channels_out, channels_out, device),
            norm_out: NormAct::per_channel(channels_out, device),
        }
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let x = self.norm_in.forward(self.conv_in.forward(x));
        self.norm_out.forward(self.conv_out.forward(x))
    }
}

impl StructureRefiner {
    /// Random weights; the head starts at zero, so that at first nothing is corrected.
    pub fn new(config: &NetConfig, device: &Device) -> Self {
        let w = config.refiner_widths;
        let inputs = IMAGE_CHANNELS + config.fine_width + config.structures;
        let below = || 1..w.len();
        Self {
            first: DoubleConv::new(inputs, w[0], device),
            downs: below().map(|k| Down::new(w[k - 1], w[k], device)).collect(),
            blocks_down: below()
                .map(|k| DoubleConv::new(w[k], w[k], device))
                .collect(),
            ups: below().map(|k| Up::new(w[k], w[k - 1], device)).collect(),
            blocks_up: below()
                .map(|k| DoubleConv::new(2 * w[k - 1], w[k - 1], device))
                .collect(),
            head: Pointwise::zeros(w[0], config.structures, device),
        }
    }

    /// What is to be added to the structures' `logits`, `[b, d, h, w, structures]`.
    pub fn forward(&self, embedding: &ImageEmbedding, logits: Tensor<5>) -> Tensor<5> {
        let seen = vec![
            embedding.image.clone(),
            embedding.fine.clone(),
            sigmoid(logits),
        ];
        let mut x = self.first.forward(Tensor::cat(seen, 4));
        let mut skips = Vec::with_capacity(self.downs.len());
        for (down, block) in self.downs.iter().zip(&self.blocks_down) {
            skips.push(x.clone());
            x = block.forward(down.forward(x));
        }
        let ups = self.ups.iter().zip(&self.blocks_up);
        for ((up, block), skip) in ups.zip(skips).rev() {
            x = block.forward(Tensor::cat(vec![up.forward(x), skip], 4));
        }
        self.head.forward(x)
    }
}
