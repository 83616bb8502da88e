//! The 3D adapter in front of each block.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use crate::models::checkpoint::{Init, Scope};
use crate::models::layers::Linear;
use crate::models::ops::depthwise3d;

/// x + ReLU(L2(ReLU(DWConv3(ReLU(L1 x))))): it can only add what is not negative.
#[derive(Module, Debug)]
pub(super) struct Adapter {
    linear1: Linear,
    conv: DepthwiseConv3d,
    linear2: Linear,
}

impl Adapter {
    pub(super) fn load(scope: &Scope<'_>, width: usize) -> Self {
        let inner = width / 2;
        Self {
            linear1: Linear::load(&scope.child("linear1"), width, inner, true),
            conv: DepthwiseConv3d::load(&scope.child("conv"), inner),
            linear2: Linear::load(&scope.child("linear2"), inner, width, true),
        }
    }

    /// `[1, h, w, d, c]`, same shape.
    pub(super) fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let inner = relu(self.linear1.forward(x.clone()));
        let inner = relu(self.conv.forward(inner));
        x + relu(self.linear2.forward(inner))
    }
}

/// Depthwise 3×3×3 convolution of channels-last maps, zero padding.
#[derive(Module, Debug)]
struct DepthwiseConv3d {
    weight: Param<Tensor<5>>,
    bias: Param<Tensor<1>>,
}

impl DepthwiseConv3d {
    fn load(scope: &Scope<'_>, channels: usize) -> Self {
        let init = Init::Uniform(1.0 / 27f32.sqrt());
        Self {
            weight: scope.param("weight", [channels, 1, 3, 3, 3], init),
            bias: scope.param("bias", [channels], init),
        }
    }

    /// `[1, h, w, d, c]`, same shape.
    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let channels = self.bias.dims()[0];
        let weight = self.weight.val().reshape([channels, 27]).transpose();
        let bias = self.bias.val().reshape([1, 1, 1, 1, channels]);
        depthwise3d(x, weight) + bias
    }
}
