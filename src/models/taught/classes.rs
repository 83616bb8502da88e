//! Bases whose network gives each voxel one of its card's structures, in their order, or the background: what they have in
//! common when a structure is taught.
//!
//! A structure that the base knows goes on from its output, and what the network says of the others is not asked. For a new
//! one all outputs but two go, and it begins as the base's first structure.

use serde::Serialize;

use crate::models::checkpoint::{CheckpointError, HostTensor, WeightMap};
use crate::models::{ModelCard, ModelError};

use super::{Taught, TaughtStructure};

/// Outputs of a network of one structure: the background's comes first.
pub(crate) const NARROW: usize = 2;

/// Refuses what such a model cannot learn, in words that go on from its name.
pub(crate) fn finds_alone(card: &ModelCard, structure: Option<&str>) -> Result<(), String> {
    if !card.automatic {
        return Err("finds nothing without a prompt: a model that does can be taught".to_owned());
    }
    match structure {
        Some(_) => Ok(()),
        None => {
            Err("takes no prompts: name the structure that it is to find (--structure)".to_owned())
        }
    }
}

/// The structure that is taught; such models learn nothing else.
///
/// # Errors
/// There is none.
pub(crate) fn wanted<'a>(
    structure: Option<&'a TaughtStructure>,
    base: &ModelCard,
) -> Result<&'a TaughtStructure, ModelError> {
    structure.ok_or_else(|| {
        ModelError::Unsupported(format!("'{}' takes no prompts, and learns none", base.id))
    })
}

/// The output of the taught network that stands for the structure.
pub(crate) fn output_of(base: &ModelCard, taught: &TaughtStructure) -> usize {
    let place = base.structures.iter().position(|s| s.name == taught.name);
    place.filter(|_| taught.known_to_base).unwrap_or(0) + 1
}

/// The card of the taught half, the settings of its network `narrowed` for a new structure; `title` names the system.
///
/// # Errors
/// What `narrowed` finds.
pub(crate) fn half_of_classes<S: Serialize>(
    (card, base): (&ModelCard, &ModelCard),
    taught: &Taught,
    title: &str,
    narrowed: impl FnOnce(&TaughtStructure) -> Result<S, ModelError>,
) -> Result<ModelCard, ModelError> {
    let half = taught.half(card);
    let structure = wanted(taught.structure.as_ref(), base)?;
    if structure.known_to_base {
        return Ok(ModelCard {
            structures: base.structures.clone(),
            ..half
        });
    }
    let config = toml::Table::try_from(narrowed(structure)?);
    Ok(ModelCard {
        config: config.map_err(|e| CheckpointError::misfit(title, e.to_string()))?,
        ..half
    })
}

/// Leaves so many rows of a tensor.
///
/// # Errors
/// A tensor that is not there or has fewer.
pub(crate) fn keep_rows(
    weights: &mut WeightMap,
    name: &str,
    rows: usize,
) -> Result<(), CheckpointError> {
    let HostTensor {
        mut shape,
        mut data,
    } = weights.read(name)?;
    let (&before, inner) = shape.split_first().unwrap_or((&0, &[]));
    if before < rows {
        return Err(CheckpointError::misfit(
            "the base model",
            format!("{name} has {before} rows instead of {rows} or more"),
        ));
    }
    data.truncate(rows * inner.iter().product::<usize>());
    shape[0] = rows;
    weights.insert(name, HostTensor::new(shape, data));
    Ok(())
}
