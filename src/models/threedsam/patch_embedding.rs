//! From a crop to tokens.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::models::checkpoint::{Init, Scope};
use crate::models::layers::{Conv2d, Window};
use crate::models::trace::Trace;
use burn::module::Param;

use super::config::EncoderConfig;

/// SAM's patch embedding of each slice, and a learned weighting of the slices of a token.
#[derive(Module, Debug)]
pub(super) struct PatchEmbedding {
    patch: Conv2d,
    slice_weight: Param<Tensor<5>>,
    slice_bias: Param<Tensor<1>>,
    #[module(skip)]
    side: usize,
}

impl PatchEmbedding {
    pub(super) fn load(scope: &Scope<'_>, config: &EncoderConfig) -> Self {
        let (width, side, slices) = (config.embed_dim, config.patch_size, config.num_slice);
        let slice = scope.child("slice_embed");
        let init = Init::Uniform(1.0 / (slices as f32).sqrt());
        Self {
            patch: Conv2d::load(
                &scope.child("patch_embed").child("proj"),
                [width, 3, side, side],
                true,
                Window::patches(side),
            ),
            slice_weight: slice.param("weight", [width, 1, 1, 1, slices], init),
            slice_bias: slice.param("bias", [width], init),
            side,
        }
    }

    /// Weights of the slices, `[c, slices]`.
    fn slices(&self) -> Tensor<2> {
        let [width, .., slices] = self.slice_weight.dims();
        self.slice_weight.val().reshape([width, slices])
    }

    /// The authors' two steps on slices `[d slices, 3, h side, w side]`: tokens `[1, h, w, d, c]`.
    pub(super) fn of_slices(&self, slices: Tensor<4>, trace: &Trace<'_>) -> Tensor<5> {
        let patches = self.patch.forward(slices).permute([0, 2, 3, 1]);
        trace.keep("patch_embed", &patches);
        let [count, h, w, width] = patches.dims();
        let weight = self.slices();
        let run = weight.dims()[1];
        let runs: Tensor<4> = patches.reshape([count / run, run, h * w, width]);
        let weight: Tensor<4> = weight.transpose().reshape([1, run, 1, width]);
        let summed: Tensor<3> = (runs * weight).sum_dim(1).squeeze_dim(1);
        let tokens = summed + self.slice_bias.val().reshape([1, 1, width]);
        let tokens: Tensor<4> = tokens.reshape([count / run, h, w, width]);
        let tokens: Tensor<5> = tokens.permute([1, 2, 0, 3]).unsqueeze_dim(0);
        trace.keep("slice_embed", &tokens.clone().permute([0, 4, 1, 2, 3]));
        tokens
    }

    /// Tokens `[1, h, w, d, c]` of a crop `[1, 1, d, h, w]`, `voxels` of it a side to each token.
    ///
    /// Enlarging the crop, repeating it to three channels and both convolutions are linear: together they are one
    /// convolution of the crop itself, with a kernel one voxel larger on each side than the token.
    pub(super) fn of_crop(&self, crop: Tensor<5>, voxels: usize) -> Tensor<5> {
        let device = crop.device();
        let [_, _, d, h, w] = crop.dims();
        let kernel = voxels + 2;
        let weight = self.crop_kernel(voxels, &device);
        let width = weight.dims()[0];
        let tokens = [d, h, w].map(|length| length / voxels);
        let mut cut: Tensor<3> = crop.reshape([d, h, w]);
        for (axis, (&length, &count)) in [d, h, w].iter().zip(&tokens).enumerate() {
            cut = cut.select(axis, token_voxels(count, voxels, length, &device));
        }
        let [td, th, tw] = tokens;
        let columns: Tensor<2> = cut
            .reshape([td, kernel, th, kernel, tw, kernel])
            .permute([2, 4, 0, 1, 3, 5])
            .reshape([th * tw * td, kernel.pow(3)]);
        let patch_bias = self
            .patch
            .bias()
            .unwrap_or_else(|| Tensor::zeros([width], &device));
        let slice_sum: Tensor<1> = self.slices().sum_dim(1).reshape([width]);
        let bias: Tensor<2> = (self.slice_bias.val() + patch_bias * slice_sum).unsqueeze();
        (columns.matmul(weight.transpose()) + bias).reshape([1, th, tw, td, width])
    }

    /// The kernel on the crop's voxels, `[c, (voxels + 2)³]` in (d, h, w) order.
    fn crop_kernel(&self, voxels: usize, device: &Device) -> Tensor<2> {
        let kernel = voxels + 2;
        let weight = self.patch.weight();
        let width = weight.dims()[0];
        let grey: Tensor<3> = weight.sum_dim(1).squeeze_dim(1);
        let within = enlargement(self.side, voxels, device);
        let grey = grey.matmul(within.clone().unsqueeze_dim(0));
        let grey = within.transpose().unsqueeze_dim(0).matmul(grey);
        let slices = self.slices();
        let along = slices
            .clone()
            .matmul(enlargement(slices.dims()[1], voxels, device));
        let along: Tensor<3> = along.reshape([width, kernel, 1]);
        let grey: Tensor<3> = grey.reshape([width, 1, kernel * kernel]);
        (along * grey).reshape([width, kernel.pow(3)])
    }
}

/// Voxels of each token with one more on each side, the border voxel repeated beyond the border.
fn token_voxels(tokens: usize, voxels: usize, length: usize, device: &Device) -> Tensor<1, Int> {
    let places: Vec<i64> = (0..tokens)
        .flat_map(|token| (0..voxels + 2).map(move |at| (token * voxels + at) as i64 - 1))
        .map(|place| place.clamp(0, length as i64 - 1))
        .collect();
    let count = places.len();
    Tensor::from_data(TensorData::new(places, [count]), device)
}

/// How `voxels` and their two neighbours make up `samples` linearly interpolated ones: `[samples, voxels + 2]`.
fn enlargement(samples: usize, voxels: usize, device: &Device) -> Tensor<2> {
    let kernel = voxels + 2;
    let step = voxels as f32 / samples as f32;
    let mut shares = vec![0.0f32; samples * kernel];
    for sample in 0..samples {
        // The first of the kernel's voxels lies before the token.
        let place = (sample as f32 + 0.5) * step + 0.5;
        let below = place as usize;
        let share = place - below as f32;
        shares[sample * kernel + below] += 1.0 - share;
        shares[sample * kernel + (below + 1).min(kernel - 1)] += share;
    }
    Tensor::from_data(TensorData::new(shares, [samples, kernel]), device)
}
