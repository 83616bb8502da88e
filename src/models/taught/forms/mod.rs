//! How what was learnt of a weight is kept: each form a few small factors, from which an increment of the whole weight is
//! made. Increments are added when a model is opened, so that a taught model is no slower than its base.

mod depthwise;
mod factor_tuned;
mod low_rank;
mod whole;

use burn::tensor::Tensor;

pub(crate) use depthwise::DEPTHWISE;
pub(crate) use factor_tuned::FACTOR_TUNED;
pub(crate) use low_rank::LOW_RANK;
pub(crate) use whole::WHOLE;

/// A form of increments. A weight is taken for a matrix of rows and columns, the last axis being the columns.
pub(crate) struct Form {
    /// As in the names of an adapter's tensors.
    pub name: &'static str,
    /// The shapes of the factors for a weight of a shape at a rank. The last one starts at zero, and with it the
    /// increment.
    pub factors: fn(shape: &[usize], rank: usize) -> Vec<[usize; 2]>,
    /// The places of the factors that all weights to which a factor of that shape fits have in common.
    pub shared: &'static [usize],
    /// `[rows, columns]` of the factors.
    pub increment: fn(factors: &[Tensor<2>]) -> Tensor<2>,
}

const FORMS: [&Form; 4] = [&WHOLE, &LOW_RANK, &DEPTHWISE, &FACTOR_TUNED];

/// The form of a name.
pub(super) fn form_named(name: &str) -> Option<&'static Form> {
    FORMS.into_iter().find(|form| form.name == name)
}

/// Rows and columns of a weight; a vector is one row.
pub(crate) fn rows_and_columns(shape: &[usize]) -> [usize; 2] {
    let columns = shape.last().copied().unwrap_or(1).max(1);
    [shape.iter().product::<usize>() / columns, columns]
}
