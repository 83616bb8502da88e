//! SAM's ViT image encoder.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::models::checkpoint::{Init, Scope};
use crate::models::layers::{ChannelNorm, Conv2d, Window};
use crate::models::trace::Trace;

use super::EncoderConfig;
use super::encoder_block::{Block, BlockAdaptation, NoAdaptation};

/// What the encoder makes of an image.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// After the neck, `[b, neck width, grid, grid]`.
    pub embedding: Tensor<4>,
    /// Outputs of the blocks that were asked for, in their order, `[b, grid, grid, width]`.
    pub blocks: Vec<Tensor<4>>,
}

/// Patches, blocks, neck.
#[derive(Module, Debug)]
pub struct ImageEncoder {
    patch_embed: PatchEmbedding,
    pos_embed: Param<Tensor<4>>,
    blocks: Vec<Block>,
    neck: Neck,
}

impl ImageEncoder {
    /// Takes the encoder's tensors at `scope`, `image_encoder.` in SAM's files.
    pub fn load(scope: &Scope<'_>, config: &EncoderConfig) -> Self {
        let (grid, width) = (config.grid(), config.width);
        let block = |number| Block::load(&scope.child("blocks").child(number), config, number);
        Self {
            patch_embed: PatchEmbedding::load(&scope.child("patch_embed").child("proj"), config),
            pos_embed: scope.param("pos_embed", [1, grid, grid, width], Init::Zeros),
            blocks: (0..config.depth).map(block).collect(),
            neck: Neck::load(&scope.child("neck"), config),
        }
    }

    /// Prepared images `[b, 3, side, side]` to `[b, neck width, grid, grid]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<4> {
        self.forward_with(images, &[], &NoAdaptation, &Trace::off())
            .embedding
    }

    /// As [`Self::forward`], with an adaptation inside the blocks, and the outputs of the `wanted` blocks beside it.
    pub fn forward_with(
        &self,
        images: Tensor<4>,
        wanted: &[usize],
        adaptation: &dyn BlockAdaptation,
        trace: &Trace<'_>,
    ) -> Encoded {
        let mut x = self.tokens(images, trace);
        let mut blocks = Vec::with_capacity(wanted.len());
        for (number, block) in self.blocks.iter().enumerate() {
            x = block.forward(x, adaptation, &trace.child("blocks").child(number));
            if wanted.contains(&number) {
                blocks.push(x.clone());
            }
        }
        let embedding = self.neck.forward(x, &trace.child("neck"));
        Encoded { embedding, blocks }
    }

    /// Patches with their absolute positions, `[b, grid, grid, width]`.
    pub fn tokens(&self, images: Tensor<4>, trace: &Trace<'_>) -> Tensor<4> {
        let x = self.patch_embed.forward(images);
        trace.keep("patch_embed", &x);
        let x = x + self.pos_embed.val();
        trace.keep("tokens_plus_pos", &x);
        x
    }
}

/// A convolution whose kernel is its stride, as a matrix product over patches.
#[derive(Module, Debug)]
struct PatchEmbedding {
    weight: Param<Tensor<4>>,
    bias: Param<Tensor<1>>,
}

impl PatchEmbedding {
    fn load(scope: &Scope<'_>, config: &EncoderConfig) -> Self {
        let (width, patch) = (config.width, config.patch);
        let init = Init::Uniform(1.0 / ((config.channels * patch * patch) as f32).sqrt());
        Self {
            weight: scope.param("weight", [width, config.channels, patch, patch], init),
            bias: scope.param("bias", [width], init),
        }
    }

    /// `[b, c, h, w]` → `[b, h / patch, w / patch, width]`.
    fn forward(&self, images: Tensor<4>) -> Tensor<4> {
        let [width, channels, patch, _] = self.weight.dims();
        let [batch, _, height, across] = images.dims();
        let (rows, columns) = (height / patch, across / patch);
        let size = channels * patch * patch;
        let patches: Tensor<3> = images
            .reshape([batch, channels, rows, patch, columns, patch])
            .permute([0, 2, 4, 1, 3, 5])
            .reshape([1, batch * rows * columns, size]);
        let weight: Tensor<3> = self.weight.val().reshape([1, width, size]);
        let bias: Tensor<3> = self.bias.val().reshape([1, 1, width]);
        (patches.matmul(weight.swap_dims(1, 2)) + bias).reshape([batch, rows, columns, width])
    }
}

/// From tokens to the embedding that decoders read.
#[derive(Module, Debug)]
struct Neck {
    conv1: Conv2d,
    norm1: ChannelNorm,
    conv2: Conv2d,
    norm2: ChannelNorm,
}

impl Neck {
    fn load(scope: &Scope<'_>, config: &EncoderConfig) -> Self {
        let (from, to) = (config.width, config.neck_width);
        Self {
            conv1: Conv2d::load(&scope.child(0), [to, from, 1, 1], false, Window::same(1)),
            norm1: ChannelNorm::load(&scope.child(1), to),
            conv2: Conv2d::load(&scope.child(2), [to, to, 3, 3], false, Window::same(3)),
            norm2: ChannelNorm::load(&scope.child(3), to),
        }
    }

    /// `[b, h, w, width]` → `[b, neck width, h, w]`.
    fn forward(&self, x: Tensor<4>, trace: &Trace<'_>) -> Tensor<4> {
        let x = self.conv1.forward(x.permute([0, 3, 1, 2]));
        trace.keep("0", &x);
        let x = self.norm1.forward(x);
        trace.keep("1", &x);
        let x = self.conv2.forward(x);
        trace.keep("2", &x);
        let x = self.norm2.forward(x);
        trace.keep("3", &x);
        x
    }
}
