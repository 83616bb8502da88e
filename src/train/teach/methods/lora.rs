//! Low-rank increments of every convolution and projection (LoRA, Hu et al. 2021), with the normalisations and the layers
//! that answer.

use crate::models::taught::forms::LOW_RANK;

use super::{Method, factored};

const RANK: usize = 8;

pub(in crate::train::teach) const METHOD: Method = Method {
    name: "lora",
    rate: 2.0e-3,
    form: |role, shape| factored(role, shape, &LOW_RANK, RANK),
};
