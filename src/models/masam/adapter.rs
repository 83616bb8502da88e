//! The adapter that looks along the third axis.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, ops::PadMode};

use crate::models::checkpoint::{Init, Scope};
use crate::models::layers::{LayerNorm, Linear, multiply_rows};
use crate::models::ops::{add, gelu};
use crate::models::trace::Trace;

/// x + up(GELU(conv(down(norm(x))))), where the convolution reaches one slice up and one down.
#[derive(Module, Debug)]
pub struct SliceAdapter {
    norm: LayerNorm,
    down: Linear,
    conv_weight: Param<Tensor<5>>,
    conv_bias: Param<Tensor<1>>,
    up: Linear,
    #[module(skip)]
    suffix: &'static str,
}

impl SliceAdapter {
    /// Takes `adapter_norm`, `adapter_linear_down`, `adapter_conv` and `adapter_linear_up` of the block at `scope`, each
    /// followed by `suffix`.
    pub fn load(
        scope: &Scope<'_>,
        [width, inner]: [usize; 2],
        suffix: &'static str,
        norm_eps: f64,
    ) -> Self {
        let part = |name: &str| scope.child(format!("adapter_{name}{suffix}"));
        let conv = part("conv");
        let init = Init::Uniform(1.0 / ((3 * inner) as f32).sqrt());
        Self {
            norm: LayerNorm::load(&part("norm"), width, norm_eps),
            down: Linear::load(&part("linear_down"), width, inner, false),
            conv_weight: conv.param("weight", [inner, inner, 3, 1, 1], init),
            conv_bias: conv.param("bias", [inner], init),
            up: Linear::load(&part("linear_up"), inner, width, false),
            suffix,
        }
    }

    /// Maps `[b slices, h, w, width]`, the slices of a volume after one another.
    pub fn forward(&self, x: Tensor<4>, slices: usize, trace: &Trace<'_>) -> Tensor<4> {
        let keep = |part: &str, x: &Tensor<4>| {
            trace.keep(&format!("adapter_{part}{}", self.suffix), x);
        };
        let y = self.norm.forward(x.clone());
        keep("norm", &y);
        let y = self.down.forward(y);
        keep("linear_down", &y);
        let y = self.along_slices(y, slices, trace);
        let y = gelu(y);
        keep("act", &y);
        let y = self.up.forward(y);
        keep("linear_up", &y);
        add(x, y)
    }

    /// The convolution, as one matrix product of each place with itself and its two neighbours.
    fn along_slices(&self, x: Tensor<4>, slices: usize, trace: &Trace<'_>) -> Tensor<4> {
        let [count, height, width, inner] = x.dims();
        let (batch, places) = (count / slices, height * width);
        let padded: Tensor<4> = x
            .reshape([batch, slices, places, inner])
            .pad([(0, 0), (1, 1), (0, 0), (0, 0)], PadMode::Constant(0.0));
        let shifted = (0..3).map(|shift| padded.clone().narrow(1, shift, slices));
        let seen: Tensor<2> =
            Tensor::cat(shifted.collect(), 3).reshape([batch * slices * places, 3 * inner]);
        let weight: Tensor<3> = self.conv_weight.val().reshape([inner, inner, 3]);
        let weight: Tensor<2> = weight.permute([2, 1, 0]).reshape([3 * inner, inner]);
        let y = multiply_rows(seen, weight, Some(self.conv_bias.val()));
        if trace.is_on() {
            let map: Tensor<5> = y.clone().reshape([batch, slices, height, width, inner]);
            let name = format!("adapter_conv{}", self.suffix);
            trace.keep(&name, &map.permute([0, 4, 1, 2, 3]));
        }
        y.reshape([count, height, width, inner])
    }
}
