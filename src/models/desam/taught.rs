//! A DeSAM as a base to teach upon: the decoder of one structure learns, the encoders stay frozen.

use crate::models::checkpoint::{CheckpointError, WeightMap};
use crate::models::taught::classes::{finds_alone, wanted};
use crate::models::taught::{Taught, TaughtStructure, Teachable};
use crate::models::{ModelCard, ModelError, StoredModel};

use super::{DeSamSettings, TITLE};

pub(super) const TEACHABLE: Teachable = Teachable {
    check: finds_alone,
    start,
    half,
};

/// The settings of a model of one structure.
///
/// # Errors
/// Settings that are not DeSAM's.
pub(crate) fn narrowed(base: &ModelCard) -> Result<DeSamSettings, ModelError> {
    let settings: DeSamSettings = base.settings(TITLE)?;
    Ok(DeSamSettings {
        organs: 1,
        ..settings
    })
}

fn half(card: &ModelCard, taught: &Taught, base: &ModelCard) -> Result<ModelCard, ModelError> {
    let config = toml::Table::try_from(narrowed(base)?);
    Ok(ModelCard {
        config: config.map_err(|e| CheckpointError::misfit(TITLE, e.to_string()))?,
        ..taught.half(card)
    })
}

/// The structure's own decoder, for a new one that of the base's first.
fn start(base: &StoredModel, structure: Option<&TaughtStructure>) -> Result<WeightMap, ModelError> {
    let structure = wanted(structure, &base.card)?;
    let known = base.card.structures.iter();
    let place = known.clone().position(|s| s.name == structure.name);
    let organ = place.filter(|_| structure.known_to_base).unwrap_or(0);
    let own = format!("organs.{organ}.");
    Ok(base.weights.clone().renamed(|name| match name {
        _ if name.starts_with("organs.") => {
            let rest = name.strip_prefix(&own)?;
            Some(format!("organs.0.{rest}"))
        }
        _ => Some(name.to_owned()),
    }))
}
