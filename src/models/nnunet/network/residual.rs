//! Residual blocks of the D kind: what goes around is averaged before it is projected.

use burn::tensor::Tensor;

use crate::models::checkpoint::Scope;
use crate::models::ops::{Activation, add_act, mean_pool3d_last};
use crate::models::trace::Trace;

use super::architecture::UnitStyle;
use super::seen::Seen;
use super::unit::{Unit, UnitShape};

/// Sizes of a residual block.
#[derive(Debug, Clone, Copy)]
pub struct BlockShape {
    /// Channels that come in.
    pub from: usize,
    /// Channels that go out.
    pub to: usize,
    /// Kernel of the convolutions.
    pub kernel: [usize; 3],
    /// Stride of one of them.
    pub stride: [usize; 3],
    /// Channels between a 1×1×1 convolution in and one out; `None` for two convolutions with the kernel.
    pub bottleneck: Option<usize>,
    /// Its weights are those of a 2D network.
    pub flat: bool,
}

impl BlockShape {
    /// Whether what goes through an input of these sides comes out as large as what goes around.
    pub fn takes(&self, sides: [usize; 3]) -> bool {
        (0..3).all(|d| sides[d].is_multiple_of(self.stride[d]))
    }
}

/// `BasicBlockD`, or `BottleneckD`.
pub struct ResidualBlock {
    /// `conv1` to `conv2`, or `conv3`; the last has no activation.
    units: Vec<Unit>,
    pool: [usize; 3],
    around: Option<Unit>,
    activation: Activation,
}

impl ResidualBlock {
    /// Takes the tensors of a block.
    pub fn load(scope: &Scope<'_>, shape: BlockShape, style: UnitStyle) -> Self {
        let BlockShape {
            from,
            to,
            kernel,
            stride,
            bottleneck,
            flat,
        } = shape;
        let unit = |from, to, kernel, stride| UnitShape {
            from,
            to,
            kernel,
            stride,
            flat,
        };
        const POINT: [usize; 3] = [1; 3];
        let shapes = match bottleneck {
            None => vec![unit(from, to, kernel, stride), unit(to, to, kernel, POINT)],
            Some(inner) => vec![
                unit(from, inner, POINT, POINT),
                unit(inner, inner, kernel, stride),
                unit(inner, to, POINT, POINT),
            ],
        };
        let last = shapes.len() - 1;
        let units = shapes.into_iter().enumerate().map(|(index, shape)| {
            let scope = scope.child(format_args!("conv{}", index + 1));
            let activation = match index == last {
                true => Activation::Identity,
                false => style.activation(),
            };
            Unit::load(&scope, shape, style, activation)
        });
        let units = units.collect();
        // The pooling is a layer without weights that the projection is counted after.
        let place = usize::from(stride != [1; 3]);
        let around = (from != to).then(|| {
            let scope = scope.child("skip").child(place);
            let style = UnitStyle {
                bias: false,
                ..style
            };
            Unit::load(
                &scope,
                unit(from, to, POINT, POINT),
                style,
                Activation::Identity,
            )
        });
        Self {
            units,
            pool: stride,
            around,
            activation: style.activation(),
        }
    }

    /// `[b, from, d, h, w]` → `[b, to, d', h', w']`; the shape [takes](BlockShape::takes) the sides.
    pub fn forward_first(&self, x: Tensor<5>) -> Tensor<5> {
        let seen = Seen::new(&Trace::off(), false);
        super::channels_first(self.forward(super::channels_last(x), &seen))
    }

    pub(super) fn forward(&self, x: Tensor<5>, seen: &Seen<'_>) -> Tensor<5> {
        let mut inner = x.clone();
        for (index, unit) in self.units.iter().enumerate() {
            inner = unit.forward(inner, &seen.child(format_args!("conv{}", index + 1)));
        }
        let mut around = mean_pool3d_last(x, self.pool);
        if let Some(projection) = &self.around {
            around = projection.forward(around, &seen.child("skip"));
        }
        add_act(inner, around, self.activation)
    }
}
