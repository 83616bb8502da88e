//! The networks that nnU-Net's plans describe: `PlainConvUNet` and `ResidualEncoderUNet`, in 2D and 3D.
//!
//! Inside, maps are channels last, `[b, d, h, w, c]`; a 2D network sees its batch of slices as volumes of depth 1.

mod architecture;
mod conv;
mod norm;
mod residual;
mod seen;
mod unet;
mod unit;

pub use architecture::{Architecture, EncoderKind, NormKind, UnitStyle};
pub use residual::{BlockShape, ResidualBlock};
pub use unet::UNet;

/// Its name, for people.
pub(super) const TITLE: &str = "nnU-Net";

/// `[b, c, d, h, w]` → `[b, d, h, w, c]`.
fn channels_last(x: burn::tensor::Tensor<5>) -> burn::tensor::Tensor<5> {
    x.permute([0, 2, 3, 4, 1])
}

/// `[b, d, h, w, c]` → `[b, c, d, h, w]`.
fn channels_first(x: burn::tensor::Tensor<5>) -> burn::tensor::Tensor<5> {
    x.permute([0, 4, 1, 2, 3])
}
