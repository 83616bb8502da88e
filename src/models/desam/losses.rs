//! What DeSAM's training minimises: MONAI's `DiceCELoss(sigmoid, squared_pred)` of the mask, and the IoU's error.

use burn::tensor::Tensor;
use burn::tensor::activation::{log_sigmoid, sigmoid};
use serde::{Deserialize, Serialize};

use crate::models::ops::sum_rows;

/// Added to numerator and denominator of the Dice term.
const SMOOTHING: f64 = 1e-5;

/// How the predicted IoU's error is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IouError {
    /// Mean absolute error.
    L1,
    /// Mean squared error.
    Mse,
}

/// The weights of the terms; Dice has 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossConfig {
    /// Of the cross-entropy.
    pub cross_entropy: f64,
    /// Of the predicted IoU's error; 0 where prompts are whole boxes.
    pub iou: f64,
    /// How that error is measured.
    pub iou_error: IouError,
}

impl LossConfig {
    /// What the released code computes with the MONAI it pins (1.1.0), whose cross-entropy of one channel is 0.
    pub const RELEASED: Self = Self {
        cross_entropy: 0.0,
        iou: 1.0,
        iou_error: IouError::L1,
    };
    /// What the paper says.
    pub const PAPER: Self = Self {
        cross_entropy: 1.0,
        iou: 10.0,
        iou_error: IouError::Mse,
    };
}

/// 1 − Dice of each item of `logits` and `truth` `[b, 1, h, w]`, averaged; squares in the denominator.
pub fn dice_loss(logits: Tensor<4>, truth: Tensor<4>) -> Tensor<1> {
    let batch = logits.dims()[0];
    let sums = |x: Tensor<4>| -> Tensor<1> { sum_rows(x.flatten(1, 3)) };
    let probability = sigmoid(logits);
    let overlap = sums(probability.clone() * truth.clone());
    let sizes = sums(probability.clone() * probability) + sums(truth.clone() * truth);
    let dice = (overlap * 2.0 + SMOOTHING) / (sizes + SMOOTHING);
    -dice.sum() / batch as f64 + 1.0
}

/// Binary cross-entropy averaged over all pixels: the cross-entropy term of MONAI after 1.1.
pub fn cross_entropy(logits: Tensor<4>, truth: Tensor<4>) -> Tensor<1> {
    let against = log_sigmoid(-logits.clone());
    // log σ(x) = x + log σ(−x)
    -(truth * logits + against).mean()
}

/// The mask's part: Dice and, where it has a weight, cross-entropy.
pub fn mask_loss(logits: Tensor<4>, truth: Tensor<4>, config: &LossConfig) -> Tensor<1> {
    let dice = dice_loss(logits.clone(), truth.clone());
    if config.cross_entropy == 0.0 {
        return dice;
    }
    dice + cross_entropy(logits, truth) * config.cross_entropy
}

/// The error of predicted IoUs `[b, 1]`, whose targets are 1 where the point lies in the organ and 0 elsewhere.
pub fn iou_loss(predicted: Tensor<2>, truth: Tensor<2>, error: IouError) -> Tensor<1> {
    let off = predicted - truth;
    match error {
        IouError::L1 => off.abs().mean(),
        IouError::Mse => (off.clone() * off).mean(),
    }
}
