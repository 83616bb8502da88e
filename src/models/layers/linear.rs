//! The fully connected layer.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, module};

use crate::models::checkpoint::{Init, Scope};

/// y = x W + b over the last axis; W is `[in, out]` here and `[out, in]` in checkpoints.
#[derive(Module, Debug)]
pub struct Linear {
    weight: Param<Tensor<2>>,
    bias: Option<Param<Tensor<1>>>,
}

impl Linear {
    /// Takes `weight [out, in]` and, with `bias`, `bias [out]`.
    pub fn load(scope: &Scope<'_>, width_in: usize, width_out: usize, bias: bool) -> Self {
        let init = Init::Uniform(1.0 / (width_in as f32).sqrt());
        Self {
            weight: scope.param_transposed("weight", [width_out, width_in], init),
            bias: bias.then(|| scope.param("bias", [width_out], init)),
        }
    }

    /// `[.., in]` → `[.., out]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        module::linear(x, self.weight.val(), self.bias.as_ref().map(Param::val))
    }

    /// The matrix `[in, out]`.
    pub fn weight(&self) -> Tensor<2> {
        self.weight.val()
    }

    /// The bias `[out]`.
    pub fn bias(&self) -> Option<Tensor<1>> {
        self.bias.as_ref().map(Param::val)
    }
}
