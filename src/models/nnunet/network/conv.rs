//! Convolutions of channels-last maps, and the steps up.

use burn::tensor::Tensor;

use crate::models::checkpoint::{Init, Scope};
use crate::models::layers::multiply_rows;
use crate::models::ops;

/// A convolution without its bias, its output centred on its input.
pub(super) enum Conv {
    /// 1×1×1: a product with a matrix `[in, out]`.
    Point(Tensor<2>),
    /// Any other, weight `[taps, in, out]`.
    Other {
        weight: Tensor<3>,
        kernel: [usize; 3],
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
            _ => {
                let taps = kernel.iter().product::<usize>();
                let weight = weight.permute([2, 3, 4, 1, 0]).reshape([taps, from, to]);
                Self::Other {
                    weight,
                    kernel,
                    stride,
                }
            }
        }
    }

    /// Of maps that stand beside each other along their channels.
    pub(super) fn forward(&self, mut maps: Vec<Tensor<5>>) -> Tensor<5> {
        match self {
            Self::Point(matrix) => {
                let x = match maps.len() {
                    1 => maps.remove(0),
                    _ => Tensor::cat(maps, 4),
                };
                multiply_rows(x, matrix.clone(), None)
            }
            Self::Other {
                weight,
                kernel,
                stride,
            } => ops::convolve3d(maps, weight.clone(), (*kernel, *stride)),
        }
    }
}

/// A transposed convolution whose kernel is its stride: every voxel becomes a block of voxels.
pub(super) struct StepUp {
    /// `[kd kh kw, in, out]`.
    weight: Tensor<3>,
    bias: Tensor<1>,
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
        let weight = weight(scope, [from, to], block, flat).permute([2, 3, 4, 0, 1]);
        Self {
            weight: weight.reshape([voxels, from, to]),
            bias: if bias {
                scope.buffer("bias", [to], Init::Zeros)
            } else {
                Tensor::zeros([to], scope.device())
            },
            block,
        }
    }

    /// `[b, d, h, w, in]` → `[b, d kd, h kh, w kw, out]`.
    pub(super) fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        ops::step_up(x, self.weight.clone(), self.bias.clone(), self.block)
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
