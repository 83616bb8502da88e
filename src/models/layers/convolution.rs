//! Convolutions with PyTorch's weight layouts.

use burn::module::{Module, Param};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Tensor, module};

use crate::models::checkpoint::{Init, Scope};
use crate::models::ops;

use super::linear::multiply_rows;

/// How a kernel moves over its input: the same along every axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Step between outputs.
    pub stride: usize,
    /// Zeros added on both sides.
    pub padding: usize,
    /// Independent groups of channels.
    pub groups: usize,
}

impl Window {
    /// One output per input position, kernel of odd size `kernel` centred on it.
    pub fn same(kernel: usize) -> Self {
        Self {
            stride: 1,
            padding: kernel / 2,
            groups: 1,
        }
    }

    /// Patches that do not overlap.
    pub fn patches(side: usize) -> Self {
        Self {
            stride: side,
            padding: 0,
            groups: 1,
        }
    }

    /// Each of `channels` by itself.
    #[must_use]
    pub fn depthwise(self, channels: usize) -> Self {
        Self {
            groups: channels,
            ..self
        }
    }
}

fn uniform(fan_in: usize) -> Init {
    Init::Uniform(1.0 / (fan_in as f32).sqrt())
}

/// 2D convolution, weight `[out, in / groups, kh, kw]`.
#[derive(Module, Debug)]
pub struct Conv2d {
    weight: Param<Tensor<4>>,
    bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    window: Window,
}

impl Conv2d {
    /// Takes `weight` of `shape` and, with `bias`, `bias [out]`.
    pub fn load(scope: &Scope<'_>, shape: [usize; 4], bias: bool, window: Window) -> Self {
        let init = uniform(shape[1..].iter().product());
        Self {
            weight: scope.param("weight", shape, init),
            bias: bias.then(|| scope.param("bias", [shape[0]], init)),
            window,
        }
    }

    /// `[b, in, h, w]` → `[b, out, h', w']`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let Window {
            stride,
            padding,
            groups,
        } = self.window;
        let options = ConvOptions::new([stride; 2], [padding; 2], [1; 2], groups);
        module::conv2d(
            x,
            self.weight.val(),
            self.bias.as_ref().map(Param::val),
            options,
        )
    }

    /// What the input channels from `first` on contribute to [`Self::forward`], without the bias: the convolution of
    /// a sum of parts of the input is the sum of theirs. Not for grouped kernels.
    pub fn forward_channels(&self, x: Tensor<4>, first: usize) -> Tensor<4> {
        let weight = self.weight.val().narrow(1, first, x.dims()[1]);
        let Window {
            stride, padding, ..
        } = self.window;
        let options = ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1);
        module::conv2d(x, weight, None, options)
    }

    /// The kernel.
    pub fn weight(&self) -> Tensor<4> {
        self.weight.val()
    }

    /// The bias.
    pub fn bias(&self) -> Option<Tensor<1>> {
        self.bias.as_ref().map(Param::val)
    }
}

/// 3D convolution, weight `[out, in / groups, kd, kh, kw]`.
#[derive(Module, Debug)]
pub struct Conv3d {
    weight: Param<Tensor<5>>,
    bias: Option<Param<Tensor<1>>>,
    stride: [usize; 3],
    padding: [usize; 3],
    groups: usize,
}

impl Conv3d {
    /// Takes `weight` of `shape` and, with `bias`, `bias [out]`; the same window along every axis.
    pub fn load(scope: &Scope<'_>, shape: [usize; 5], bias: bool, window: Window) -> Self {
        let steps = ([window.stride; 3], [window.padding; 3]);
        Self::load_with(scope, shape, bias, steps, window.groups)
    }

    /// As [`Self::load`] with (stride, padding) of each axis.
    pub fn load_with(
        scope: &Scope<'_>,
        shape: [usize; 5],
        bias: bool,
        (stride, padding): ([usize; 3], [usize; 3]),
        groups: usize,
    ) -> Self {
        let init = uniform(shape[1..].iter().product());
        Self {
            weight: scope.param("weight", shape, init),
            bias: bias.then(|| scope.param("bias", [shape[0]], init)),
            stride,
            padding,
            groups,
        }
    }

    /// `[b, in, d, h, w]` → `[b, out, d', h', w']`.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let options = ConvOptions::new(self.stride, self.padding, [1; 3], self.groups);
        module::conv3d(
            x,
            self.weight.val(),
            self.bias.as_ref().map(Param::val),
            options,
        )
    }

    /// The kernel.
    pub fn weight(&self) -> Tensor<5> {
        self.weight.val()
    }

    /// The bias.
    pub fn bias(&self) -> Option<Tensor<1>> {
        self.bias.as_ref().map(Param::val)
    }
}

/// 3×3×3 convolution of channels-last maps, stride 1, zero padding, no bias; weight `[out, in, 3, 3, 3]`.
///
/// [`ops::conv3d`] is two to three times as fast on a CPU as Burn's, and its neighbours (layer normalisation, products
/// with matrices, resizing) want channels last too.
#[derive(Module, Debug)]
pub struct Conv3dLast {
    weight: Param<Tensor<5>>,
}

