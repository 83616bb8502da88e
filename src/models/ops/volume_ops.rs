//! The two operations the networks are built from, and what each backend does for them.

use burn::backend::ops::ConvOptions;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Cube, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Tensor};

use super::conv3d_kernel::{self, ConvShape};
use super::norm_kernel::{self, EPSILON, NormShape};
use super::sums::near_root;

/// 3×3×3 convolution, stride 1, zero padding: `[b, d, h, w, in]` with weight `[27, in, out]`.
pub fn conv3d(x: Tensor<5>, weight: Tensor<3>) -> Tensor<5> {
    Tensor::from_dispatch(<Dispatch as VolumeOps>::conv3d_last(
        x.into_dispatch(),
        weight.into_dispatch(),
    ))
}

/// What follows a normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// Values below zero become zero.
    Relu,
    /// Values below zero are multiplied by 0.01.
    LeakyRelu,
}

impl Activation {
    /// What values below zero are multiplied by.
    pub fn negative_slope(self) -> f32 {
        match self {
            Self::Identity => 1.0,
            Self::Relu => 0.0,
            Self::LeakyRelu => 0.01,
        }
    }
}

/// Group normalisation over `[b, d, h, w, c]` in `groups` groups, affine, then an activation.
pub fn norm_act(
    x: Tensor<5>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    groups: usize,
    activation: Activation,
) -> Tensor<5> {
    Tensor::from_dispatch(<Dispatch as VolumeOps>::norm_act_last(
        x.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        groups,
        activation,
    ))
}

/// Entry points that Burn dispatches on the tensor's device.
#[backend_extension(Flex, Cube, Autodiff)]
pub(super) trait VolumeOps: Backend {
    fn conv3d_last(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self>;
    fn norm_act_last(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        groups: usize,
        activation: Activation,
    ) -> FloatTensor<Self>;
}

impl VolumeOps for Flex {
    fn conv3d_last(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::conv(x, weight)
    }
    fn norm_act_last(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        groups: usize,
        activation: Activation,
    ) -> FloatTensor<Self> {
        Self::norm(x, gamma, beta, groups, activation)
    }
}

impl VolumeOps for Cube {
    fn conv3d_last(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::conv(x, weight)
    }
    fn norm_act_last(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        groups: usize,
        activation: Activation,
    ) -> FloatTensor<Self> {
        Self::norm(x, gamma, beta, groups, activation)
    }
}

/// Forward and backward of the operations on a plain backend; the defaults use Burn's own operations.
pub(super) trait VolumeKernels: Backend {
    fn conv(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        let y = Self::conv3d(
            channels_first::<Self>(x),
            kernel_first::<Self>(weight),
            None,
            padded(),
        );
        channels_last::<Self>(y)
    }

    /// Gradients with respect to input and weight, each made only if wanted.
    fn conv_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        wanted: [bool; 2],
    ) -> [Option<FloatTensor<Self>>; 2] {
        let [ci, co] = [1, 2].map(|d| weight.shape()[d]);
        let x = channels_first::<Self>(x);
        let weight = kernel_first::<Self>(weight);
        let grad = channels_first::<Self>(grad);
        let grad_x = wanted[0].then(|| {
            let g = Self::conv3d_x_backward(x.clone(), weight.clone(), grad.clone(), padded());
            channels_last::<Self>(g)
        });
        let grad_weight = wanted[1].then(|| {
            let g = Self::conv3d_weight_backward(x, weight, grad, padded());
            let g = Self::float_permute(g, &[2, 3, 4, 1, 0]);
            Self::float_reshape(g, Shape::new([27, ci, co]))
        });
        [grad_x, grad_weight]
    }

