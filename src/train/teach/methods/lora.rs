//! Low-rank increments of every convolution and projection (LoRA, Hu et al. 2021), with the normalisations and the layers
//! that answer.

use crate::models::taught::forms::{LOW_RANK, rows_and_columns};

use super::{Method, whole};

const RANK: usize = 8;

pub(in crate::train::teach) const METHOD: Method = Method {
    name: "lora",
    rate: 2.0e-3,
    form: |role, shape| {
        let [rows, columns] = rows_and_columns(shape);
        match role {
            role if role.normalises || role.answers => whole(),
            _ if shape.len() > 1 && rows.min(columns) > RANK => Some((&LOW_RANK, RANK)),
            _ => None,
        }
    },
};
