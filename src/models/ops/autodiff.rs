//! The backward passes, registered with Burn's autodiff.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend};

use super::volume_ops::{Activation, VolumeKernels, VolumeOps};

#[derive(Debug)]
struct Conv3dLast;

impl<B: VolumeKernels> Backward<B, 2> for Conv3dLast {
    type State = [NodeId; 2];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, saved: &mut Checkpointer) {
        let [x, weight] = ops
            .state
            .map(|node| saved.retrieve_node_output::<B::FloatTensorPrimitive>(node));
        let grad = grads.consume::<B>(&ops.node);
        let wanted = [ops.parents[0].is_some(), ops.parents[1].is_some()];
        let made = B::conv_backward(x, weight, grad, wanted);
        for (parent, grad) in ops.parents.iter().zip(made) {
            if let (Some(parent), Some(grad)) = (parent, grad) {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}

#[derive(Debug)]
struct NormActLast;

impl<B: VolumeKernels> Backward<B, 3> for NormActLast {
    type State = ([NodeId; 3], usize, Activation);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, saved: &mut Checkpointer) {
        let (nodes, groups, activation) = ops.state;
        let [x, gamma, beta] =
            nodes.map(|node| saved.retrieve_node_output::<B::FloatTensorPrimitive>(node));
        let grad = grads.consume::<B>(&ops.node);
        let made = B::norm_backward(x, gamma, beta, grad, groups, activation);
        for (parent, grad) in ops.parents.iter().zip(made) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}

impl<B: Backend + VolumeKernels, C: CheckpointStrategy> VolumeOps for Autodiff<B, C> {
    fn conv3d_last(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        match Conv3dLast
            .prepare::<C>([x.node(), weight.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let state = [prep.checkpoint(&x), prep.checkpoint(&weight)];
                prep.finish(state, B::conv(x.into_primitive(), weight.into_primitive()))
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::conv(x.into_primitive(), weight.into_primitive()))
            }
        }
    }

    fn norm_act_last(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        groups: usize,
        activation: Activation,
    ) -> FloatTensor<Self> {
        match NormActLast
            .prepare::<C>([x.node(), gamma.node(), beta.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let nodes = [
                    prep.checkpoint(&x),
                    prep.checkpoint(&gamma),
                    prep.checkpoint(&beta),
                ];
                let y = B::norm(
                    x.into_primitive(),
                    gamma.into_primitive(),
                    beta.into_primitive(),
                    groups,
                    activation,
                );
                prep.finish((nodes, groups, activation), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::norm(
                x.into_primitive(),
                gamma.into_primitive(),
                beta.into_primitive(),
                groups,
                activation,
            )),
        }
    }
}
