//! A base to teach upon: the prompt-free variant finds structures, the other one answers clicks.

use crate::models::checkpoint::WeightMap;
use crate::models::taught::classes::{NARROW, finds_alone, half_of_classes, keep_rows};
use crate::models::taught::{Taught, TaughtStructure, Teachable};
use crate::models::{ModelCard, ModelError, StoredModel};

use super::{TITLE, ThreedsamSettings};

pub(super) const TEACHABLE: Teachable = Teachable { check, start, half };

/// Refuses what such a model cannot learn, in words that go on from its name.
fn check(card: &ModelCard, structure: Option<&str>) -> Result<(), String> {
    match (card.automatic, structure) {
        (false, None) => Ok(()),
        (false, Some(_)) => Err(
            "finds nothing without a prompt: leave out --structure, and it learns to answer clicks"
                .to_owned(),
        ),
        (true, _) => finds_alone(card, structure),
    }
}

/// The network in which a structure, or (`None`) what answers clicks, is taught, and how scans are brought before it.
///
/// # Errors
/// Settings that are not 3DSAM-adapter's.
pub(crate) fn narrowed(
    base: &ModelCard,
    structure: Option<&TaughtStructure>,
) -> Result<ThreedsamSettings, ModelError> {
    let mut settings: ThreedsamSettings = base.settings(TITLE)?;
    if structure.is_some_and(is_new) {
        settings.network.net.decoder.num_classes = NARROW;
    }
    Ok(settings)
}

fn is_new(structure: &TaughtStructure) -> bool {
    !structure.known_to_base
}

fn half(card: &ModelCard, taught: &Taught, base: &ModelCard) -> Result<ModelCard, ModelError> {
    if taught.structure.is_none() {
        return Ok(taught.half(card));
    }
    half_of_classes((card, base), taught, TITLE, |structure| {
        narrowed(base, Some(structure))
    })
}

/// For a new structure with the background's and the first structure's rows of the decoder's last layer, for answers to clicks
/// as they are; AutoProSAM has the same decoder.
///
/// # Errors
/// Weights that are not of these systems.
pub(in crate::models) fn start(
    base: &StoredModel,
    structure: Option<&TaughtStructure>,
) -> Result<WeightMap, ModelError> {
    let mut weights = base.weights.clone();
    if structure.is_some_and(is_new) {
        keep_rows(&mut weights, "decoder_dict.cls.3.weight", NARROW)?;
    }
    Ok(weights)
}
