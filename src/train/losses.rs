//! What training minimises: binary cross-entropy plus soft Dice.

use burn::tensor::activation::{log_sigmoid, sigmoid};
use burn::tensor::{Device, Tensor, TensorData};
use serde::Deserialize;

use crate::models::ops::sum_voxels;
use crate::models::prosector1::IMAGE_CHANNELS;
use crate::models::prosector1::RegionImage;
use crate::models::prosector1::region::SIDE;

/// Values per voxel of equally many channels in each region, as `[regions, d, h, w, channels]`.
pub(super) fn region_tensor<'a>(
    regions: impl IntoIterator<Item = &'a [f32]>,
    device: &Device,
) -> Tensor<5> {
    let regions: Vec<&[f32]> = regions.into_iter().collect();
    let channels = regions.first().map_or(1, |r| r.len() / SIDE.pow(3));
    let dims = [regions.len(), SIDE, SIDE, SIDE, channels];
    Tensor::from_data(TensorData::new(regions.concat(), dims), device)
}

/// What the network sees of regions, `[regions, d, h, w, IMAGE_CHANNELS]`, and which voxels lie inside the scan,
/// `[regions, d, h, w, 1]`.
pub(super) fn image_tensors<'a>(
    images: impl Iterator<Item = &'a RegionImage>,
    device: &Device,
) -> (Tensor<5>, Tensor<5>) {
    let image = region_tensor(images.map(|image| image.channels.as_slice()), device);
    let inside = image.clone().narrow(4, IMAGE_CHANNELS - 1, 1);
    (image, inside)
}

/// How the cross-entropy of a mask is weighed.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossEntropy {
    /// Weight of the voxels of the target relative to the others.
    pub target_weight: f64,
    /// Weight of the whole term; Dice has 1.
    pub weight: f64,
}

/// Of each mask, `[regions, channels]`: cross-entropy, averaged over the voxels inside the scan, plus 1 − Dice where
/// the target occurs.
///
/// `logits` and `truth`, how much of each voxel the target covers, are `[regions, d, h, w, channels]`, `inside`
/// `[regions, d, h, w, 1]`.
pub(super) fn mask_losses(
    logits: Tensor<5>,
    truth: Tensor<5>,
    inside: Tensor<5>,
    cross_entropy: CrossEntropy,
) -> Tensor<2> {
    let truth = truth * inside.clone();
    let occurs = sum_voxels(truth.clone().greater_elem(0.5).float()).clamp_max(1.0);
    let count = sum_voxels(inside.clone()).clamp_min(1.0);
    let likelihood = truth.clone() * log_sigmoid(logits.clone()) * cross_entropy.target_weight
        + (inside.clone() - truth.clone()) * log_sigmoid(-logits.clone());
    let cross_entropy = -sum_voxels(likelihood) / count * cross_entropy.weight;
    let probability = sigmoid(logits) * inside;
    let overlap = sum_voxels(probability.clone() * truth.clone());
    let dice = (overlap * 2.0 + 1.0) / (sum_voxels(probability) + sum_voxels(truth) + 1.0);
    cross_entropy + (-dice + 1.0) * occurs
}
