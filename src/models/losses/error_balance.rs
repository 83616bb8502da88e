//! The Dice-like loss in AutoProSAM's `training/losses.py`, which its training does not use.

use burn::tensor::{Tensor, activation};

use crate::models::ops::sum_rows;

const SMOOTH: f64 = 1e-5;

/// 1 - TP / (TP + α FP + (1 - α) FN) of each class, `[classes]`: α is the share of false positives among the errors,
/// within 0.2..0.8, so that what happens more often costs more. Logits and targets are `[1, classes, d, h, w]`.
pub fn balanced_dice_per_class(logits: Tensor<5>, targets: Tensor<5>) -> Tensor<1> {
    let classes = logits.dims()[1];
    let probability = activation::softmax(logits, 1);
    let sum = |x: Tensor<5>| -> Tensor<1> {
        let voxels = x.dims()[2..].iter().product::<usize>();
        sum_rows(x.reshape([classes, voxels]))
    };
    let hit = sum(probability.clone() * targets.clone());
    let extra = sum(probability) - hit.clone();
    let missed = sum(targets) - hit.clone();
    let alpha = (extra.clone() / (extra.clone() + missed.clone() + SMOOTH)).clamp(0.2, 0.8);
    let beta = alpha.clone().neg() + 1.0;
    let whole = hit.clone() + alpha * extra + beta * missed;
    (hit / (whole + SMOOTH)).neg() + 1.0
}
