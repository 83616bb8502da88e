//! Every weight by itself: what the others are measured against. Its adapter is as large as the model.

use super::{Method, whole};

pub(super) const METHOD: Method = Method {
    name: "full",
    rate: 1.0e-3,
    form: |_, _| whole(),
};
