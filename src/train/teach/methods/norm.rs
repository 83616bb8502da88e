//! Scale and shift of every normalisation, and the layers that answer: the fewest parameters.

use super::{Method, is_head, is_norm, whole};

pub(super) const METHOD: Method = Method {
    name: "norm",
    rate: 4.0e-3,
    form: |name, _| {
        let learns = is_norm(name) || is_head(name);
        learns.then(whole).flatten()
    },
};
