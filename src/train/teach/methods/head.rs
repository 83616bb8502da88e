//! What stands before and after the frozen encoder and decoder: the generator of automatic prompts, or the encoder of the
//! user's, and the layers that answer (as in AutoSAM); of an nnU-Net the last stage of its decoder.

use super::{Method, whole};

pub(in crate::train::teach) const METHOD: Method = Method {
    name: "head",
    rate: 1.5e-3,
    form: |role, _| {
        let learns = role.answers || role.surrounds;
        learns.then(whole).flatten()
    },
};
