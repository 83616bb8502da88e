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
    /// Takes `weight` as [`weight`] does.
    pub(super) fn load(
        scope: &Scope<'_>,
        [from, to]: [usize; 2],
        (kernel, stride): ([usize; 3], [usize; 3]),
        flat: bool,
    ) -> Self {
        let weight = weight(scope, [from, to], kernel, (flat, false));
        match (kernel, stride) {
            ([1, 1, 1], [1, 1, 1]) => Self::Point(weight.reshape([from, to])),
            _ => Self::Other {
                weight,
                kernel,
                stride,
            },
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
    /// Takes `weight` as [`weight`] does, and with `bias`, `bias [out]`.
    pub(super) fn load(
        scope: &Scope<'_>,
        [from, to]: [usize; 2],
        block: [usize; 3],
        (bias, flat): (bool, bool),
    ) -> Self {
        Self {
            weight: weight(scope, [from, to], block, (flat, true)),
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

/// The weight `[taps, in, out]` of a kernel. Checkpoints have `weight [out, in, kd, kh, kw]`, of a transposed convolution
/// (`up`) `[in, out, kd, kh, kw]`, without `kd` where `flat`; a network that is taught has it as it is used.
pub(super) fn weight(
    scope: &Scope<'_>,
    [from, to]: [usize; 2],
    [d, h, w]: [usize; 3],
    (flat, up): (bool, bool),
) -> Tensor<3> {
    let taps = d * h * w;
    let ([first, second], axes) = match up {
        true => ([from, to], [2, 3, 4, 0, 1]),
        false => ([to, from], [2, 3, 4, 1, 0]),
    };
    let init = Init::Uniform(1.0 / ((second * taps) as f32).sqrt());
    if scope.shape("weight").is_some_and(|shape| shape.len() == 3) {
        return scope.buffer("weight", [taps, from, to], init);
    }
    let weight = if flat {
        let weight = scope.buffer::<4>("weight", [first, second, h, w], init);
        weight.unsqueeze_dim(2)
    } else {
        scope.buffer::<5>("weight", [first, second, d, h, w], init)
    };
    weight.permute(axes).reshape([taps, from, to])
}
