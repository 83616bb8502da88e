//! The convolutional side: residual blocks and steps up.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::leaky_relu;

use crate::models::checkpoint::Scope;
use crate::models::layers::{Conv3d, ConvTranspose3d, Window};
use crate::models::ops::instance_norm;

const SLOPE: f64 = 0.01;

/// Two convolutions and a way around them: `UnetResBlock`.
#[derive(Module, Debug)]
pub(super) struct ResidualBlock {
    conv1: Conv3d,
    conv2: Conv3d,
    around: Option<Conv3d>,
}

impl ResidualBlock {
    pub(super) fn load(scope: &Scope<'_>, from: usize, to: usize) -> Self {
        let conv = |name: &str, from, kernel| {
            let shape = [to, from, kernel, kernel, kernel];
            let scope = scope.child(name).child("conv");
            Conv3d::load(&scope, shape, false, Window::same(kernel))
        };
        Self {
            conv1: conv("conv1", from, 3),
            conv2: conv("conv2", to, 3),
            around: (from != to).then(|| conv("conv3", from, 1)),
        }
    }

    /// `[1, c, d, h, w]` → `[1, c', d, h, w]`.
    pub(super) fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let inner = leaky_relu(instance_norm(self.conv1.forward(x.clone())), SLOPE);
        let inner = instance_norm(self.conv2.forward(inner));
        let around = match &self.around {
            Some(conv) => instance_norm(conv.forward(x)),
            None => x,
        };
        leaky_relu(inner + around, SLOPE)
    }
}

/// One level up: `UnetrUpBlock`.
#[derive(Module, Debug)]
pub(super) struct UpBlock {
    up: ConvTranspose3d,
    block: ResidualBlock,
}

impl UpBlock {
    pub(super) fn load(scope: &Scope<'_>, from: usize, to: usize) -> Self {
        let up = scope.child("transp_conv").child("conv");
        Self {
            up: ConvTranspose3d::load(&up, [from, to, 2], false),
            block: ResidualBlock::load(&scope.child("conv_block"), 2 * to, to),
        }
    }

    /// `x` one level below `skip`, which has as many channels as come out.
    pub(super) fn forward(&self, x: Tensor<5>, skip: Tensor<5>) -> Tensor<5> {
        self.block
            .forward(Tensor::cat(vec![self.up.forward(x), skip], 1))
    }
}
