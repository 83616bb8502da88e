//! What Burn lacks, or is slow at, for 3D networks on a CPU.
//!
//! All tensors here are **channels last**, `[batch, depth, height, width, channels]`: a 1×1×1 convolution is
//! then a matrix product, and moving between space and channels copies whole rows.
//!
//! Each operation has a plain definition in Burn's own operations, used on the GPU, and a kernel of ours for
//! the CPU backend (`*_kernel.rs`), with its own backward pass. The two are compared in
//! `tests/it/model_ops.rs`.

mod autodiff;
mod conv3d_kernel;
mod norm_kernel;
mod shuffle;
mod simd;
mod volume_ops;

pub use shuffle::{depth_to_space, space_to_depth};
pub use volume_ops::{conv3d, norm_act};
