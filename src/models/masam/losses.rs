//! MA-SAM's loss: cross entropy and Dice over all classes (`trainer.py`, `utils.py`).

use burn::tensor::{Tensor, activation};

use crate::models::ops::sum_all;

/// Share of the cross entropy; the rest is Dice.
pub const CROSS_ENTROPY_SHARE: f64 = 0.2;
/// Label of pixels that do not count.
pub const IGNORED: f64 = -100.0;
const SMOOTH: f64 = 1e-5;

/// The loss and its parts, each `[1]`.
#[derive(Debug, Clone)]
pub struct MasamLoss {
    /// 0.2 cross entropy + 0.8 Dice.
    pub total: Tensor<1>,
    /// Mean over the pixels that count.
    pub cross_entropy: Tensor<1>,
    /// 1 - Dice with squared denominators over the whole batch, mean over classes, the background included.
    pub dice: Tensor<1>,
}

/// The loss of logits `[n, classes, h, w]` for labels `[n, h, w]`; -100 does not count.
pub fn masam_loss(logits: Tensor<4>, labels: Tensor<3>) -> MasamLoss {
    let [_, classes, _, _] = logits.dims();
    let labels: Tensor<4> = labels.unsqueeze_dim(1);
    let counts = labels.clone().not_equal_elem(IGNORED).float();
    let targets = (0..classes).map(|class| labels.clone().equal_elem(class as f64).float());
    let targets = Tensor::cat(targets.collect(), 1);

    let chosen = activation::log_softmax(logits.clone(), 1) * targets.clone();
    let cross_entropy = sum_all(chosen).neg() / sum_all(counts.clone());

    let probability = activation::softmax(logits, 1) * counts;
    let per_class = |x: Tensor<4>| x.sum_dim(0).sum_dim(2).sum_dim(3);
    let common = per_class(probability.clone() * targets.clone());
    let squares = per_class(probability.powi_scalar(2)) + per_class(targets);
    let score = common.mul_scalar(2.0).add_scalar(SMOOTH) / squares.add_scalar(SMOOTH);
    let dice = score.mean().neg().add_scalar(1.0);

    let total = cross_entropy.clone().mul_scalar(CROSS_ENTROPY_SHARE)
        + dice.clone().mul_scalar(1.0 - CROSS_ENTROPY_SHARE);
    MasamLoss {
        total,
        cross_entropy,
        dice,
    }
}
