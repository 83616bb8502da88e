//! Attention between token sets with separate projections, possibly narrower inside.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::models::checkpoint::Scope;
use crate::models::layers::Linear;
use crate::models::ops::{attend, join_heads, split_heads};

/// Multi-head attention of queries to keys and values.
#[derive(Module, Debug)]
pub(super) struct TokenAttention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
    heads: usize,
}

impl TokenAttention {
    /// `inner` is the width inside.
    pub(super) fn load(scope: &Scope<'_>, width: usize, inner: usize, heads: usize) -> Self {
        let linear = |name: &str, from, to| Linear::load(&scope.child(name), from, to, true);
        Self {
            q_proj: linear("q_proj", width, inner),
            k_proj: linear("k_proj", width, inner),
            v_proj: linear("v_proj", width, inner),
            out_proj: linear("out_proj", inner, width),
            heads,
        }
    }

    /// `[b, queries, c]` to `[b, keys, c]`: `[b, queries, c]`.
    pub(super) fn forward(&self, queries: Tensor<3>, keys: Tensor<3>) -> Tensor<3> {
        let query = split_heads(self.q_proj.forward(queries), self.heads);
        let key = split_heads(self.k_proj.forward(keys.clone()), self.heads);
        let value = split_heads(self.v_proj.forward(keys), self.heads);
        let scale = (query.dims()[3] as f64).powf(-0.5);
        self.out_proj
            .forward(join_heads(attend(query, key, value, scale)))
    }
}
