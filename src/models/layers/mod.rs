//! Layers of published networks, with the authors' tensor names and shapes: each is made from a [`Scope`] of a
//! checkpoint, and holds nothing but its parameters.
//!
//! Tensors are laid out as in PyTorch: channels first for convolutions, channels last for [`Linear`] and
//! [`LayerNorm`]. [`Conv3dLast`], [`PointConv3d`] and [`Doubling3d`] take channels-last maps.
//!
//! [`Scope`]: crate::models::checkpoint::Scope

mod convolution;
mod linear;
mod norm;

pub use convolution::{
    Conv2d, Conv3d, Conv3dLast, ConvTranspose2d, ConvTranspose3d, Doubling3d, PointConv3d, Window,
};
pub use linear::Linear;
pub(in crate::models) use linear::multiply_rows;
pub use norm::{ChannelNorm, LayerNorm};
