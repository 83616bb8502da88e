//! The two-way transformer (SAM, `transformer.py`): tokens and image attend to each other.

use burn::module::Module;
use burn::tensor::{Tensor, activation};

use crate::models::checkpoint::Scope;
use crate::models::layers::{LayerNorm, Linear};
use crate::models::ops::{attend, join_heads, split_heads};
use crate::models::trace::Trace;

use super::TransformerConfig;

/// PyTorch's default, which this part of SAM uses, unlike its encoder.
const NORM_EPS: f64 = 1e-5;

/// Attention with separate projections, possibly to a smaller width inside.
#[derive(Module, Debug)]
pub struct CrossAttention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
    heads: usize,
}

impl CrossAttention {
    /// Takes the four projections; `inner` is the width of query, key and value.
    pub fn load(scope: &Scope<'_>, width: usize, inner: usize, heads: usize) -> Self {
        let inward = |name: &str| Linear::load(&scope.child(name), width, inner, true);
        Self {
            q_proj: inward("q_proj"),
            k_proj: inward("k_proj"),
            v_proj: inward("v_proj"),
            out_proj: Linear::load(&scope.child("out_proj"), inner, width, true),
            heads,
        }
    }

    /// Query `[b, n, width]`, key and value `[b, m, width]`: `[b, n, width]`.
    pub fn forward(
        &self,
        q: Tensor<3>,
        k: Tensor<3>,
        v: Tensor<3>,
        trace: &Trace<'_>,
    ) -> Tensor<3> {
        let k = self.k_proj.forward(k);
        trace.keep("k_proj", &k);
        let scale = ((k.dims()[2] / self.heads) as f64).powf(-0.5);
        let [q, k, v] =
            [self.q_proj.forward(q), k, self.v_proj.forward(v)].map(|x| split_heads(x, self.heads));
        let out = self.out_proj.forward(join_heads(attend(q, k, v, scale)));
        trace.keep("", &out);
        out
    }
}

/// One layer: tokens among themselves, tokens to image, perceptron on tokens, image to tokens. Post-norm.
#[derive(Module, Debug)]
pub struct TwoWayLayer {
    self_attn: CrossAttention,
    norm1: LayerNorm,
    cross_attn_token_to_image: CrossAttention,
    norm2: LayerNorm,
    lin1: Linear,
    lin2: Linear,
    norm3: LayerNorm,
    norm4: LayerNorm,
    cross_attn_image_to_token: CrossAttention,
    first: bool,
}

impl TwoWayLayer {
    /// Takes a layer; the `first` one attends among tokens without positions and residual.
    pub fn load(scope: &Scope<'_>, config: &TransformerConfig, first: bool) -> Self {
        let (width, heads) = (config.width, config.heads);
        let inner = width / config.cross_divisor;
        let cross = |name: &str| CrossAttention::load(&scope.child(name), width, inner, heads);
        let norm = |name: &str| LayerNorm::load(&scope.child(name), width, NORM_EPS);
        let mlp = scope.child("mlp");
        Self {
            self_attn: CrossAttention::load(&scope.child("self_attn"), width, width, heads),
            norm1: norm("norm1"),
            cross_attn_token_to_image: cross("cross_attn_token_to_image"),
            norm2: norm("norm2"),
            lin1: Linear::load(&mlp.child("lin1"), width, config.mlp_width, true),
            lin2: Linear::load(&mlp.child("lin2"), config.mlp_width, width, true),
            norm3: norm("norm3"),
            norm4: norm("norm4"),
            cross_attn_image_to_token: cross("cross_attn_image_to_token"),
            first,
        }
    }

