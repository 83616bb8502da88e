//! An AutoProSAM as a base to teach upon.

use crate::models::taught::classes::{NARROW, finds_alone, half_of_classes};
use crate::models::taught::{Taught, TaughtStructure, Teachable};
use crate::models::threedsam::taught_start;
use crate::models::{ModelCard, ModelError};

use super::{AutoProSamSettings, TITLE};

pub(super) const TEACHABLE: Teachable = Teachable {
    check: finds_alone,
    start: taught_start,
    half,
};

/// The network in which a structure is taught, and how scans are brought before it.
///
/// # Errors
/// Settings that are not AutoProSAM's.
pub(crate) fn narrowed(
    base: &ModelCard,
    structure: &TaughtStructure,
) -> Result<AutoProSamSettings, ModelError> {
    let mut settings: AutoProSamSettings = base.settings(TITLE)?;
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
