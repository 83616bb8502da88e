//! Models that a user taught: a base, and an adapter of a few MB that holds what was learnt upon it.

mod beside_base;
mod card;
mod course;
mod file;
pub(crate) mod forms;
mod increments;
mod install;

use super::prosector1::with_one_structure;
use super::{DeviceChoice, ModelError, Segmenter, StoredModel, system_named};

use beside_base::BesideBase;

pub use card::{Compared, Taught, TaughtBy, TaughtStructure, Verdict};
pub use course::{Course, FoldDone, TeacherAnswers};
pub(crate) use file::{read_adapter, write_adapter};
pub(crate) use increments::{factor_name, merged};
pub use install::{export_adapter, install_adapter};

/// The systems that can be taught.
pub(crate) const TEACHABLE: &str = "prosector1";

/// Opens a taught model upon its base.
///
/// # Errors
/// Another base than it was taught upon; whatever keeps one of the two from being opened.
pub(super) fn open(
    stored: StoredModel,
    taught: &Taught,
    base: StoredModel,
    device: DeviceChoice,
) -> Result<Box<dyn Segmenter>, ModelError> {
    check_base(&stored, taught, &base)?;
    let start = starting_weights(&base, taught.structure.as_ref())?;
    let half = StoredModel::new(taught.half(&stored.card), merged(&start, &stored.weights)?);
    let system =
        system_named(&base.card.system).ok_or_else(|| ModelError::Unknown(base.card.id.clone()))?;
    Ok(Box::new(BesideBase {
        half: (system.open)(half, device)?,
        base: (system.open)(base, device)?,
        structure: taught.structure.clone(),
        card: stored.card,
    }))
}

/// The weights of the base that increments are added to: narrowed to the structure that is taught.
///
/// # Errors
/// Weights that are not the base's network's.
pub(crate) fn starting_weights(
    base: &StoredModel,
    structure: Option<&TaughtStructure>,
) -> Result<super::checkpoint::WeightMap, ModelError> {
    let Some(taught) = structure else {
        return Ok(base.weights.clone());
    };
    let own = |s: &super::Structure| s.name == taught.name;
    let known = base.card.structures.iter().position(own);
    let target = taught.begins_as_target.then_some(0);
    let output = known
        .filter(|_| taught.known_to_base)
        .map(|c| 1 + c)
        .or(target);
    let count = base.card.structures.len();
    Ok(with_one_structure(&base.weights, count, output)?)
}

fn check_base(stored: &StoredModel, taught: &Taught, base: &StoredModel) -> Result<(), ModelError> {
    if base.card.system != TEACHABLE || base.card.taught.is_some() {
        return Err(ModelError::Unsupported(format!(
            "'{}' cannot be a base of what was taught: only the model in the box, or one trained like it, can",
            base.card.id
        )));
    }
    if base.card.sha256 == taught.base_sha256 {
        return Ok(());
    }
    Err(ModelError::Unsupported(format!(
        "'{}' was taught upon other weights of '{}' than those of this program (checksum {} there, {} here): teach it again here, or use the version that it was taught with",
        stored.card.id,
        taught.base,
        short(&taught.base_sha256),
        short(&base.card.sha256),
    )))
}

/// The beginning of a checksum, enough to tell two apart.
fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}
