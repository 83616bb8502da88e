//! The CNN head: plain convolutions, no normalisation and no skip connections.

use burn::module::Module;
use burn::tensor::{Tensor, activation};

use crate::models::checkpoint::Scope;
use crate::models::layers::{Conv2d, ConvTranspose2d, Window};
use crate::models::trace::Trace;

use super::CnnHeadConfig;

/// Two convolutions, and where it doubles the resolution a transposed one.
#[derive(Module, Debug)]
struct Stage {
    conv1: Conv2d,
    conv2: Conv2d,
    up: Option<ConvTranspose2d>,
}

impl Stage {
    fn load(scope: &Scope<'_>, width: usize, doubles: bool) -> Self {
        let half = width / 2;
        let narrowed = if doubles { width } else { half };
        let conv = |name: usize, to: usize| {
            let shape = [to, width, 3, 3];
            Conv2d::load(&scope.child(name), shape, true, Window::same(3))
        };
        let up = || ConvTranspose2d::load(&scope.child(4), [width, half, 2], true);
        Self {
            conv1: conv(0, width),
            conv2: conv(2, narrowed),
            up: doubles.then(up),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = activation::relu(self.conv1.forward(x));
        let x = activation::relu(self.conv2.forward(x));
        match &self.up {
            Some(up) => up.forward(x),
            None => x,
        }
    }
}

/// The head (`SegDecoderCNN`).
#[derive(Module, Debug)]
pub struct CnnHead {
    input: [Conv2d; 2],
    stages: Vec<Stage>,
    last: [Conv2d; 2],
}

impl CnnHead {
    /// Takes the tensors at `scope`, `mask_decoder.` in checkpoints.
    pub fn load(scope: &Scope<'_>, config: &CnnHeadConfig) -> Self {
        let conv = |place: &str, name: usize, [from, to, side]: [usize; 3]| {
            let scope = scope.child(place).child(name);
            Conv2d::load(&scope, [to, from, side, side], true, Window::same(side))
        };
        let stage = |number: usize| {
            let width = config.width >> number;
            let scope = scope.child("blocks").child(number);
            Stage::load(&scope, width, config.doubles(number))
        };
        let width = config.width >> config.depth;
        Self {
            input: [
                conv("input_block", 0, [config.width_in, config.width, 1]),
                conv("input_block", 2, [config.width, config.width, 1]),
            ],
            stages: (0..config.depth).map(stage).collect(),
            last: [
                conv("final", 0, [width, width, 3]),
                conv("final", 1, [width, config.classes, 1]),
            ],
        }
    }

    /// Embeddings `[b, width, h, w]` to logits `[b, classes, h', w']`.
    pub fn forward(&self, embedding: Tensor<4>, trace: &Trace<'_>) -> Tensor<4> {
        let mut x = embedding;
        for (number, conv) in self.input.iter().enumerate() {
            let here = trace.child("input_block");
            x = conv.forward(x);
            here.keep(&(2 * number).to_string(), &x);
            x = activation::relu(x);
            here.keep(&(2 * number + 1).to_string(), &x);
        }
        trace.keep("input_block", &x);
        for (number, stage) in self.stages.iter().enumerate() {
            x = stage.forward(x);
            trace.child("blocks").keep(&number.to_string(), &x);
        }
        let here = trace.child("final");
        x = self.last[0].forward(x);
        here.keep("0", &x);
        x = self.last[1].forward(x);
        here.keep("1", &x);
        here.keep("", &x);
        x
    }
}
