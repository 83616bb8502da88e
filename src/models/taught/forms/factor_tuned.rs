//! FacT (Jie and Deng 2023), as in MA-SAM: down to few dimensions and up again by matrices that weights of one width have in
//! common, and between them a small matrix of each weight's own.

use super::{Form, rows_and_columns};

pub(crate) const FACTOR_TUNED: Form = Form {
    name: "factor_tuned",
    factors: |shape, rank| {
        let [rows, columns] = rows_and_columns(shape);
        vec![[rows, rank], [rank, rank], [rank, columns]]
    },
    shared: &[0, 2],
    increment: |factors| {
        let down = factors[0].clone();
        down.matmul(factors[1].clone()).matmul(factors[2].clone())
    },
};
