//! The multi-layer-aggregation mask decoder, shared by the automatic and the prompted path.
//!
//! A prompt embedding, whoever made it, meets the image embedding at every resolution, going down and up again,
//! so that one click can reach a whole organ. One output channel is the prompted target, the others are the
//! structures of the automatic path.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::blocks::{Down, NormAct, Pointwise, ResidualBlock, Up};
use super::config::NetConfig;
use super::image_encoder::ImageEmbedding;
use crate::models::ops::depth_to_space;

/// U-shaped, with the image embedding added at each of the four resolutions.
#[derive(Module, Debug)]
pub struct MaskDecoder {
    laterals: Vec<Pointwise>,
    downs: Vec<Down>,
    blocks_down: Vec<ResidualBlock>,
    ups: Vec<Up>,
    blocks_up: Vec<ResidualBlock>,
    norm: NormAct,
    head: Pointwise,
    refinement: Refinement,
}

/// What the head, which answers for blocks of 2×2×2 voxels, cannot say: the mask's border at full resolution.
#[derive(Module, Debug)]
struct Refinement {
    up: Up,
    block: ResidualBlock,
    norm: NormAct,
    head: Pointwise,
}

impl Refinement {
    fn new(config: &NetConfig, device: &Device) -> Self {
        let fine = config.fine_width;
        Self {
            up: Up::new(config.widths[0], fine, device),
            block: ResidualBlock::new(fine, device),
            norm: NormAct::new(fine, device),
            head: Pointwise::zeros(fine, 1 + config.structures, device),
        }
    }

    /// `coarse` `[b, d/2, h/2, w/2, widths[0]]` and the encoder's features `[b, d, h, w, fine_width]` to what is
    /// added to the logits.
    fn forward(&self, coarse: Tensor<5>, fine: Tensor<5>) -> Tensor<5> {
        let x = self.block.forward(self.up.forward(coarse) + fine);
        self.head.forward(self.norm.forward(x))
    }
}

impl MaskDecoder {
    /// Random weights; the heads start at zero, so that the first answer is the prior alone.
    pub fn new(config: &NetConfig, device: &Device) -> Self {
        let w = config.widths;
        Self {
            laterals: w.iter().map(|&w| Pointwise::new(w, w, device)).collect(),
            downs: (0..3).map(|k| Down::new(w[k], w[k + 1], device)).collect(),
            blocks_down: w.iter().map(|&w| ResidualBlock::new(w, device)).collect(),
            ups: (0..3).map(|k| Up::new(w[k + 1], w[k], device)).collect(),
            blocks_up: (0..3).map(|k| ResidualBlock::new(w[k], device)).collect(),
            norm: NormAct::new(w[0], device),
            head: Pointwise::zeros(w[0], 8 * (1 + config.structures), device),
            refinement: Refinement::new(config, device),
        }
    }

    /// Logits `[b, d, h, w, 1 + structures]` at the region's full resolution; channel 0 is the prompted target.
    pub fn forward(&self, embedding: &ImageEmbedding, prompt: Tensor<5>) -> Tensor<5> {
        let mut x = prompt;
        let mut skips = Vec::with_capacity(3);
        for k in 0..4 {
            if k > 0 {
                skips.push(x.clone());
                x = self.downs[k - 1].forward(x);
            }
            x = x + self.laterals[k].forward(embedding.levels[k].clone());
            x = self.blocks_down[k].forward(x);
        }
        for k in (0..3).rev() {
            let skip = skips.pop().expect("one skip per level, pushed above");
            x = self.blocks_up[k].forward(self.ups[k].forward(x) + skip);
        }
        let x = self.norm.forward(x);
        let refined = self.refinement.forward(x.clone(), embedding.fine.clone());
        depth_to_space(self.head.forward(x)) + refined
    }
}
