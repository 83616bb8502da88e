//! Normalisations that Burn lacks, or would compute with several copies.

use burn::tensor::{Shape, Tensor};

use super::sums::mean_last;
use super::{Activation, norm_act};

/// Normalises the channels of each pixel or voxel of `x` `[b, c, ..]` (biased variance), then scales and shifts
/// them by `weight [c]` and `bias [c]`.
pub fn channel_norm<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    eps: f64,
) -> Tensor<D> {
    let mut shape = [1; D];
    shape[1] = weight.dims()[0];
    let centred = x.clone() - x.mean_dim(1);
    let variance = centred.clone().powi_scalar(2).mean_dim(1);
    let unit = centred / (variance + eps).sqrt();
    unit * weight.reshape(shape) + bias.reshape(shape)
}

/// Normalises each channel of each item of `x` `[b, c, ..]` over its places (biased variance), without learned
/// scale: PyTorch's `InstanceNorm` as these systems use it, eps 1e-5.
pub fn instance_norm<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    const EPS: f64 = 1e-5;
    let shape: Shape = x.shape();
    let (batch, channels) = (shape[0], shape[1]);
    let flat: Tensor<3> = x.reshape([batch, channels, shape.num_elements() / (batch * channels)]);
    let centred = flat.clone() - mean_last(flat);
    let variance = mean_last(centred.clone().powi_scalar(2));
    (centred / (variance + EPS).sqrt()).reshape(shape)
}

/// As [`instance_norm`] for channels-last maps `[b, d, h, w, c]`, then an activation.
pub fn instance_norm_last(x: Tensor<5>, activation: Activation) -> Tensor<5> {
    let channels = x.dims()[4];
    let device = x.device();
    let (ones, zeros) = (
        Tensor::ones([channels], &device),
        Tensor::zeros([channels], &device),
    );
    norm_act(x, ones, zeros, channels, activation)
}
