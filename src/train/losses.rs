//! What training minimises: binary cross-entropy plus soft Dice.

use burn::tensor::activation::{log_sigmoid, sigmoid};
use burn::tensor::{Device, Tensor, TensorData};
use serde::Deserialize;

use crate::models::prosector1::region::SIDE;

/// A value per region voxel as `[1, d, h, w, channels]`.
pub(super) fn region_tensor(values: Vec<f32>, channels: usize, device: &Device) -> Tensor<5> {
    Tensor::from_data(
        TensorData::new(values, [1, SIDE, SIDE, SIDE, channels]),
        device,
    )
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

/// Cross-entropy, averaged over the voxels inside the scan, plus 1 − Dice where the target occurs.
///
/// `logits`, `truth` and `inside` are `[1, d, h, w, 1]`; truth is how much of each voxel the target covers.
pub(super) fn mask_loss(
    logits: Tensor<5>,
    truth: Vec<f32>,
    inside: &Tensor<5>,
    cross_entropy: CrossEntropy,
) -> Tensor<1> {
    let occurs = truth.iter().any(|&t| t > 0.5);
    let truth = region_tensor(truth, 1, &logits.device()) * inside.clone();
    let count = inside.clone().sum().clamp_min(1.0);
    let likelihood = truth.clone() * log_sigmoid(logits.clone()) * cross_entropy.target_weight
        + (inside.clone() - truth.clone()) * log_sigmoid(-logits.clone());
    let cross_entropy = -likelihood.sum() / count * cross_entropy.weight;
    if !occurs {
        return cross_entropy;
    }
    let probability = sigmoid(logits) * inside.clone();
    let overlap = (probability.clone() * truth.clone()).sum();
    let dice = (overlap * 2.0 + 1.0) / (probability.sum() + truth.sum() + 1.0);
    cross_entropy - dice + 1.0
}
