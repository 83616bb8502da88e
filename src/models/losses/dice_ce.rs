//! Dice and cross entropy over a whole volume, as MONAI's `DiceCELoss` computes them with `softmax`.

use burn::tensor::{Tensor, activation};

use crate::models::ops::{sum_all, sum_rows};

/// Added to numerator and denominator.
const SMOOTH: f64 = 1e-5;

/// Shares of the two losses, and what counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DiceCe {
    /// Whether class 0 counts for the Dice; for the cross entropy it always does.
    pub background: bool,
    /// Share of the Dice loss.
    pub dice: f64,
    /// Share of the cross entropy.
    pub cross_entropy: f64,
}

impl DiceCe {
    /// 3DSAM-adapter: half each, the Dice of the target alone.
    pub const TARGET: Self = Self {
        background: false,
        dice: 0.5,
        cross_entropy: 0.5,
    };
    /// AutoProSAM: half each, the Dice of all classes.
    pub const ALL_CLASSES: Self = Self {
        background: true,
        ..Self::TARGET
    };
}

/// The loss `[1]` of logits `[1, classes, d, h, w]` for the class of each voxel, `[1, 1, d, h, w]`.
pub fn dice_ce(logits: Tensor<5>, labels: Tensor<5>, shares: DiceCe) -> Tensor<1> {
    let classes = logits.dims()[1];
    let targets = one_hot(labels, classes);
    let first = usize::from(!shares.background);
    let dice = dice_per_class(logits.clone(), targets.clone())
        .narrow(0, first, classes - first)
        .mean();
    dice * shares.dice + cross_entropy(logits, targets) * shares.cross_entropy
}

/// 1 - soft Dice of each class over the volume, `[classes]`.
pub fn dice_per_class(logits: Tensor<5>, targets: Tensor<5>) -> Tensor<1> {
    let classes = logits.dims()[1];
    let probability = activation::softmax(logits, 1);
    let sum = |x: Tensor<5>| -> Tensor<1> {
        let voxels = x.dims()[2..].iter().product::<usize>();
        sum_rows(x.reshape([classes, voxels]))
    };
    let common = sum(probability.clone() * targets.clone());
    let whole = sum(probability) + sum(targets);
    (common * 2.0 + SMOOTH).div(whole + SMOOTH).neg() + 1.0
}

/// Mean over the voxels, `[1]`.
pub fn cross_entropy(logits: Tensor<5>, targets: Tensor<5>) -> Tensor<1> {
    let voxels: usize = logits.dims()[2..].iter().product();
    let chosen = activation::log_softmax(logits, 1) * targets;
    sum_all(chosen) * (-1.0 / voxels as f64)
}

/// 1 for the class of each voxel and 0 for the others, `[1, classes, d, h, w]`.
pub fn one_hot(labels: Tensor<5>, classes: usize) -> Tensor<5> {
    let of_class = (0..classes).map(|class| labels.clone().equal_elem(class as f32).float());
    Tensor::cat(of_class.collect(), 1)
}
