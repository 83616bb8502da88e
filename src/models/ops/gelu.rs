//! The exact GELU: Burn's on the GPU, ours on the CPU.

use std::f32::consts::FRAC_1_SQRT_2;

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Cube, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;

use super::gelu_kernel;
use super::volume_ops::values;

/// x · Φ(x), with the distribution function of the standard normal distribution and not its tanh approximation.
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as GeluOps>::gelu_exact(x.into_dispatch()))
}

/// Entry point that Burn dispatches on the tensor's device.
#[backend_extension(Flex, Cube, Autodiff)]
pub(super) trait GeluOps: Backend {
    fn gelu_exact(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl GeluOps for Flex {
    fn gelu_exact(x: FloatTensor<Self>) -> FloatTensor<Self> {
        <Self as GeluKernels>::activate(x)
    }
}

impl GeluOps for Cube {
    fn gelu_exact(x: FloatTensor<Self>) -> FloatTensor<Self> {
        <Self as GeluKernels>::activate(x)
    }
}

/// Forward and backward on a plain backend; the defaults use Burn's own operations.
pub(super) trait GeluKernels: Backend {
    fn activate(x: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::gelu(x)
    }

    /// `grad` times Φ(x) + x φ(x); Burn's own is the derivative of another function, the tanh approximation.
    fn activate_backward(x: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        const DENSITY_AT_ZERO: f32 = 0.398_942_3;
        let erf = Self::float_erf(Self::float_mul_scalar(x.clone(), FRAC_1_SQRT_2.into()));
        let distribution =
            Self::float_mul_scalar(Self::float_add_scalar(erf, 1.0.into()), 0.5.into());
        let square = Self::float_mul(x.clone(), x.clone());
        let density = Self::float_exp(Self::float_mul_scalar(square, (-0.5).into()));
        let density = Self::float_mul_scalar(density, DENSITY_AT_ZERO.into());
        let slope = Self::float_add(distribution, Self::float_mul(x, density));
        Self::float_mul(slope, grad)
    }
}

impl GeluKernels for Cube {}

impl GeluKernels for Flex {
    fn activate(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let x = x.to_contiguous();
        same_shape(&x, gelu_kernel::forward(values(&x)))
    }

    fn activate_backward(x: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        let (x, grad) = (x.to_contiguous(), grad.to_contiguous());
        same_shape(&x, gelu_kernel::backward(values(&x), values(&grad)))
    }
}

fn same_shape(x: &FloatTensor<Flex>, values: Vec<f32>) -> FloatTensor<Flex> {
    FloatTensor::<Flex>::from_data(burn::tensor::TensorData::new(values, x.shape()))
}

#[derive(Debug)]
struct GeluExact;

impl<B: GeluKernels> Backward<B, 1> for GeluExact {
    type State = NodeId;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, saved: &mut Checkpointer) {
        let x = saved.retrieve_node_output::<B::FloatTensorPrimitive>(ops.state);
        let grad = grads.consume::<B>(&ops.node);
        if let [Some(parent)] = &ops.parents {
            grads.register::<B>(parent.id, B::activate_backward(x, grad));
        }
    }
}

impl<B: Backend + GeluKernels, C: CheckpointStrategy> GeluOps for Autodiff<B, C> {
    fn gelu_exact(x: FloatTensor<Self>) -> FloatTensor<Self> {
        match GeluExact
            .prepare::<C>([x.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let state = prep.checkpoint(&x);
                prep.finish(state, B::activate(x.into_primitive()))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::activate(x.into_primitive())),
        }
    }
}
