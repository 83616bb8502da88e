//! Whether weights are those that a card names.

use sha2::{Digest as _, Sha256};

use super::{ModelCard, ModelError};

/// SHA-256 in lower-case hex, as cards hold it.
pub(crate) fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

/// Refuses weights that are not the card's.
///
/// # Errors
/// Another checksum than the card's.
pub(super) fn verify(card: &ModelCard, weights: &[u8]) -> Result<(), ModelError> {
    let found = checksum(weights);
    if found == card.sha256 {
        return Ok(());
    }
    Err(ModelError::Weights {
        path: card.weights.clone().into(),
        reason: format!(
            "its checksum is {found}, the card says {}: the file is damaged or not the card's, install the model again",
            card.sha256
        ),
    })
}
