//! The fully connected layer.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, module};

use crate::models::checkpoint::{Init, Scope};
use crate::models::ops::add_row;

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
        multiply_rows(x, self.weight.val(), self.bias.as_ref().map(Param::val))
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

/// x W + b over the last axis of `x` `[.., in]`, `weight [in, out]`: all rows in one product. Left to itself, Burn makes
/// a product for each step along the leading axes where the last but one has a round length, and reads W for each anew.
pub(crate) fn multiply_rows<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
) -> Tensor<D> {
    let mut shape = x.dims();
    let [width_in, width_out] = weight.dims();
    let rows = shape[..D - 1].iter().product::<usize>();
    shape[D - 1] = width_out;
    let product = module::linear::<2>(x.reshape([rows, width_in]), weight, None);
    let sum = match bias {
        Some(bias) => add_row(product, bias),
        None => product,
    };
    sum.reshape(shape)
}
