//! What a system supplies so that its models can be taught, and be opened again as they were.

use crate::models::checkpoint::WeightMap;
use crate::models::{ModelCard, ModelError, StoredModel, system_named, systems};

use super::{Taught, TaughtStructure};

/// A system as a base to teach upon. How it learns stands in `train/teach/students/`.
pub(crate) struct Teachable {
    /// Why a model of it cannot learn to find a structure without a prompt, or (`None`) to answer prompts better; goes on
    /// from the model's name.
    pub check: fn(&ModelCard, structure: Option<&str>) -> Result<(), String>,
    /// The weights that increments are added to: narrowed to the structure that is taught. The last axis of each is the one
    /// that a layer gives.
    pub start: fn(&StoredModel, Option<&TaughtStructure>) -> Result<WeightMap, ModelError>,
    /// The card of the taught half alone, of the taught model's and the base's.
    pub half: fn(&ModelCard, &Taught, base: &ModelCard) -> Result<ModelCard, ModelError>,
}

/// What the system of a model supplies.
///
/// # Errors
/// A model that cannot be a base.
pub(crate) fn teachable(card: &ModelCard) -> Result<&'static Teachable, ModelError> {
    let id = &card.id;
    if let Some(taught) = &card.taught {
        return Err(ModelError::Unsupported(format!(
            "'{id}' was taught itself: teach its base '{}' again, from its cases and the new ones",
            taught.base
        )));
    }
    let system = system_named(&card.system);
    system.and_then(|s| s.teachable.as_ref()).ok_or_else(|| {
        let able = systems().iter().filter(|s| s.teachable.is_some());
        let titles: Vec<&str> = able.map(|s| s.title).collect();
        ModelError::Unsupported(format!(
            "'{id}' cannot be taught: models of {} can",
            titles.join(" and ")
        ))
    })
}
