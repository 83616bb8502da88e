//! Scale and shift of every normalisation, and the layers that answer: the fewest parameters.

use super::{Method, whole};

pub(in crate::train::teach) const METHOD: Method = Method {
    name: "norm",
    rate: 4.0e-3,
    form: |role, _| {
        let learns = role.normalises || role.answers;
        learns.then(whole).flatten()
    },
};
