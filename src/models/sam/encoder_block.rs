//! A block of the image encoder: attention in windows or over the whole image, and a perceptron, on channels-last maps.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::models::checkpoint::Scope;
use crate::models::layers::{LayerNorm, Linear};
use crate::models::ops::{
    ScoreTerms, add, attend_with, gelu, join_heads, join_windows, partition_windows, split_heads,
};
use crate::models::trace::Trace;

use super::EncoderConfig;
use super::relative_positions::RelativePositions;

/// What an adaptation of SAM adds inside the blocks; each method is told the block's number.
///
/// Maps are `[b, h, w, c]`. Nothing is added where a method is not given.
pub trait BlockAdaptation {
    /// Acts on the tokens before the attention's norm, outside its residual.
    fn before_attention(&self, _block: usize, x: Tensor<4>, _trace: &Trace<'_>) -> Tensor<4> {
        x
    }

    /// Acts on the result `qkv` `[.., 3 c]` of the attention's projection of `x`, both cut into windows.
    fn on_qkv(
        &self,
        _block: usize,
        _x: &Tensor<4>,
        qkv: Tensor<4>,
        _trace: &Trace<'_>,
    ) -> Tensor<4> {
        qkv
    }

    /// Acts on the tokens after the attention's residual, before the perceptron's norm.
    fn before_perceptron(&self, _block: usize, x: Tensor<4>, _trace: &Trace<'_>) -> Tensor<4> {
        x
    }
}

/// SAM as it is.
#[derive(Debug, Clone, Copy)]
pub struct NoAdaptation;

impl BlockAdaptation for NoAdaptation {}

/// Multi-head attention over the tokens of a map or window.
#[derive(Module, Debug)]
pub struct Attention {
    qkv: Linear,
    proj: Linear,
    positions: Option<RelativePositions>,
    heads: usize,
}

impl Attention {
    fn load(scope: &Scope<'_>, config: &EncoderConfig, block: usize) -> Self {
        let width = config.width;
        let side = match config.window_of(block) {
            0 => config.grid(),
            window => window,
        };
        let positions = || RelativePositions::load(scope, side, width / config.heads);
        Self {
            qkv: Linear::load(&scope.child("qkv"), width, 3 * width, config.qkv_bias),
            proj: Linear::load(&scope.child("proj"), width, width, true),
            positions: config.relative_positions.then(positions),
            heads: config.heads,
        }
    }

    fn forward(
        &self,
        block: usize,
        x: Tensor<4>,
        adaptation: &dyn BlockAdaptation,
        trace: &Trace<'_>,
    ) -> Tensor<4> {
        let [batch, height, width, channels] = x.dims();
        let qkv = self.qkv.forward(x.clone());
        trace.keep("qkv.base", &qkv);
        let qkv = adaptation.on_qkv(block, &x, qkv, trace);
        trace.keep("qkv", &qkv);
        let qkv: Tensor<3> = qkv.reshape([batch, height * width, 3 * channels]);
        let [query, key, value] = [0, 1, 2]
            .map(|k| split_heads(qkv.clone().narrow(2, k * channels, channels), self.heads));
        let scale = ((channels / self.heads) as f64).powf(-0.5);
        let map = [height, width];
        let terms = ScoreTerms {
            places: self
                .positions
                .as_ref()
                .map(|positions| (positions.query_codes(query.clone(), map), map.to_vec())),
            ..Default::default()
        };
        let mixed = attend_with(query, key, value, scale, terms);
        let out = self
            .proj
            .forward(join_heads(mixed))
            .reshape([batch, height, width, channels]);
        trace.keep("proj", &out);
        trace.keep("", &out);
        out
    }
}

/// Linear, GELU, linear.
#[derive(Module, Debug)]
struct Perceptron {
    lin1: Linear,
    lin2: Linear,
}

impl Perceptron {
    fn load(scope: &Scope<'_>, width: usize, inner: usize) -> Self {
        Self {
            lin1: Linear::load(&scope.child("lin1"), width, inner, true),
            lin2: Linear::load(&scope.child("lin2"), inner, width, true),
        }
    }

    fn forward(&self, x: Tensor<4>, trace: &Trace<'_>) -> Tensor<4> {
        let x = self.lin1.forward(x);
        trace.keep("lin1", &x);
        let x = gelu(x);
        trace.keep("act", &x);
        let x = self.lin2.forward(x);
        trace.keep("", &x);
        x
    }
}

/// Pre-norm transformer block.
#[derive(Module, Debug)]
pub struct Block {
    norm1: LayerNorm,
    attn: Attention,
    norm2: LayerNorm,
    mlp: Perceptron,
    window: usize,
    number: usize,
}

impl Block {
    /// Takes block `number` of the encoder at `scope`.
    pub fn load(scope: &Scope<'_>, config: &EncoderConfig, number: usize) -> Self {
        let norm = |name: &str| LayerNorm::load(&scope.child(name), config.width, config.norm_eps);
        Self {
            norm1: norm("norm1"),
            attn: Attention::load(&scope.child("attn"), config, number),
            norm2: norm("norm2"),
            mlp: Perceptron::load(&scope.child("mlp"), config.width, config.mlp_width),
            window: config.window_of(number),
            number,
        }
    }

    /// `[b, h, w, c]`, same shape.
    pub fn forward(
        &self,
        x: Tensor<4>,
        adaptation: &dyn BlockAdaptation,
        trace: &Trace<'_>,
    ) -> Tensor<4> {
        let x = adaptation.before_attention(self.number, x, trace);
        let [_, height, width, _] = x.dims();
        let y = self.norm1.forward(x.clone());
        trace.keep("norm1", &y);
        let attend = |y| {
            let trace = trace.child("attn");
            self.attn.forward(self.number, y, adaptation, &trace)
        };
        let y = match self.window {
            0 => attend(y),
            side => join_windows(attend(partition_windows(y, side)), [height, width]),
        };
        let x = add(x, y);
        trace.keep("after_attention", &x);
        let x = adaptation.before_perceptron(self.number, x, trace);
        let y = self.norm2.forward(x.clone());
        trace.keep("norm2", &y);
        let x = add(x, self.mlp.forward(y, &trace.child("mlp")));
        trace.keep("", &x);
        x
    }
}
