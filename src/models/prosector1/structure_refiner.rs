//! The structure refiner: a U-Net at the region's full resolution that corrects what the decoder says of structures of
//! which a voxel is a large part.
//!
//! The encoder and the decoder do their work at half the resolution, which keeps a click fast; the second stage of a
//! cascade (Isensee et al. 2021, nnU-Net) sees the scan itself beside the first stage's answer.

use burn::module::Module;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor};

use super::blocks::{DoubleConv, Down, NormAct, Pointwise, Up};
use super::config::{IMAGE_CHANNELS, NetConfig};
use super::image_encoder::ImageEmbedding;

/// Logit of a structure where nothing was found.
const NOTHING: f64 = -5.0;
/// How much of the first answer is believed once trained. The first stage is better on the scans that it learnt from,
/// so a refiner that always saw its whole answer would rely on it more than other scans bear out. Of 0, 0.25, 0.5, 0.75
/// and 1, this one and 0.25 are best on training patients, and this one on others.
pub(super) const TRUST: f64 = 0.5;

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

impl StructureRefiner {
    /// Random weights; the head starts at zero, so that at first nothing is corrected.
    pub fn new(config: &NetConfig, device: &Device) -> Self {
        let w = config.refiner_widths;
        let inputs = IMAGE_CHANNELS + config.fine_width + config.structures;
        let below = || 1..w.len();
        let block = |channels_in, channels_out| {
            let norms = [0, 1].map(|_| NormAct::per_channel(channels_out, device));
            DoubleConv::new(channels_in, channels_out, norms, device)
        };
        Self {
            first: block(inputs, w[0]),
            downs: below().map(|k| Down::new(w[k - 1], w[k], device)).collect(),
            blocks_down: below().map(|k| block(w[k], w[k])).collect(),
            ups: below().map(|k| Up::new(w[k], w[k - 1], device)).collect(),
            blocks_up: below().map(|k| block(2 * w[k - 1], w[k - 1])).collect(),
            head: Pointwise::zeros(w[0], config.structures, device),
        }
    }

    /// Better logits of the structures than those of the `first` answer, both `[b, d, h, w, structures]`, of which as
    /// much is shown and corrected as `trust`, `[b, 1, 1, 1, 1]`, says: 1 all, 0 as if it had found nothing.
    pub fn forward(
        &self,
        embedding: &ImageEmbedding,
        first: Tensor<5>,
        trust: Tensor<5>,
    ) -> Tensor<5> {
        let first = (first - NOTHING) * trust + NOTHING;
        let seen = vec![
            embedding.image.clone(),
            embedding.fine.clone(),
            sigmoid(first.clone()),
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
        first + self.head.forward(x)
    }
}
