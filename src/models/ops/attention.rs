//! Scaled dot-product attention.

use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Tensor, module};

/// softmax(`scale` q kᵀ) v for q `[b, heads, n, d]`, k `[b, heads, m, d]` and v `[b, heads, m, e]`: `[b, heads, n, e]`.
///
/// On the CPU without gradients the scores are never held as a whole.
pub fn attend(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, scale: f64) -> Tensor<4> {
    let options = AttentionModuleOptions {
        scale: Some(scale),
        softcap: None,
        is_causal: false,
    };
    module::attention(q, k, v, None, None, options)
}

/// `[b, n, heads d]` as `[b, heads, n, d]`.
pub fn split_heads(x: Tensor<3>, heads: usize) -> Tensor<4> {
    let [batch, length, width] = x.dims();
    x.reshape([batch, length, heads, width / heads])
        .swap_dims(1, 2)
}

/// `[b, heads, n, d]` as `[b, n, heads d]`.
pub fn join_heads(x: Tensor<4>) -> Tensor<3> {
    let [batch, heads, length, width] = x.dims();
    x.swap_dims(1, 2).reshape([batch, length, heads * width])
}
