//! The model in the box as a base to teach upon.

use crate::models::checkpoint::WeightMap;
use crate::models::taught::{Taught, TaughtStructure, Teachable};
use crate::models::{ModelCard, ModelError, StoredModel, Structure};

use super::one_structure::with_one_structure;

pub(super) const TEACHABLE: Teachable = Teachable {
    check: |_, _| Ok(()),
    start,
    half: |card: &ModelCard, taught: &Taught, _base| Ok(taught.half(card)),
};

/// Narrowed to the structure that is taught: it begins as the base's own output, where the base knows it, or as that of the
/// prompted target.
fn start(base: &StoredModel, structure: Option<&TaughtStructure>) -> Result<WeightMap, ModelError> {
    let Some(taught) = structure else {
        return Ok(base.weights.clone());
    };
    let own = |s: &Structure| s.name == taught.name;
    let known = base.card.structures.iter().position(own);
    let target = taught.begins_as_target.then_some(0);
    let output = known
        .filter(|_| taught.known_to_base)
        .map(|c| 1 + c)
        .or(target);
    let count = base.card.structures.len();
    Ok(with_one_structure(&base.weights, count, output)?)
}
