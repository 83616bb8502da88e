//! Three ways to name MA-SAM's tensors.
//!
//! Ours are SAM's own names, and for what MA-SAM adds `image_encoder.FacTu.weight`,
//! `image_encoder.blocks.0.attn.qkv.q_FacTs.weight`, `image_encoder.blocks.0.adapter_norm.weight` and so on. The authors'
//! network in memory wraps every part (`ImageEncoderViT.`, `.Block.`, `.Attention.`, `qkv.qkv.`), and their checkpoints
//! list the small matrices by number: `q_FacTs_000`.

use crate::models::checkpoint::WeightMap;

/// Our name for one of the authors', of a checkpoint or of the network in memory.
pub fn ours(theirs: &str) -> String {
    let theirs = theirs.strip_prefix("sam.").unwrap_or(theirs);
    for letter in ["q", "v"] {
        let number = theirs.strip_prefix(&format!("{letter}_FacTs_"));
        if let Some(block) = number.and_then(|n| n.parse::<usize>().ok()) {
            return format!("image_encoder.blocks.{block}.attn.qkv.{letter}_FacTs.weight");
        }
    }
    theirs
        .replace("ImageEncoderViT.", "")
        .replace(".Block.", ".")
        .replace(".Attention.", ".")
        .replace(".qkv.qkv", ".qkv")
}

/// The tensors of a checkpoint under our names.
pub fn renamed(weights: WeightMap) -> WeightMap {
    weights.renamed(|name| Some(ours(name)))
}

/// Whether the authors train a tensor: what they add to the image encoder, the prompt encoder and the mask decoder.
pub fn is_trained(name: &str) -> bool {
    !name.starts_with("image_encoder.") || name.contains("FacT") || name.contains("adapter_")
}
