//! Normalisation layers with learned scale and shift.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, module};

use crate::models::checkpoint::{Init, Scope};
use crate::models::ops::channel_norm;

/// Layer normalisation over the last axis.
#[derive(Module, Debug)]
pub struct LayerNorm {
    weight: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
    eps: f64,
}

impl LayerNorm {
    /// Takes `weight [width]` and `bias [width]`. PyTorch's default eps is 1e-5; SAM's encoder uses 1e-6.
    pub fn load(scope: &Scope<'_>, width: usize, eps: f64) -> Self {
        Self {
            weight: scope.param("weight", [width], Init::Ones),
            bias: scope.param("bias", [width], Init::Zeros),
            eps,
        }
    }

    /// Same shape.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        module::layer_norm(x, self.weight.val(), Some(self.bias.val()), self.eps)
    }
}

/// Layer normalisation over the channels of a channels-first map, at each pixel or voxel by itself: SAM's
/// `LayerNorm2d` and 3DSAM-adapter's `LayerNorm3d`, eps 1e-6.
#[derive(Module, Debug)]
pub struct ChannelNorm {
    weight: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
}

const CHANNEL_NORM_EPS: f64 = 1e-6;

impl ChannelNorm {
    /// Takes `weight [channels]` and `bias [channels]`.
    pub fn load(scope: &Scope<'_>, channels: usize) -> Self {
        Self {
            weight: scope.param("weight", [channels], Init::Ones),
            bias: scope.param("bias", [channels], Init::Zeros),
        }
    }

    /// `[b, c, ..]`, same shape.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        channel_norm(x, self.weight.val(), self.bias.val(), CHANNEL_NORM_EPS)
    }
}