    fn norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        groups: usize,
        activation: Activation,
    ) -> FloatTensor<Self> {
        let shape = x.shape();
        let (normal, _) = normalised::<Self>(x, groups);
        let c = shape[4];
        let z = affine::<Self>(Self::float_reshape(normal, shape), gamma, beta, c);
        activated::<Self>(z, activation)
    }

    /// Gradients with respect to input, gamma and beta.
    fn norm_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        groups: usize,
        activation: Activation,
    ) -> [FloatTensor<Self>; 3] {
        let shape = x.shape();
        let c = shape[4];
        let rows = shape.num_elements() / c;
        let (normal, inverse_std) = normalised::<Self>(x, groups);
        let normal = Self::float_reshape(normal, shape.clone());
        let z = affine::<Self>(normal.clone(), gamma.clone(), beta, c);
        let grad = match activation {
            Activation::Identity => grad,
            _ => {
                let slope = activated::<Self>(Self::float_sign(z), activation);
                Self::float_mul(grad, Self::float_abs(slope))
            }
        };
        let per_channel = |t: FloatTensor<Self>| {
            let t = Self::float_sum_dim(Self::float_reshape(t, Shape::new([rows, c])), 0);
            Self::float_reshape(t, Shape::new([c]))
        };
        let grad_beta = per_channel(grad.clone());
        let grad_gamma = per_channel(Self::float_mul(grad.clone(), normal.clone()));
        let weighted = Self::float_mul(grad, broadcast::<Self>(gamma, c));
        let grouped = |t| grouped::<Self>(t, groups);
        let (g, n) = (grouped(weighted), grouped(normal));
        let mean_g = group_mean::<Self>(g.clone());
        let mean_gn = group_mean::<Self>(Self::float_mul(g.clone(), n.clone()));
        let centred = Self::float_sub(Self::float_sub(g, mean_g), Self::float_mul(n, mean_gn));
        let grad_x = Self::float_reshape(Self::float_mul(centred, inverse_std), shape);
        [grad_x, grad_gamma, grad_beta]
    }
}

impl VolumeKernels for Cube {}

impl VolumeKernels for Flex {
    fn conv(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
        let shape = conv_shape(&x.shape(), &weight.shape());
        let y = conv3d_kernel::forward(values(&x), values(&weight), shape);
        let [d, h, w] = shape.dims;
        tensor(y, [shape.batch, d, h, w, shape.channels_out])
    }

    fn conv_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        wanted: [bool; 2],
    ) -> [Option<FloatTensor<Self>>; 2] {
        let (x, weight, grad) = (
            x.to_contiguous(),
            weight.to_contiguous(),
            grad.to_contiguous(),
        );
        let shape = conv_shape(&x.shape(), &weight.shape());
        let (ci, co) = (shape.channels_in, shape.channels_out);
        let [d, h, w] = shape.dims;
        let grad_x = wanted[0].then(|| {
            let g = conv3d_kernel::backward_input(values(&grad), values(&weight), shape);
            tensor(g, [shape.batch, d, h, w, ci])
        });
        let grad_weight = wanted[1].then(|| {
            let g = conv3d_kernel::backward_weight(values(&x), values(&grad), shape);
            tensor(g, [27, ci, co])
        });
        [grad_x, grad_weight]
    }

    fn norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        groups: usize,
        activation: Activation,
    ) -> FloatTensor<Self> {
        // A map that nobody else holds is written over.
        let mut x = contiguous(x);
        let shape = norm_shape(&x.shape(), groups, activation);
        norm_kernel::forward(x.storage_mut(), values(&gamma), values(&beta), shape);
        x
    }

    fn norm_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        groups: usize,
        activation: Activation,
    ) -> [FloatTensor<Self>; 3] {
        let (x, grad) = (x.to_contiguous(), grad.to_contiguous());
        let shape = norm_shape(&x.shape(), groups, activation);
        let (gx, gg, gb) = norm_kernel::backward(
            values(&x),
            values(&gamma),
            values(&beta),
            values(&grad),
            shape,
        );
        let c = shape.channels;
        [
            tensor(gx, x.shape().dims::<5>()),
            tensor(gg, [c]),
            tensor(gb, [c]),
        ]
    }
}

/// With its values after one another, the same where they are; nobody else holds them where nobody else held `t`.
pub(super) fn contiguous(t: FloatTensor<Flex>) -> FloatTensor<Flex> {
    let found = t.to_contiguous();
    drop(t);
    found
}

