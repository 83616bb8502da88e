//! What stands before and after the frozen encoder and decoder: the generator of automatic prompts, or the encoder of the
//! user's, and the layers that answer (as in AutoSAM).

use super::{Method, is_head, whole};

pub(super) const METHOD: Method = Method {
    name: "head",
    rate: 1.5e-3,
    form: |name, _| {
        let is_after = is_head(name)
            || name.starts_with("decoder.norm.")
            || name.starts_with("decoder.refinement.norm.");
        let is_before = ["generator.", "prompt_encoder."]
            .iter()
            .any(|part| name.starts_with(part));
        (is_after || is_before).then(whole).flatten()
    },
};
