//! What AutoSAM's training minimises: cross-entropy and soft Dice of the foreground classes.

use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Int, Tensor};

use crate::models::ops::{sum_all, sum_rows};

/// Added to numerator and denominator of the Dice term.
const SMOOTHING: f64 = 1.0;

/// Both terms.
#[derive(Debug, Clone)]
pub struct Loss {
    /// Averaged over all pixels, background included.
    pub cross_entropy: Tensor<1>,
    /// Averaged over the foreground classes whose term is above 0.
    pub dice: Tensor<1>,
}

impl Loss {
    /// Of `logits [b, k, h, w]` and labels 0..k `[b, h, w]`.
    pub fn of(logits: Tensor<4>, labels: Tensor<3, Int>) -> Self {
        let truth = one_hot(labels, logits.dims()[1]);
        Self {
            cross_entropy: cross_entropy(logits.clone(), truth.clone()),
            dice: soft_dice(softmax(logits, 1), truth),
        }
    }

    /// The sum.
    pub fn total(self) -> Tensor<1> {
        self.cross_entropy + self.dice
    }
}

/// 1 where a pixel has the class: `[b, k, h, w]`.
pub fn one_hot(labels: Tensor<3, Int>, classes: usize) -> Tensor<4> {
    let planes = (0..classes as i64).map(|class| labels.clone().equal_elem(class).float());
    Tensor::stack(planes.collect(), 1)
}

fn cross_entropy(logits: Tensor<4>, truth: Tensor<4>) -> Tensor<1> {
    let [batch, _, height, width] = logits.dims();
    -sum_all(log_softmax(logits, 1) * truth) / (batch * height * width) as f64
}

/// Soft Dice loss of the foreground over the whole batch. Terms that are not above 0, of classes neither there nor
/// predicted, do not count; where none counts the loss is 0 (the authors' would be NaN).
pub fn soft_dice(probability: Tensor<4>, truth: Tensor<4>) -> Tensor<1> {
    let classes = probability.dims()[1];
    let sums = |x: Tensor<4>| -> Tensor<1> {
        let by_class: Tensor<2> = x.swap_dims(0, 1).flatten(1, 3);
        sum_rows(by_class).narrow(0, 1, classes - 1)
    };
    let overlap = sums(probability.clone() * truth.clone());
    let sizes = sums(probability.clone() * probability) + sums(truth.clone() * truth);
    let terms = -(overlap * 2.0 + SMOOTHING) / (sizes + SMOOTHING) + 1.0;
    let counts = terms.clone().greater_elem(0.0).float();
    let number = counts.clone().sum().into_scalar::<f32>() as f64;
    (terms * counts.detach()).sum() / number.max(1.0)
}
