//! The image encoder: runs once per region, knows nothing of prompts.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::blocks::{Conv3x3, DoubleConv, Down, NormAct, Pointwise, ResidualBlock, run};
use super::config::{IMAGE_CHANNELS, NetConfig};
use crate::models::ops::space_to_depth;

/// Features of one region, `[b, d, h, w, width]` each.
#[derive(Debug, Clone)]
pub struct ImageEmbedding {
    /// The region itself, `[b, d, h, w, IMAGE_CHANNELS]`.
    pub image: Tensor<5>,
    /// At its full resolution, few channels.
    pub fine: Tensor<5>,
    /// At 1/2, 1/4, 1/8 and 1/16 of it.
    pub levels: [Tensor<5>; 4],
}

impl ImageEmbedding {
    /// The same features, from which nothing is learnt.
    pub fn detached(self) -> Self {
        Self {
            image: self.image.inner(),
            fine: self.fine.inner(),
            levels: self.levels.map(Tensor::inner),
        }
    }
}

/// A residual network over four resolutions; the first works at half the region's resolution. Two thin convolutions
/// at full resolution go before: where a border runs between two voxels is the same question everywhere, and a
/// network that only sees blocks of 2×2×2 must learn its answer eight times.
#[derive(Module, Debug)]
pub struct ImageEncoder {
    fine: DoubleConv,
    stem: Conv3x3,
    join: Pointwise,
    levels: Vec<Level>,
}

#[derive(Module, Debug)]
struct Level {
    down: Option<Down>,
    blocks: Vec<ResidualBlock>,
    norm: NormAct,
    out: Pointwise,
}

impl ImageEncoder {
    /// Random weights.
    pub fn new(config: &NetConfig, device: &Device) -> Self {
        let widths = config.widths;
        let fine = config.fine_width;
        let norms = [0, 1].map(|_| NormAct::new(fine, device));
        let level = |k: usize| Level {
            down: (k > 0).then(|| Down::new(widths[k.max(1) - 1], widths[k], device)),
            blocks: (0..config.encoder_blocks[k])
                .map(|_| ResidualBlock::new(widths[k], device))
                .collect(),
            norm: NormAct::new(widths[k], device),
            out: Pointwise::new(widths[k], widths[k], device),
        };
        Self {
            fine: DoubleConv::new(IMAGE_CHANNELS, fine, norms, device),
            stem: Conv3x3::new(8 * IMAGE_CHANNELS, widths[0], device),
            join: Pointwise::zeros(8 * fine, widths[0], device),
            levels: (0..4).map(level).collect(),
        }
    }

    /// `image`: `[b, d, h, w, IMAGE_CHANNELS]`, sides multiples of 16.
    pub fn forward(&self, image: Tensor<5>) -> ImageEmbedding {
        let fine = self.fine.forward(image.clone());
        let joined = self.join.forward(space_to_depth(fine.clone()));
        let mut x = self.stem.forward(space_to_depth(image.clone())) + joined;
        let levels = std::array::from_fn(|k| {
            let level = &self.levels[k];
            let halved = match &level.down {
                Some(down) => down.forward(x.clone()),
                None => x.clone(),
            };
            x = run(&level.blocks, halved);
            level.out.forward(level.norm.forward(x.clone()))
        });
        ImageEmbedding {
            image,
            fine,
            levels,
        }
    }
}
