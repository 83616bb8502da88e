//! The convolutional side: residual blocks and steps up.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::leaky_relu;

use crate::models::checkpoint::Scope;
use crate::models::layers::{Conv3dLast, Doubling3d, PointConv3d};
use crate::models::ops::{Activation, instance_norm_last};

const SLOPE: f64 = 0.01;

/// Two convolutions and a way around them: `UnetResBlock`.
#[derive(Module, Debug)]
pub(super) struct ResidualBlock {
    conv1: Conv3dLast,
    conv2: Conv3dLast,
    around: Option<PointConv3d>,
}

impl ResidualBlock {
    pub(super) fn load(scope: &Scope<'_>, from: usize, to: usize) -> Self {
        let place = |name: &str| scope.child(name).child("conv");
        Self {
            conv1: Conv3dLast::load(&place("conv1"), from, to),
            conv2: Conv3dLast::load(&place("conv2"), to, to),
            around: (from != to).then(|| PointConv3d::load(&place("conv3"), from, to, false)),
        }
    }

    /// `[1, d, h, w, c]` → `[1, d, h, w, c']`.
    pub(super) fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let inner = instance_norm_last(self.conv1.forward(x.clone()), Activation::LeakyRelu);
        let inner = instance_norm_last(self.conv2.forward(inner), Activation::Identity);
        let around = match &self.around {
            Some(conv) => instance_norm_last(conv.forward(x), Activation::Identity),
            None => x,
        };
        leaky_relu(inner + around, SLOPE)
    }
}

/// One level up: `UnetrUpBlock`.
#[derive(Module, Debug)]
pub(super) struct UpBlock {
    up: Doubling3d,
    block: ResidualBlock,
}

impl UpBlock {
    pub(super) fn load(scope: &Scope<'_>, from: usize, to: usize) -> Self {
        let up = scope.child("transp_conv").child("conv");
        Self {
            up: Doubling3d::load(&up, from, to),
            block: ResidualBlock::load(&scope.child("conv_block"), 2 * to, to),
        }
    }

    /// `x` one level below `skip`, which has as many channels as come out.
    pub(super) fn forward(&self, x: Tensor<5>, skip: Tensor<5>) -> Tensor<5> {
        self.block
            .forward(Tensor::cat(vec![self.up.forward(x), skip], 4))
    }
}
