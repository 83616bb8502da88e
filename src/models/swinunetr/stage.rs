//! A stage of the transformer: blocks, then merging of tokens.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::models::checkpoint::{Init, Scope};
use crate::models::layers::{LayerNorm, Linear};
use crate::models::ops::{VolumeWindows, WindowPadding, gelu};
use crate::models::trace::Trace;

use super::attention::WindowAttention;
use super::config::{PatchMerging, SwinUnetrConfig};

const NORM_EPS: f64 = 1e-5;
const MLP_RATIO: usize = 4;

/// Blocks of one width, whose every second one looks at shifted windows.
#[derive(Module, Debug)]
pub(super) struct Stage {
    blocks: Vec<Block>,
    merging: Merging,
}

impl Stage {
    pub(super) fn load(scope: &Scope<'_>, config: &SwinUnetrConfig, stage: usize) -> Self {
        let width = config.width(stage);
        let scope = scope.child(format_args!("layers{}", stage + 1)).child(0);
        let blocks = scope.child("blocks");
        Self {
            blocks: (0..config.depths[stage])
                .map(|i| {
                    let (heads, side) = (config.num_heads[stage], config.window_size);
                    Block::load(&blocks.child(i), [width, heads, side], i % 2 == 1)
                })
                .collect(),
            merging: Merging::load(&scope.child("downsample"), width, config.merging),
        }
    }

    /// `[1, d, h, w, c]` → `[1, d/2, h/2, w/2, 2c]`.
    pub(super) fn forward(&self, mut x: Tensor<5>, trace: &Trace<'_>) -> Tensor<5> {
        for (index, block) in self.blocks.iter().enumerate() {
            x = block.forward(x);
            trace.keep(&format!("block{index}"), &x);
        }
        let merged = self.merging.forward(x);
        trace.keep("merged", &merged);
        merged
    }
}

#[derive(Module, Debug)]
struct Block {
    norm1: LayerNorm,
    attn: WindowAttention,
    norm2: LayerNorm,
    linear1: Linear,
    linear2: Linear,
    side: usize,
    shifted: bool,
}

impl Block {
    fn load(scope: &Scope<'_>, [width, heads, side]: [usize; 3], shifted: bool) -> Self {
        let mlp = scope.child("mlp");
        let hidden = MLP_RATIO * width;
        Self {
            norm1: LayerNorm::load(&scope.child("norm1"), width, NORM_EPS),
            attn: WindowAttention::load(&scope.child("attn"), width, heads, side),
            norm2: LayerNorm::load(&scope.child("norm2"), width, NORM_EPS),
            linear1: Linear::load(&mlp.child("linear1"), width, hidden, true),
            linear2: Linear::load(&mlp.child("linear2"), hidden, width, true),
            side,
            shifted,
        }
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let shape = x.dims();
        let [_, d, h, w, width] = shape;
        let windows = self.windows([d, h, w]);
        let x: Tensor<2> = x.reshape([d * h * w, width]);
        let attended = self.attn.forward(&self.norm1.forward(x.clone()), &windows);
        let x = x + attended;
        let hidden = gelu(self.linear1.forward(self.norm2.forward(x.clone())));
        (x + self.linear2.forward(hidden)).reshape(shape)
    }

    /// Along an axis no longer than the window, the window is the axis, and is not shifted.
    fn windows(&self, grid: [usize; 3]) -> VolumeWindows {
        let window = grid.map(|length| length.min(self.side));
        let shift = grid.map(|length| {
            let small = length <= self.side;
            if small || !self.shifted {
                0
            } else {
                self.side / 2
            }
        });
        VolumeWindows::new(grid, window, shift, WindowPadding::BeforeShift)
    }
}

/// Eight neighbouring tokens become one of twice the width.
#[derive(Module, Debug)]
struct Merging {
    norm: LayerNorm,
    reduction: Linear,
    #[module(skip)]
    order: PatchMerging,
}

impl Merging {
    fn load(scope: &Scope<'_>, width: usize, order: PatchMerging) -> Self {
        Self {
            norm: LayerNorm::load(&scope.child("norm"), 8 * width, NORM_EPS),
            reduction: Linear::load(&scope.child("reduction"), 8 * width, 2 * width, false),
            order,
        }
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let [_, d, h, w, c] = x.dims();
        let split: Tensor<7> = x.reshape([d / 2, 2, h / 2, 2, w / 2, 2, c]);
        let parts = self.order.offsets().map(|[i, j, k]| -> Tensor<5> {
            let part = split
                .clone()
                .narrow(1, i, 1)
                .narrow(3, j, 1)
                .narrow(5, k, 1);
            part.reshape([1, d / 2, h / 2, w / 2, c])
        });
        let joined = Tensor::cat(parts.to_vec(), 4);
        self.reduction.forward(self.norm.forward(joined))
    }
}

/// Normalises channels-last tokens without learned scale, for the decoder only.
pub(super) fn plain_norm(x: Tensor<5>) -> Tensor<5> {
    let width = x.dims()[4];
    let ones = Tensor::ones([width], &x.device());
    burn::tensor::module::layer_norm(x, ones, None, NORM_EPS)
}

/// Convolution of patches of 2×2×2 voxels that do not overlap, as a product: `[1, c, d, h, w]` →
/// `[1, d/2, h/2, w/2, c']`.
#[derive(Module, Debug)]
pub(super) struct PatchEmbedding {
    weight: Param<Tensor<5>>,
    bias: Param<Tensor<1>>,
}

impl PatchEmbedding {
    pub(super) fn load(scope: &Scope<'_>, channels: usize, width: usize) -> Self {
        let init = Init::Uniform((1.0 / (8 * channels) as f32).sqrt());
        Self {
            weight: scope.param("weight", [width, channels, 2, 2, 2], init),
            bias: scope.param("bias", [width], init),
        }
    }

    pub(super) fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let [_, c, d, h, w] = x.dims();
        let width = self.bias.dims()[0];
        let split: Tensor<7> = x.reshape([c, d / 2, 2, h / 2, 2, w / 2, 2]);
        let columns: Tensor<2> = split
            .permute([1, 3, 5, 0, 2, 4, 6])
            .reshape([d * h * w / 8, 8 * c]);
        let weight = self.weight.val().reshape([width, 8 * c]).transpose();
        let tokens = columns.matmul(weight) + self.bias.val().unsqueeze();
        tokens.reshape([1, d / 2, h / 2, w / 2, width])
    }
}
