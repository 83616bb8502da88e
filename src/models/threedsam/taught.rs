//! The prompt-free variant as a base to teach upon.

use crate::models::checkpoint::WeightMap;
use crate::models::taught::classes::{NARROW, finds_alone, half_of_classes, keep_rows, wanted};
use crate::models::taught::{Taught, TaughtStructure, Teachable};
use crate::models::{ModelCard, ModelError, StoredModel};

use super::{TITLE, ThreedsamSettings};

pub(super) const TEACHABLE: Teachable = Teachable {
    check: finds_alone,
    start,
    half,
};

/// The network in which a structure is taught, and how scans are brought before it.
///
/// # Errors
/// Settings that are not 3DSAM-adapter's.
pub(crate) fn narrowed(
    base: &ModelCard,
    structure: &TaughtStructure,
) -> Result<ThreedsamSettings, ModelError> {
    let mut settings: ThreedsamSettings = base.settings(TITLE)?;
    if !structure.known_to_base {
        settings.network.net.decoder.num_classes = NARROW;
    }
    Ok(settings)
}

fn half(card: &ModelCard, taught: &Taught, base: &ModelCard) -> Result<ModelCard, ModelError> {
    half_of_classes((card, base), taught, TITLE, |structure| {
        narrowed(base, structure)
    })
}

/// For a new structure with the background's and the first structure's rows of the decoder's last layer; AutoProSAM has the
/// same decoder.
///
/// # Errors
/// Nothing to find, weights that are not of these systems.
pub(in crate::models) fn start(
    base: &StoredModel,
    structure: Option<&TaughtStructure>,
) -> Result<WeightMap, ModelError> {
    let mut weights = base.weights.clone();
    if !wanted(structure, &base.card)?.known_to_base {
        keep_rows(&mut weights, "decoder_dict.cls.3.weight", NARROW)?;
    }
    Ok(weights)
}
