//! The names in AutoSAM's checkpoint files.

use crate::models::checkpoint::WeightMap;

/// A checkpoint's tensors under the full names of the network, `image_encoder.`, `mask_decoder.` and `pe_layer.`: the
/// authors save the decoder alone without its prefix, others the whole model or what `DataParallel` makes of it. The
/// optimizer's tensors are left out.
pub fn full_names(weights: WeightMap) -> WeightMap {
    let inner = if weights.names().any(|n| n.starts_with("state_dict.")) {
        weights.under("state_dict.")
    } else {
        weights
    };
    inner.renamed(|name| {
        let name = name.strip_prefix("module.").unwrap_or(name);
        let whole = ["image_encoder.", "mask_decoder.", "pe_layer."];
        if whole.iter().any(|prefix| name.starts_with(prefix)) {
            return Some(name.to_owned());
        }
        if name.starts_with("optimizer.") {
            return None;
        }
        Some(format!("mask_decoder.{name}"))
    })
}

/// Whether the authors train a parameter: neither the encoder, nor what has to do with the predicted IoU.
pub fn is_trained(name: &str) -> bool {
    !name.contains("image_encoder") && !name.contains("iou")
}
