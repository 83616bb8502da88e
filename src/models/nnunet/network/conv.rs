//! Convolutions of channels-last maps, and the steps up.

use burn::tensor::ops::ConvOptions;
use burn::tensor::{Tensor, module};

use crate::models::checkpoint::{Init, Scope};
use crate::models::layers::multiply_rows;
use crate::models::ops;

use super::{channels_first, channels_last};

/// A convolution without its bias, its output centred on its input.
pub(super) enum Conv {
    /// 1×1×1: a product with a matrix `[in, out]`.
    Point(Tensor<2>),
    /// 3×3×3 with stride 1, weight `[27, in, out]`.
    Cube(Tensor<3>),
    /// Any other, weight `[out, in, kd, kh, kw]`.
    Other {
        weight: Tensor<5>,
        stride: [usize; 3],
    },
}

impl Conv {
    /// Takes `weight [out, in, kd, kh, kw]`, without `kd` where `flat`.
    pub(super) fn load(
        scope: &Scope<'_>,
        [from, to]: [usize; 2],
        (kernel, stride): ([usize; 3], [usize; 3]),
        flat: bool,
    ) -> Self {
        let weight = weight(scope, [to, from], kernel, flat);
        match (kernel, stride) {
            ([1, 1, 1], [1, 1, 1]) => Self::Point(weight.reshape([to, from]).transpose()),
            ([3, 3, 3], [1, 1, 1]) => {
                Self::Cube(weight.permute([2, 3, 4, 1, 0]).reshape([27, from, to]))
            }
            _ => Self::Other { weight, stride },
        }
    }

    pub(super) fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        match self {
            Self::Point(matrix) => multiply_rows(x, matrix.clone(), None),
            Self::Cube(weight) => ops::conv3d(x, weight.clone()),
            Self::Other { weight, stride } => {
                let [_, _, d, h, w] = weight.dims();
                let padding = [d, h, w].map(|length| (length - 1) / 2);
                let options = ConvOptions::new(*stride, padding, [1; 3], 1);
                let x = channels_first(x);
                channels_last(module::conv3d(x, weight.clone(), None, options))
            }
        }
    }
}

/// A transposed convolution whose kernel is its stride: every voxel becomes a block of voxels.
pub(super) struct StepUp {
    /// `[in, kd kh kw out]`.
    matrix: Tensor<2>,
    /// `[kd kh kw out]`.
    bias: Option<Tensor<1>>,
    block: [usize; 3],
}

impl StepUp {
    /// Takes `weight [in, out, kd, kh, kw]`, without `kd` where `flat`, and with `bias`, `bias [out]`.
    pub(super) fn load(
        scope: &Scope<'_>,
        [from, to]: [usize; 2],
        block: [usize; 3],
        (bias, flat): (bool, bool),
    ) -> Self {
        let voxels = block.iter().product::<usize>();
        let weight = weight(scope, [from, to], block, flat).permute([0, 2, 3, 4, 1]);
        let bias = bias.then(|| scope.buffer::<1>("bias", [to], Init::Zeros));
        Self {
            matrix: weight.reshape([from, voxels * to]),
            bias: bias.map(|bias| bias.repeat_dim(0, voxels)),
            block,
        }
    }

    /// `[b, d, h, w, in]` → `[b, d kd, h kh, w kw, out]`.
    pub(super) fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let [b, d, h, w, _] = x.dims();
        let [kd, kh, kw] = self.block;
        let rows = multiply_rows(x, self.matrix.clone(), self.bias.clone());
        let to = rows.dims()[4] / (kd * kh * kw);
        let blocks: Tensor<8> = rows.reshape([b, d, h, w, kd, kh, kw, to]);
        let interleaved = blocks.permute([0, 1, 4, 2, 5, 3, 6, 7]);
        interleaved.reshape([b, d * kd, h * kh, w * kw, to])
    }
}

/// `weight` of a kernel; a 2D kernel becomes one of depth 1.
fn weight(
    scope: &Scope<'_>,
    [first, second]: [usize; 2],
    [d, h, w]: [usize; 3],
    flat: bool,
) -> Tensor<5> {
    let init = Init::Uniform(1.0 / ((second * d * h * w) as f32).sqrt());
    if flat {
        let weight = scope.buffer::<4>("weight", [first, second, h, w], init);
        return weight.unsqueeze_dim(2);
    }
    scope.buffer("weight", [first, second, d, h, w], init)
}