impl Conv3dLast {
    /// Takes `weight [out, in, 3, 3, 3]`.
    pub fn load(scope: &Scope<'_>, channels_in: usize, channels_out: usize) -> Self {
        let init = uniform(27 * channels_in);
        Self {
            weight: scope.param("weight", [channels_out, channels_in, 3, 3, 3], init),
        }
    }

    /// `[b, d, h, w, in]` → `[b, d, h, w, out]`.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let [to, from, ..] = self.weight.dims();
        let kernel = self.weight.val().permute([2, 3, 4, 1, 0]);
        ops::conv3d(x, kernel.reshape([27, from, to]))
    }
}

/// 1×1×1 convolution of channels-last maps; weight `[out, in, 1, 1, 1]`.
#[derive(Module, Debug)]
pub struct PointConv3d {
    weight: Param<Tensor<5>>,
    bias: Option<Param<Tensor<1>>>,
}

impl PointConv3d {
    /// Takes `weight [out, in, 1, 1, 1]` and, with `bias`, `bias [out]`.
    pub fn load(scope: &Scope<'_>, channels_in: usize, channels_out: usize, bias: bool) -> Self {
        let init = uniform(channels_in);
        Self {
            weight: scope.param("weight", [channels_out, channels_in, 1, 1, 1], init),
            bias: bias.then(|| scope.param("bias", [channels_out], init)),
        }
    }

    /// `[b, d, h, w, in]` → `[b, d, h, w, out]`.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let [to, from, ..] = self.weight.dims();
        let matrix: Tensor<2> = self.weight.val().reshape([to, from]).transpose();
        multiply_rows(x, matrix, self.bias.as_ref().map(Param::val))
    }
}

/// 2×2×2 transposed convolution of channels-last maps, stride 2, no bias; weight `[in, out, 2, 2, 2]`.
#[derive(Module, Debug)]
pub struct Doubling3d {
    weight: Param<Tensor<5>>,
}

impl Doubling3d {
    /// Takes `weight [in, out, 2, 2, 2]`.
    pub fn load(scope: &Scope<'_>, channels_in: usize, channels_out: usize) -> Self {
        let init = uniform(8 * channels_out);
        Self {
            weight: scope.param("weight", [channels_in, channels_out, 2, 2, 2], init),
        }
    }

    /// `[b, d, h, w, in]` → `[b, 2d, 2h, 2w, out]`.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let [from, to, ..] = self.weight.dims();
        let matrix = self.weight.val().permute([0, 2, 3, 4, 1]);
        let matrix: Tensor<2> = matrix.reshape([from, 8 * to]);
        ops::depth_to_space(multiply_rows(x, matrix, None))
    }
}

/// 2D transposed convolution whose kernel is its stride, weight `[in, out, side, side]`.
#[derive(Module, Debug)]
pub struct ConvTranspose2d {
    weight: Param<Tensor<4>>,
    bias: Option<Param<Tensor<1>>>,
}

impl ConvTranspose2d {
    /// Takes `weight [in, out, side, side]` and, with `bias`, `bias [out]`.
    pub fn load(
        scope: &Scope<'_>,
        [channels_in, channels_out, side]: [usize; 3],
        bias: bool,
    ) -> Self {
        let init = uniform(channels_out * side * side);
        Self {
            weight: scope.param("weight", [channels_in, channels_out, side, side], init),
            bias: bias.then(|| scope.param("bias", [channels_out], init)),
        }
    }

    /// `[b, in, h, w]` → `[b, out, h side, w side]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let side = self.weight.dims()[3];
        let options = ConvTransposeOptions::new([side; 2], [0; 2], [0; 2], [1; 2], 1);
        let bias = self.bias.as_ref().map(Param::val);
        module::conv_transpose2d(x, self.weight.val(), bias, options)
    }
}

/// 3D transposed convolution whose kernel is its stride, weight `[in, out, side, side, side]`.
#[derive(Module, Debug)]
pub struct ConvTranspose3d {
    weight: Param<Tensor<5>>,
    bias: Option<Param<Tensor<1>>>,
}

impl ConvTranspose3d {
    /// Takes `weight [in, out, side, side, side]` and, with `bias`, `bias [out]`.
    pub fn load(
        scope: &Scope<'_>,
        [channels_in, channels_out, side]: [usize; 3],
        bias: bool,
    ) -> Self {
        let init = uniform(channels_out * side.pow(3));
        Self {
            weight: scope.param(
                "weight",
                [channels_in, channels_out, side, side, side],
                init,
            ),
            bias: bias.then(|| scope.param("bias", [channels_out], init)),
        }
    }

    /// `[b, in, d, h, w]` → `[b, out, d side, h side, w side]`.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let side = self.weight.dims()[4];
        let options = ConvTransposeOptions::new([side; 3], [0; 3], [0; 3], [1; 3], 1);
        let bias = self.bias.as_ref().map(Param::val);
        module::conv_transpose3d(x, self.weight.val(), bias, options)
    }
}
