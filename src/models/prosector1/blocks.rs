//! The pieces that all parts of the network are made of; tensors are `[b, d, h, w, channels]`.

use burn::module::{Initializer, Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, TensorData};

use crate::models::ops::{Activation, conv3d, depth_to_space, norm_act, space_to_depth};

/// Channels that share one mean and variance.
const GROUP_SIZE: usize = 8;

/// 3×3×3 convolution without bias, weight `[27, in, out]`.
#[derive(Module, Debug)]
pub struct Conv3x3 {
    weight: Param<Tensor<3>>,
}

impl Conv3x3 {
    /// Random weights with the variance that keeps a rectified signal's size (He et al. 2015).
    pub fn new(channels_in: usize, channels_out: usize, device: &Device) -> Self {
        let std = (2.0 / (27 * channels_in) as f64).sqrt();
        Self {
            weight: Initializer::Normal { mean: 0.0, std }
                .init([27, channels_in, channels_out], device),
        }
    }

    /// `[.., in]` → `[.., out]`, same size.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        conv3d(x, self.weight.val())
    }
}

/// Group normalisation with learned scale and shift, then leaky ReLU.
#[derive(Module, Debug)]
pub struct NormAct {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
    groups: usize,
}

impl NormAct {
    /// Groups of eight channels.
    pub fn new(channels: usize, device: &Device) -> Self {
        Self {
            gamma: Initializer::Ones.init([channels], device),
            beta: Initializer::Zeros.init([channels], device),
            groups: (channels / GROUP_SIZE).max(1),
        }
    }

    /// Each channel by itself.
    pub fn per_channel(channels: usize, device: &Device) -> Self {
        Self {
            groups: channels,
            ..Self::new(channels, device)
        }
    }

    /// Same shape.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let (gamma, beta) = (self.gamma.val(), self.beta.val());
        norm_act(x, gamma, beta, self.groups, Activation::LeakyRelu)
    }
}

/// Twice: convolution, normalisation, leaky ReLU.
#[derive(Module, Debug)]
pub struct DoubleConv {
    conv_in: Conv3x3,
    norm_in: NormAct,
    conv_out: Conv3x3,
    norm_out: NormAct,
}

impl DoubleConv {
    /// `in` channels to `out` channels, normalised by `norms` of `out` channels.
    pub fn new(
        channels_in: usize,
        channels_out: usize,
        [norm_in, norm_out]: [NormAct; 2],
        device: &Device,
    ) -> Self {
        Self {
            conv_in: Conv3x3::new(channels_in, channels_out, device),
            norm_in,
            conv_out: Conv3x3::new(channels_out, channels_out, device),
            norm_out,
        }
    }

    /// `[.., in]` → `[.., out]`, same size.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let x = self.norm_in.forward(self.conv_in.forward(x));
        self.norm_out.forward(self.conv_out.forward(x))
    }
}

/// 1×1×1 convolution with bias: a matrix product over the channels.
#[derive(Module, Debug)]
pub struct Pointwise {
    linear: Linear,
}

impl Pointwise {
    /// Burn's default initialisation of a linear layer.
    pub fn new(channels_in: usize, channels_out: usize, device: &Device) -> Self {
        Self {
            linear: LinearConfig::new(channels_in, channels_out).init(device),
        }
    }

    /// All weights and biases zero.
    pub fn zeros(channels_in: usize, channels_out: usize, device: &Device) -> Self {
        Self {
            linear: LinearConfig::new(channels_in, channels_out)
                .with_initializer(Initializer::Zeros)
                .init(device),
        }
    }

    /// One output channel that starts as this weighted sum of the inputs.
    pub fn of_weights(weights: &[f32], device: &Device) -> Self {
        let mut start = Self::zeros(weights.len(), 1, device);
        let column = TensorData::new(weights.to_vec(), [weights.len(), 1]);
        start.linear.weight = start.linear.weight.map(|zeros| {
            let weights = Tensor::from_data(column, &zeros.device());
            if zeros.is_require_grad() {
                weights.require_grad()
            } else {
                weights
            }
        });
        start
    }

    /// `[.., in]` → `[.., out]`, same size.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let [b, d, h, w, c] = x.dims();
        let rows: Tensor<2> = x.reshape([b * d * h * w, c]);
        let y = self.linear.forward(rows);
        let out = y.dims()[1];
        y.reshape([b, d, h, w, out])
    }
}

/// Pre-activation residual block: `x + conv(act(norm(conv(act(norm(x))))))` (He et al. 2016).
#[derive(Module, Debug)]
pub struct ResidualBlock {
    norm_in: NormAct,
    conv_in: Conv3x3,
    norm_out: NormAct,
    conv_out: Conv3x3,
}

impl ResidualBlock {
    /// A block that keeps its number of channels.
    pub fn new(channels: usize, device: &Device) -> Self {
        Self {
            norm_in: NormAct::new(channels, device),
            conv_in: Conv3x3::new(channels, channels, device),
            norm_out: NormAct::new(channels, device),
            conv_out: Conv3x3::new(channels, channels, device),
        }
    }

    /// Same shape.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let y = self.conv_in.forward(self.norm_in.forward(x.clone()));
        x + self.conv_out.forward(self.norm_out.forward(y))
    }
}

/// Halves the resolution: 2×2×2 neighbourhoods become channels, then a pointwise mix.
#[derive(Module, Debug)]
pub struct Down {
    mix: Pointwise,
}

impl Down {
    /// `in` channels to `out` channels at half the resolution.
    pub fn new(channels_in: usize, channels_out: usize, device: &Device) -> Self {
        Self {
            mix: Pointwise::new(8 * channels_in, channels_out, device),
        }
    }

    /// `[b, d, h, w, in]` → `[b, d/2, h/2, w/2, out]`.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        self.mix.forward(space_to_depth(x))
    }
}

/// Doubles the resolution: a pointwise mix to eight times the channels, spread over 2×2×2 voxels. The same
/// map as a transposed convolution with kernel and stride 2, as one matrix product.
#[derive(Module, Debug)]
pub struct Up {
    mix: Pointwise,
}

impl Up {
    /// `in` channels to `out` channels at twice the resolution.
    pub fn new(channels_in: usize, channels_out: usize, device: &Device) -> Self {
        Self {
            mix: Pointwise::new(channels_in, 8 * channels_out, device),
        }
    }

    /// `[b, d, h, w, in]` → `[b, 2d, 2h, 2w, out]`.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        depth_to_space(self.mix.forward(x))
    }
}

/// Runs a chain of blocks.
pub fn run(blocks: &[ResidualBlock], x: Tensor<5>) -> Tensor<5> {
    blocks.iter().fold(x, |x, block| block.forward(x))
}
