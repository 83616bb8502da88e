//! LoRA (Hu et al. 2021): the product of two thin matrices.

use super::{Form, rows_and_columns};

pub(crate) const LOW_RANK: Form = Form {
    name: "low_rank",
    factors: |shape, rank| {
        let [rows, columns] = rows_and_columns(shape);
        vec![[rows, rank], [rank, columns]]
    },
    shared: &[],
    increment: |factors| factors[0].clone().matmul(factors[1].clone()),
};
