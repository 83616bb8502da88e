//! Every weight by itself: what the others are measured against. Its adapter is as large as the model.

use super::{Method, whole};

pub(super) const METHOD: Method = Method {
    name: "full",
    rate: 3.0e-4,
    form: |_, _| whole(),
};
