//! What Burn lacks, or is slow at, for 3D networks on a CPU.
//!
//! [`conv3d`], [`norm_act`] and the shuffles are the model in the box's. Their tensors are **channels last**, `[batch, depth, height, width, channels]`: a 1×1×1 convolution is
//! then a matrix product, and moving between space and channels copies whole rows.
//!
//! Each of these has a plain definition in Burn's own operations, used on the GPU, and a kernel of ours for
//! the CPU backend (`*_kernel.rs`), with its own backward pass. The two are compared in
//! `tests/it/model_ops.rs`.
//!
//! The rest is what published networks need and Burn lacks; it is in PyTorch's layout, **channels first**.

mod addition;
mod attention;
mod attention_kernel;
mod autodiff;
mod conv3d_kernel;
mod convolution;
mod depthwise;
mod depthwise_kernel;
mod gelu;
mod gelu_kernel;
mod interpolate;
mod norm_kernel;
mod normalise;
mod pil_resize;
mod pooling;
mod shuffle;
mod simd;
mod skimage_resize;
pub(crate) mod spline;
mod spline_zoom;
mod step_up;
mod step_up_kernel;
mod sums;
mod tile;
mod volume_ops;
mod volume_windows;
mod windows;
mod windows_kernel;
mod winograd_kernel;

pub use addition::{add, add_act, add_row};
pub use attention::{ScoreTerms, attend, attend_with, join_heads, split_heads};
pub use convolution::convolve3d;
pub use depthwise::depthwise3d;
pub use gelu::gelu;
pub use interpolate::{Corners, rescale_axis, resize_axis, resize_linear, resize_volume_last};
pub use normalise::{channel_norm, instance_norm, instance_norm_last};
pub use pil_resize::pil_resize_bilinear;
pub use pooling::{max_pool3d_2, max_pool3d_last, mean_pool3d_last};
pub use shuffle::{depth_to_space, space_to_depth};
pub use skimage_resize::{Beyond, resize_label_slice_smoothed, resize_slice};
pub use spline::Spline;
pub use spline_zoom::{SplineOrder, spline_zoom};
pub use step_up::step_up;
pub use sums::{sum_all, sum_rows, sum_voxels};
pub use volume_ops::{Activation, conv3d, norm_act};
pub use volume_windows::{VolumeWindows, WindowPadding};
pub use windows::{join_windows, partition_windows};
