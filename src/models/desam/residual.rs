//! The residual block of PIMM, with its channel gate.

use burn::module::Module;
use burn::tensor::{Tensor, activation};

use crate::models::checkpoint::Scope;
use crate::models::layers::{Conv2d, Linear, Window};
use crate::models::ops::instance_norm;
use crate::models::trace::Trace;

/// Slope of the leaky ReLU below zero.
const SLOPE: f64 = 0.01;
/// Channels for each unit inside the gate.
const GATE_REDUCTION: usize = 16;

/// Squeeze and excitation: a factor in 0..1 for each channel, from the channels' means.
///
/// Inside the residual block its input has mean zero and it has no biases, so that there it is 0.5 whatever its
/// weights are (DeSAM, released code).
#[derive(Module, Debug)]
pub struct ChannelGate {
    squeeze: Linear,
    excite: Linear,
}

impl ChannelGate {
    /// Takes `fc.0.weight [c / 16, c]` and `fc.2.weight [c, c / 16]`.
    pub fn load(scope: &Scope<'_>, channels: usize) -> Self {
        let inner = (channels / GATE_REDUCTION).max(1);
        let fc = scope.child("fc");
        Self {
            squeeze: Linear::load(&fc.child(0), channels, inner, false),
            excite: Linear::load(&fc.child(2), inner, channels, false),
        }
    }

    /// `[b, c, h, w]`, same shape.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, channels, height, width] = x.dims();
        let places: Tensor<3> = x.clone().reshape([batch, channels, height * width]);
        let means: Tensor<2> = places.mean_dim(2).reshape([batch, channels]);
        let inner = activation::relu(self.squeeze.forward(means));
        let gate = activation::sigmoid(self.excite.forward(inner));
        x * gate.reshape([batch, channels, 1, 1])
    }
}

/// Two 3×3 convolutions with a gate, and a shortcut; all without bias, normalised per image and channel without
/// learned scale.
#[derive(Module, Debug)]
pub struct GatedResidual {
    conv1: Conv2d,
    conv2: Conv2d,
    shortcut: Option<Conv2d>,
    gate: ChannelGate,
}

/// What the channels of a skip connection contribute to a block's first convolutions: computed once for an image,
/// used for each of its prompts.
#[derive(Debug, Clone)]
pub struct SkipTerms {
    conv1: Tensor<4>,
    shortcut: Tensor<4>,
}

impl GatedResidual {
    /// Takes the authors' `UnetResSEBlock` with `channels_in` and `channels_out`.
    pub fn load(scope: &Scope<'_>, channels_in: usize, channels_out: usize) -> Self {
        let conv = |name: &str, from: usize, side: usize| {
            let scope = scope.child(name).child("conv");
            let shape = [channels_out, from, side, side];
            Conv2d::load(&scope, shape, false, Window::same(side))
        };
        let shortcut = if channels_in == channels_out {
            // The authors keep a projection here as well, and never use it.
            scope.child("conv3").child("conv").ignore("weight");
            None
        } else {
            Some(conv("conv3", channels_in, 1))
        };
        Self {
            conv1: conv("conv1", channels_in, 3),
            conv2: conv("conv2", channels_out, 3),
            shortcut,
            gate: ChannelGate::load(&scope.child("se"), channels_out),
        }
    }

    /// `[b, in, h, w]` → `[b, out, h, w]`.
    pub fn forward(&self, x: Tensor<4>, trace: &Trace<'_>) -> Tensor<4> {
        let y = self.conv1.forward(x.clone());
        let shortcut = match &self.shortcut {
            Some(conv) => conv.forward(x),
            None => x,
        };
        self.finish(y, shortcut, trace)
    }

    /// The part of the first convolutions that reads the last channels, `skip [1 or b, c, h, w]`.
    pub fn skip_terms(&self, skip: &Tensor<4>) -> SkipTerms {
        let channels = skip.dims()[1];
        let last = |conv: &Conv2d| {
            let all = conv.weight().dims()[1];
            conv.forward_channels(skip.clone(), all - channels)
        };
        let shortcut = self.shortcut.as_ref().map(last);
        SkipTerms {
            conv1: last(&self.conv1),
            shortcut: shortcut.expect("a block that joins a skip connection changes its width"),
        }
    }

    /// As [`Self::forward`] of `x [b, c, h, w]` and the skip connection of `terms` joined, `x` first.
    pub fn forward_joined(&self, x: Tensor<4>, terms: &SkipTerms, trace: &Trace<'_>) -> Tensor<4> {
        let y = self.conv1.forward_channels(x.clone(), 0) + terms.conv1.clone();
        let shortcut = match &self.shortcut {
            Some(conv) => conv.forward_channels(x, 0) + terms.shortcut.clone(),
            None => x,
        };
        self.finish(y, shortcut, trace)
    }

    /// From the outputs of the first convolution and of the shortcut's.
    fn finish(&self, y: Tensor<4>, shortcut: Tensor<4>, trace: &Trace<'_>) -> Tensor<4> {
        trace.keep("conv1", &y);
        let y = instance_norm(y);
        trace.keep("norm1", &y);
        let y = self.conv2.forward(activation::leaky_relu(y, SLOPE));
        trace.keep("conv2", &y);
        let y = instance_norm(y);
        trace.keep("norm2", &y);
        let y = self.gate.forward(y);
        trace.keep("se", &y);
        let shortcut = if self.shortcut.is_some() {
            trace.keep("conv3", &shortcut);
            let shortcut = instance_norm(shortcut);
            trace.keep("norm3", &shortcut);
            shortcut
        } else {
            shortcut
        };
        let out = activation::leaky_relu(y + shortcut, SLOPE);
        trace.keep("", &out);
        out
    }
}
