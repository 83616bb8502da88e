//! Factors that weights share (FacT, as in MA-SAM), with the normalisations and the layers that answer.

use crate::models::taught::forms::{FACTOR_TUNED, rows_and_columns};

use super::{Method, is_head, is_norm, whole};

const RANK: usize = 16;

pub(super) const METHOD: Method = Method {
    name: "fact",
    rate: 2.0e-3,
    form: |name, shape| {
        let [rows, columns] = rows_and_columns(shape);
        match name {
            name if is_norm(name) || is_head(name) => whole(),
            _ if shape.len() > 1 && rows.min(columns) > RANK => Some((&FACTOR_TUNED, RANK)),
            _ => None,
        }
    },
};
