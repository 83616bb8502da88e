//! The unit that everything is made of: convolution, normalisation, activation.

use burn::tensor::Tensor;

use crate::models::checkpoint::{Init, Scope};
use crate::models::ops::Activation;

use super::architecture::UnitStyle;
use super::conv::Conv;
use super::norm::{Norm, activated, per_channel};
use super::seen::Seen;

/// Sizes of a unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct UnitShape {
    pub from: usize,
    pub to: usize,
    pub kernel: [usize; 3],
    pub stride: [usize; 3],
    /// Its weights are those of a 2D network.
    pub flat: bool,
}

/// `ConvDropoutNormReLU`.
pub(super) struct Unit {
    conv: Conv,
    bias: Option<Tensor<1>>,
    norm: Norm,
    activation: Activation,
    activation_first: bool,
}

impl Unit {
    /// Takes `conv.*` and `norm.*`; `activation` follows.
    pub(super) fn load(
        scope: &Scope<'_>,
        shape: UnitShape,
        style: UnitStyle,
        activation: Activation,
    ) -> Self {
        let conv = scope.child("conv");
        let UnitShape {
            from,
            to,
            kernel,
            stride,
            flat,
        } = shape;
        Self {
            conv: Conv::load(&conv, [from, to], (kernel, stride), flat),
            bias: (style.bias).then(|| conv.buffer("bias", [to], Init::Zeros)),
            norm: Norm::load(&scope.child("norm"), style, to),
            activation,
            activation_first: style.activation_first,
        }
    }

    /// `[b, d, h, w, from]` → `[b, d', h', w', to]`.
    pub(super) fn forward(&self, x: Tensor<5>, seen: &Seen<'_>) -> Tensor<5> {
        self.forward_beside(vec![x], seen)
    }

    /// The same of maps that stand beside each other along their channels.
    pub(super) fn forward_beside(&self, maps: Vec<Tensor<5>>, seen: &Seen<'_>) -> Tensor<5> {
        let mut x = self.conv.forward(maps);
        // A normalisation that comes next subtracts the bias again.
        let needless = self.norm.removes_constants() && !self.activation_first && !seen.is_on();
        if let Some(bias) = self.bias.as_ref().filter(|_| !needless) {
            x = x + per_channel(bias);
        }
        seen.keep("conv", &x);
        if self.activation_first {
            x = activated(x, self.activation);
            // Recordings call the unit's second layer so, whichever it is.
            seen.keep("norm", &x);
            return self.norm.forward(x, Activation::Identity);
        }
        if seen.is_on() {
            let normal = self.norm.forward(x.clone(), Activation::Identity);
            seen.keep("norm", &normal);
        }
        self.norm.forward(x, self.activation)
    }
}