    /// Tokens `[b, n, width]` and image `[b, m, width]`, each with its positions.
    pub fn forward(
        &self,
        tokens: Tensor<3>,
        image: Tensor<3>,
        token_positions: &Tensor<3>,
        image_positions: &Tensor<3>,
        trace: &Trace<'_>,
    ) -> (Tensor<3>, Tensor<3>) {
        let placed = |tokens: &Tensor<3>| tokens.clone() + token_positions.clone();
        let near = trace.child("self_attn");
        let x = if self.first {
            let x = tokens.clone();
            self.self_attn.forward(x.clone(), x, tokens, &near)
        } else {
            let x = placed(&tokens);
            tokens.clone() + self.self_attn.forward(x.clone(), x, tokens, &near)
        };
        let tokens = self.norm1.forward(x);
        trace.keep("norm1", &tokens);

        let keys = image.clone() + image_positions.clone();
        let x = self.cross_attn_token_to_image.forward(
            placed(&tokens),
            keys.clone(),
            image.clone(),
            &trace.child("cross_attn_token_to_image"),
        );
        let tokens = self.norm2.forward(tokens + x);
        trace.keep("norm2", &tokens);

        let x = self
            .lin2
            .forward(activation::relu(self.lin1.forward(tokens.clone())));
        trace.keep("mlp", &x);
        let tokens = self.norm3.forward(tokens + x);
        trace.keep("norm3", &tokens);

        let x = self.cross_attn_image_to_token.forward(
            keys,
            placed(&tokens),
            tokens.clone(),
            &trace.child("cross_attn_image_to_token"),
        );
        let image = self.norm4.forward(image + x);
        trace.keep("norm4", &image);
        trace.keep("0", &tokens);
        trace.keep("1", &image);
        (tokens, image)
    }
}

/// Layers and a last attention of the tokens to the image.
#[derive(Module, Debug)]
pub struct TwoWayTransformer {
    layers: Vec<TwoWayLayer>,
    final_attn_token_to_image: CrossAttention,
    norm_final_attn: LayerNorm,
}

impl TwoWayTransformer {
    /// Takes the tensors at `scope`, `mask_decoder.transformer.` in SAM's files.
    pub fn load(scope: &Scope<'_>, config: &TransformerConfig) -> Self {
        let layer = |n| TwoWayLayer::load(&scope.child("layers").child(n), config, n == 0);
        Self {
            layers: (0..config.depth).map(layer).collect(),
            final_attn_token_to_image: CrossAttention::load(
                &scope.child("final_attn_token_to_image"),
                config.width,
                config.width / config.cross_divisor,
                config.heads,
            ),
            norm_final_attn: LayerNorm::load(
                &scope.child("norm_final_attn"),
                config.width,
                NORM_EPS,
            ),
        }
    }

    /// Image and its positions `[b, width, h, w]`, tokens `[b, n, width]`, which are also their own positions; all of
    /// the same batch. Returns tokens `[b, n, width]` and image `[b, h w, width]`.
    pub fn forward(
        &self,
        image: Tensor<4>,
        positions: Tensor<4>,
        tokens: Tensor<3>,
        trace: &Trace<'_>,
    ) -> (Tensor<3>, Tensor<3>) {
        let image_positions = flat(positions);
        let token_positions = tokens.clone();
        let (mut tokens, mut image) = (tokens, flat(image));
        for (n, layer) in self.layers.iter().enumerate() {
            let trace = trace.child("layers").child(n);
            (tokens, image) =
                layer.forward(tokens, image, &token_positions, &image_positions, &trace);
        }
        let x = self.final_attn_token_to_image.forward(
            tokens.clone() + token_positions,
            image.clone() + image_positions,
            image.clone(),
            &trace.child("final_attn_token_to_image"),
        );
        let tokens = self.norm_final_attn.forward(tokens + x);
        trace.keep("0", &tokens);
        trace.keep("1", &image);
        (tokens, image)
    }
}

/// `[b, c, h, w]` as `[b, h w, c]`.
fn flat(map: Tensor<4>) -> Tensor<3> {
    map.flatten::<3>(2, 3).swap_dims(1, 2)
}
