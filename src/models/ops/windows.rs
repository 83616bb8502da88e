//! Maps cut into square windows for local attention, as SAM's encoder does it: Burn's operations on the GPU and where
//! gradients are wanted, ours on the CPU.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Cube, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Slice, Tensor};

use super::volume_ops::{contiguous, tensor, values};
use super::windows_kernel::{self, WindowShape};

/// Cuts `[b, h, w, c]` into windows `[b n, side, side, c]`, image by image, row by row; zeros are added below and to
/// the right where the side does not divide the map.
pub fn partition_windows(x: Tensor<4>, side: usize) -> Tensor<4> {
    Tensor::from_dispatch(<Dispatch as WindowOps>::cut_windows(
        x.into_dispatch(),
        side,
    ))
}

/// Puts the windows of [`partition_windows`] back together and takes what was added off again.
pub fn join_windows(windows: Tensor<4>, map: [usize; 2]) -> Tensor<4> {
    Tensor::from_dispatch(<Dispatch as WindowOps>::join_windows(
        windows.into_dispatch(),
        map,
    ))
}

/// Entry points that Burn dispatches on the tensor's device.
#[backend_extension(Flex, Cube, Autodiff)]
pub(super) trait WindowOps: Backend {
    fn cut_windows(x: FloatTensor<Self>, side: usize) -> FloatTensor<Self> {
        cut_by_burn::<Self>(x, side)
    }

    fn join_windows(windows: FloatTensor<Self>, map: [usize; 2]) -> FloatTensor<Self> {
        join_by_burn::<Self>(windows, map)
    }
}

impl WindowOps for Flex {
    fn cut_windows(x: FloatTensor<Self>, side: usize) -> FloatTensor<Self> {
        let x = contiguous(x);
        let [batch, height, width, channels] = x.shape().dims();
        let shape = WindowShape {
            batch,
            map: [height, width],
            channels,
            side,
        };
        let found = windows_kernel::cut(values(&x), shape);
        let windows: usize = shape.windows().iter().product();
        tensor(found, [batch * windows, side, side, channels])
    }

    fn join_windows(windows: FloatTensor<Self>, map: [usize; 2]) -> FloatTensor<Self> {
        let windows = contiguous(windows);
        let [count, side, _, channels] = windows.shape().dims();
        let mut shape = WindowShape {
            batch: 1,
            map,
            channels,
            side,
        };
        shape.batch = count / shape.windows().iter().product::<usize>();
        let found = windows_kernel::join(values(&windows), shape);
        tensor(found, [shape.batch, map[0], map[1], channels])
    }
}

impl WindowOps for Cube {}

impl<B: Backend, C: CheckpointStrategy> WindowOps for Autodiff<B, C> {}

fn cut_by_burn<B: Backend>(x: FloatTensor<B>, side: usize) -> FloatTensor<B> {
    let [batch, height, width, channels] = x.shape().dims();
    let (rows, columns) = (height.div_ceil(side), width.div_ceil(side));
    let zeros = |dims: [usize; 4], like: &FloatTensor<B>| {
        B::float_zeros(Shape::new(dims), &like.device(), like.dtype().into())
    };
    let mut x = x;
    if rows * side > height {
        let below = zeros([batch, rows * side - height, width, channels], &x);
        x = B::float_cat(vec![x, below], 1);
    }
    if columns * side > width {
        let right = zeros([batch, rows * side, columns * side - width, channels], &x);
        x = B::float_cat(vec![x, right], 2);
    }
    let split = Shape::new([batch, rows, side, columns, side, channels]);
    let windows = B::float_swap_dims(B::float_reshape(x, split), 2, 3);
    let count = batch * rows * columns;
    B::float_reshape(windows, Shape::new([count, side, side, channels]))
}

fn join_by_burn<B: Backend>(
    windows: FloatTensor<B>,
    [height, width]: [usize; 2],
) -> FloatTensor<B> {
    let [count, side, _, channels] = windows.shape().dims();
    let (rows, columns) = (height.div_ceil(side), width.div_ceil(side));
    let batch = count / (rows * columns);
    let split = Shape::new([batch, rows, columns, side, side, channels]);
    let maps = B::float_swap_dims(B::float_reshape(windows, split), 2, 3);
    let whole = Shape::new([batch, rows * side, columns * side, channels]);
    let inside = [batch, height, width, channels].map(|length| Slice::from(0..length));
    B::float_slice(B::float_reshape(maps, whole), &inside)
}