pub(super) fn values(t: &FloatTensor<Flex>) -> &[f32] {
    t.as_slice()
        .expect("the networks compute in f32, on contiguous tensors")
}

pub(super) fn tensor<const D: usize>(values: Vec<f32>, dims: [usize; D]) -> FloatTensor<Flex> {
    FloatTensor::<Flex>::from_data(burn::tensor::TensorData::new(values, dims))
}

fn conv_shape(x: &Shape, weight: &Shape) -> ConvShape {
    let [batch, d, h, w, channels_in] = x.dims();
    ConvShape {
        batch,
        dims: [d, h, w],
        channels_in,
        channels_out: weight[2],
        kernel: [3; 3],
        stride: [1; 3],
    }
}

fn norm_shape(x: &Shape, groups: usize, activation: Activation) -> NormShape {
    NormShape {
        batch: x[0],
        channels: x[4],
        groups,
        negative_slope: activation.negative_slope(),
    }
}

fn padded() -> ConvOptions<3> {
    ConvOptions::new([1; 3], [1; 3], [1; 3], 1)
}

pub(super) fn channels_first<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    B::float_permute(x, &[0, 4, 1, 2, 3])
}

pub(super) fn channels_last<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    B::float_permute(x, &[0, 2, 3, 4, 1])
}

/// `[27, in, out]` → Burn's `[out, in, 3, 3, 3]`.
fn kernel_first<B: Backend>(weight: FloatTensor<B>) -> FloatTensor<B> {
    let [ci, co] = [1, 2].map(|d| weight.shape()[d]);
    let weight = B::float_reshape(weight, Shape::new([3, 3, 3, ci, co]));
    B::float_permute(weight, &[4, 3, 0, 1, 2])
}

/// `[b, d, h, w, c]` → `[b, voxels, groups, c / groups]`.
fn grouped<B: Backend>(x: FloatTensor<B>, groups: usize) -> FloatTensor<B> {
    let [b, d, h, w, c] = x.shape().dims();
    B::float_reshape(x, Shape::new([b, d * h * w, groups, c / groups]))
}

/// Of each group over the voxels, in steps: see [`super::sums`].
fn group_mean<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let [b, voxels, groups, size] = x.shape().dims();
    let run = near_root(voxels);
    let runs = B::float_reshape(x, Shape::new([b, voxels / run, run, groups * size]));
    let means = B::float_mean_dim(B::float_mean_dim(runs, 2), 1);
    B::float_mean_dim(B::float_reshape(means, Shape::new([b, 1, groups, size])), 3)
}

/// The normalised values and 1/standard deviation, grouped.
fn normalised<B: Backend>(x: FloatTensor<B>, groups: usize) -> (FloatTensor<B>, FloatTensor<B>) {
    let x = grouped::<B>(x, groups);
    let centred = B::float_sub(x.clone(), group_mean::<B>(x));
    let variance = group_mean::<B>(B::float_mul(centred.clone(), centred.clone()));
    let inverse_std = B::float_recip(B::float_sqrt(B::float_add_scalar(variance, EPSILON.into())));
    (B::float_mul(centred, inverse_std.clone()), inverse_std)
}

pub(super) fn activated<B: Backend>(x: FloatTensor<B>, activation: Activation) -> FloatTensor<B> {
    match activation {
        Activation::Identity => x,
        Activation::Relu => B::relu(x),
        Activation::LeakyRelu => B::leaky_relu(x, activation.negative_slope().into()),
    }
}

fn broadcast<B: Backend>(channel: FloatTensor<B>, c: usize) -> FloatTensor<B> {
    B::float_reshape(channel, Shape::new([1, 1, 1, 1, c]))
}

fn affine<B: Backend>(
    x: FloatTensor<B>,
    gamma: FloatTensor<B>,
    beta: FloatTensor<B>,
    c: usize,
) -> FloatTensor<B> {
    B::float_add(
        B::float_mul(x, broadcast::<B>(gamma, c)),
        broadcast::<B>(beta, c),
    )
}
