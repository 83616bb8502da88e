//! Factors that weights share (FacT, as in MA-SAM), with the normalisations and the layers that answer.

use crate::models::taught::forms::FACTOR_TUNED;

use super::{Method, factored};

const RANK: usize = 16;

pub(in crate::train::teach) const METHOD: Method = Method {
    name: "fact",
    rate: 2.0e-3,
    form: |role, shape| factored(role, shape, &FACTOR_TUNED, RANK),
};
