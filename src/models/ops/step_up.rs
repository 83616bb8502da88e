//! The transposed convolution whose kernel is its stride, of channels-last maps: a product in Burn's operations on the GPU and
//! where gradients are wanted, else a kernel of ours on the CPU.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Cube, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Tensor};

use super::step_up_kernel::{self, StepShape};
use super::volume_ops::{tensor, values};

/// Every voxel becomes a block of voxels: `[b, d, h, w, in]` with weight `[block's voxels, in, out]` and bias `[out]` →
/// `[b, d kd, h kh, w kw, out]`.
pub fn step_up(x: Tensor<5>, weight: Tensor<3>, bias: Tensor<1>, block: [usize; 3]) -> Tensor<5> {
    Tensor::from_dispatch(<Dispatch as StepUpOps>::step_up_last(
        x.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        block,
    ))
}

/// Entry point that Burn dispatches on the tensor's device; a product, but for the CPU.
#[backend_extension(Flex, Cube, Autodiff)]
pub(super) trait StepUpOps: Backend {
    fn step_up_last(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        block: [usize; 3],
    ) -> FloatTensor<Self> {
        by_product::<Self>(x, weight, bias, block)
    }
}

impl StepUpOps for Flex {
    fn step_up_last(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        block: [usize; 3],
    ) -> FloatTensor<Self> {
        let (x, weight, bias) = (
            x.to_contiguous(),
            weight.to_contiguous(),
            bias.to_contiguous(),
        );
        let [batch, d, h, w, channels_in] = x.shape().dims();
        let shape = StepShape {
            batch,
            dims: [d, h, w],
            channels_in,
            channels_out: weight.shape()[2],
            block,
        };
        let found = step_up_kernel::forward(values(&x), values(&weight), values(&bias), shape);
        let [d, h, w] = shape.dims_out();
        tensor(found, [batch, d, h, w, shape.channels_out])
    }
}

impl StepUpOps for Cube {}

impl<B: Backend, C: CheckpointStrategy> StepUpOps for Autodiff<B, C> {}

/// One product for all voxels, whose blocks are then brought to their places.
fn by_product<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: FloatTensor<B>,
    [kd, kh, kw]: [usize; 3],
) -> FloatTensor<B> {
    let [b, d, h, w, from] = x.shape().dims();
    let [voxels, _, to] = weight.shape().dims();
    let matrix = B::float_permute(weight, &[1, 0, 2]);
    let matrix = B::float_reshape(matrix, Shape::new([from, voxels * to]));
    let rows = B::float_matmul(
        B::float_reshape(x, Shape::new([b * d * h * w, from])),
        matrix,
    );
    let blocks = B::float_reshape(rows, Shape::new([b, d, h, w, kd, kh, kw, to]));
    let interleaved = B::float_permute(blocks, &[0, 1, 4, 2, 5, 3, 6, 7]);
    let whole = Shape::new([b, d * kd, h * kh, w * kw, to]);
    let bias = B::float_reshape(bias, Shape::new([1, 1, 1, 1, to]));
    B::float_add(B::float_reshape(interleaved, whole), bias)
}
