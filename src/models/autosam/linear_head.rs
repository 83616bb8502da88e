//! The linear head: SAM's upscaling and two layers for each pixel.

use burn::module::Module;
use burn::tensor::{Tensor, activation};

use crate::models::checkpoint::Scope;
use crate::models::layers::{Conv2d, Window};
use crate::models::sam::Upscaling;
use crate::models::trace::Trace;

use super::LinearHeadConfig;

/// The head; its logits are never negative, which is the authors' doing.
#[derive(Module, Debug)]
pub struct LinearHead {
    output_upscaling: Upscaling,
    layers: [Conv2d; 2],
}

impl LinearHead {
    /// Takes the tensors at `scope`, `mask_decoder.` in checkpoints.
    pub fn load(scope: &Scope<'_>, config: &LinearHeadConfig) -> Self {
        let width = config.upscaling.last().copied().unwrap_or(config.width_in);
        let layer = |name: usize, to: usize| {
            let scope = scope.child("final").child(name);
            Conv2d::load(&scope, [to, width, 1, 1], true, Window::same(1))
        };
        Self {
            output_upscaling: Upscaling::load(
                &scope.child("output_upscaling"),
                config.width_in,
                &config.upscaling,
            ),
            layers: [layer(0, width), layer(2, config.classes)],
        }
    }

    /// Embeddings `[b, width, h, w]` to logits `[b, classes, h', w']`.
    pub fn forward(&self, embedding: Tensor<4>, trace: &Trace<'_>) -> Tensor<4> {
        let up = trace.child("output_upscaling");
        let mut x = self.output_upscaling.forward(embedding, &up);
        let here = trace.child("final");
        for (number, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x);
            here.keep(&(2 * number).to_string(), &x);
            x = activation::relu(x);
            here.keep(&(2 * number + 1).to_string(), &x);
        }
        here.keep("", &x);
        x
    }
}
