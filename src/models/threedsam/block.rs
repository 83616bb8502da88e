//! One transformer block: adapter, window attention, MLP.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::models::checkpoint::Scope;
use crate::models::layers::{LayerNorm, Linear};
use crate::models::ops::gelu;
use crate::models::trace::Trace;

use super::adapter::Adapter;
use super::attention::{WindowAttention, WindowContext};
use super::config::EncoderConfig;

const NORM_EPS: f64 = 1e-6;
/// Tokens that go through attention or the MLP together; more only takes more memory.
const CHUNK: usize = 4096;

/// Block `i` of the encoder; those of even index look at windows shifted by half their side.
#[derive(Module, Debug)]
pub(super) struct Block {
    adapter: Adapter,
    norm1: LayerNorm,
    attn: WindowAttention,
    norm2: LayerNorm,
    lin1: Linear,
    lin2: Linear,
}

impl Block {
    pub(super) fn load(scope: &Scope<'_>, config: &EncoderConfig, index: usize) -> Self {
        let (width, hidden) = (config.embed_dim, config.mlp_width());
        // A buffer that follows from the windows; it is computed, not read.
        scope.ignore("attn_mask");
        let mlp = scope.child("mlp");
        Self {
            adapter: Adapter::load(&scope.child("adapter"), width),
            norm1: LayerNorm::load(&scope.child("norm1"), width, NORM_EPS),
            attn: WindowAttention::load(&scope.child("attn"), config, index),
            norm2: LayerNorm::load(&scope.child("norm2"), width, NORM_EPS),
            lin1: Linear::load(&mlp.child("lin1"), width, hidden, true),
            lin2: Linear::load(&mlp.child("lin2"), hidden, width, true),
        }
    }

    /// `[1, h, w, d, c]`, same shape.
    pub(super) fn forward(
        &self,
        x: Tensor<5>,
        context: &WindowContext,
        trace: &Trace<'_>,
    ) -> Tensor<5> {
        let shape = x.dims();
        let x = self.adapter.forward(x);
        trace.keep("adapter", &x);
        let width = shape[4];
        let x: Tensor<2> = x.reshape([context.windows.grid_tokens(), width]);
        let x = x.clone() + self.attend(x, context, shape, trace);
        let mlp = self.mlp(x.clone());
        trace.keep("mlp", &mlp.clone().reshape(shape));
        (x + mlp).reshape(shape)
    }

    fn attend(
        &self,
        x: Tensor<2>,
        context: &WindowContext,
        shape: [usize; 5],
        trace: &Trace<'_>,
    ) -> Tensor<2> {
        let x = self.norm1.forward(x);
        trace.keep("norm1", &x.clone().reshape(shape));
        let windows = &context.windows;
        let all = windows.count();
        let together = (CHUNK / windows.tokens()).max(1);
        if trace.is_on() {
            self.note_windows(&x, context, trace);
        }
        let parts = (0..all).step_by(together).map(|first| {
            let count = together.min(all - first);
            let part = windows.partition(&x, first, count);
            self.attn.forward(part, first, context)
        });
        let mixed = Tensor::cat(parts.collect(), 0);
        if trace.is_on() {
            let [h, w, d] = windows.window();
            trace.keep(
                "attn_out_windows",
                &mixed.clone().reshape([all, h, w, d, shape[4]]),
            );
        }
        windows.merge(mixed)
    }

    fn note_windows(&self, x: &Tensor<2>, context: &WindowContext, trace: &Trace<'_>) {
        let windows = &context.windows;
        let (all, [h, w, d]) = (windows.count(), windows.window());
        let whole = windows.partition(x, 0, all);
        let width = x.dims()[1];
        trace.keep("attn_in_windows", &whole.reshape([all, h, w, d, width]));
        for (axis, (name, side)) in ["h", "w", "d"].into_iter().zip([h, w, d]).enumerate() {
            trace.keep(
                &format!("rel_{name}_table"),
                &self.attn.table_of_pairs(axis, side),
            );
        }
    }

    fn mlp(&self, x: Tensor<2>) -> Tensor<2> {
        let parts = x.split(CHUNK, 0).into_iter().map(|part| {
            let hidden = self.lin1.forward(self.norm2.forward(part));
            self.lin2.forward(gelu(hidden))
        });
        Tensor::cat(parts.collect(), 0)
    }
}
