//! Normalisation of channels-last maps.

use burn::tensor::Tensor;
use burn::tensor::activation::{leaky_relu, relu};

use crate::models::checkpoint::{Init, Scope};
use crate::models::ops::{Activation, norm_act};

use super::architecture::{NormKind, UnitStyle};

/// Eps of both kinds.
const EPS: f64 = 1e-5;

/// Scale and shift of each channel, after what is measured now or was in training.
pub(super) enum Norm {
    /// Each channel of each item over its voxels.
    Instance { gamma: Tensor<1>, beta: Tensor<1> },
    /// The averages of training, folded into a scale and a shift.
    Batch { scale: Tensor<1>, shift: Tensor<1> },
}

impl Norm {
    /// Takes `weight` and `bias` where it learns, and the averages of batch normalisation.
    pub(super) fn load(scope: &Scope<'_>, style: UnitStyle, channels: usize) -> Self {
        let device = scope.device();
        let learned = |name: &str, init: Init| {
            if style.affine {
                scope.buffer::<1>(name, [channels], init)
            } else if init == Init::Ones {
                Tensor::ones([channels], device)
            } else {
                Tensor::zeros([channels], device)
            }
        };
        let gamma = learned("weight", Init::Ones);
        let beta = learned("bias", Init::Zeros);
        match style.norm {
            NormKind::Instance => Self::Instance { gamma, beta },
            NormKind::Batch => {
                scope.ignore("num_batches_tracked");
                let mean = scope.buffer::<1>("running_mean", [channels], Init::Zeros);
                let variance = scope.buffer::<1>("running_var", [channels], Init::Ones);
                let scale = gamma / (variance + EPS).sqrt();
                let shift = beta - mean * scale.clone();
                Self::Batch { scale, shift }
            }
        }
    }

    /// Whether a constant added to a channel is taken out again.
    pub(super) fn removes_constants(&self) -> bool {
        matches!(self, Self::Instance { .. })
    }

    /// Same shape.
    pub(super) fn forward(&self, x: Tensor<5>, activation: Activation) -> Tensor<5> {
        match self {
            Self::Instance { gamma, beta } => {
                let channels = x.dims()[4];
                norm_act(x, gamma.clone(), beta.clone(), channels, activation)
            }
            Self::Batch { scale, shift } => {
                let affine = x * per_channel(scale) + per_channel(shift);
                activated(affine, activation)
            }
        }
    }
}

/// A value of each channel, to be spread over a map.
pub(super) fn per_channel(values: &Tensor<1>) -> Tensor<5> {
    let channels = values.dims()[0];
    values.clone().reshape([1, 1, 1, 1, channels])
}

/// The activation by itself.
pub(super) fn activated(x: Tensor<5>, activation: Activation) -> Tensor<5> {
    match activation {
        Activation::Identity => x,
        Activation::Relu => relu(x),
        Activation::LeakyRelu => leaky_relu(x, f64::from(activation.negative_slope())),
    }
}
