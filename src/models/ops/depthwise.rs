//! Depthwise convolution of channels-last maps: Burn's on the GPU, ours on the CPU.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::ops::ConvOptions;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Cube, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Tensor};

use super::depthwise_kernel::{self, DepthwiseShape};
use super::volume_ops::{channels_first, channels_last, tensor, values};

/// 3×3×3 convolution of each channel by itself, stride 1, zero padding: `[b, d, h, w, c]` with weight `[27, c]`.
pub fn depthwise3d(x: Tensor<5>, weight: Tensor<2>) -> Tensor<5> {
    Tensor::from_dispatch(<Dispatch as DepthwiseOps>::depthwise_last(
        x.into_dispatch(),
        weight.into_dispatch(),
    ))
}

/// Entry point that Burn dispatches on the tensor's device.
#[backend_extension(Flex, Cube, Autodiff)]
pub(super) trait DepthwiseOps: Backend {
    fn depthwise_last(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl DepthwiseOps for Flex {
    fn depthwise_last(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::depthwise(x, weight)
    }
}

impl DepthwiseOps for Cube {
    fn depthwise_last(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::depthwise(x, weight)
    }
}

/// Forward and backward on a plain backend; the defaults use Burn's own operations.
pub(super) trait DepthwiseKernels: Backend {
    fn depthwise(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        let channels = weight.shape()[1];
        let y = Self::conv3d(
            channels_first::<Self>(x),
            kernel_first::<Self>(weight),
            None,
            padded(channels),
        );
        channels_last::<Self>(y)
    }

    /// Gradients with respect to input and weight, each made only if wanted.
    fn depthwise_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        wanted: [bool; 2],
    ) -> [Option<FloatTensor<Self>>; 2] {
        let channels = weight.shape()[1];
        let x = channels_first::<Self>(x);
        let weight = kernel_first::<Self>(weight);
        let grad = channels_first::<Self>(grad);
        let options = || padded(channels);
        let grad_x = wanted[0].then(|| {
            let g = Self::conv3d_x_backward(x.clone(), weight.clone(), grad.clone(), options());
            channels_last::<Self>(g)
        });
        let grad_weight = wanted[1].then(|| {
            let g = Self::conv3d_weight_backward(x, weight, grad, options());
            let g = Self::float_reshape(g, Shape::new([channels, 27]));
            Self::float_permute(g, &[1, 0])
        });
        [grad_x, grad_weight]
    }
}

impl DepthwiseKernels for Cube {}

impl DepthwiseKernels for Flex {
    fn depthwise(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
        let shape = shape_of(&x.shape());
        let y = depthwise_kernel::forward(values(&x), values(&weight), shape);
        tensor(y, x.shape().dims::<5>())
    }

    fn depthwise_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        wanted: [bool; 2],
    ) -> [Option<FloatTensor<Self>>; 2] {
        let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
        let grad = grad.to_contiguous();
        let shape = shape_of(&x.shape());
        let grad_x = wanted[0].then(|| {
            let g = depthwise_kernel::backward_input(values(&grad), values(&weight), shape);
            tensor(g, x.shape().dims::<5>())
        });
        let grad_weight = wanted[1].then(|| {
            let g = depthwise_kernel::backward_weight(values(&x), values(&grad), shape);
            tensor(g, [27, shape.channels])
        });
        [grad_x, grad_weight]
    }
}

fn shape_of(x: &Shape) -> DepthwiseShape {
    let [_, d, h, w, channels] = x.dims();
    DepthwiseShape {
        dims: [d, h, w],
        channels,
    }
}

fn padded(channels: usize) -> ConvOptions<3> {
    ConvOptions::new([1; 3], [1; 3], [1; 3], channels)
}

/// `[27, c]` → Burn's `[c, 1, 3, 3, 3]`.
fn kernel_first<B: Backend>(weight: FloatTensor<B>) -> FloatTensor<B> {
    let channels = weight.shape()[1];
    let weight = B::float_permute(weight, &[1, 0]);
    B::float_reshape(weight, Shape::new([channels, 1, 3, 3, 3]))
}

#[derive(Debug)]
struct DepthwiseLast;

impl<B: DepthwiseKernels> Backward<B, 2> for DepthwiseLast {
    type State = [NodeId; 2];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, saved: &mut Checkpointer) {
        let [x, weight] = ops
            .state
            .map(|node| saved.retrieve_node_output::<B::FloatTensorPrimitive>(node));
        let grad = grads.consume::<B>(&ops.node);
        let wanted = [ops.parents[0].is_some(), ops.parents[1].is_some()];
        let made = B::depthwise_backward(x, weight, grad, wanted);
        for (parent, grad) in ops.parents.iter().zip(made) {
            if let (Some(parent), Some(grad)) = (parent, grad) {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}

impl<B: Backend + DepthwiseKernels, C: CheckpointStrategy> DepthwiseOps for Autodiff<B, C> {
    fn depthwise_last(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        match DepthwiseLast
            .prepare::<C>([x.node(), weight.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let state = [prep.checkpoint(&x), prep.checkpoint(&weight)];
                let y = B::depthwise(x.into_primitive(), weight.into_primitive());
                prep.finish(state, y)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::depthwise(x.into_primitive(), weight.into_primitive()))
            }
        }
    }
}
