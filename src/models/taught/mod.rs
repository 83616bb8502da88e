//! Models that a user taught: a base, and an adapter of a few MB that holds what was learnt upon it.

mod beside_base;
mod card;
pub(crate) mod classes;
mod course;
mod file;
pub(crate) mod forms;
mod increments;
mod install;
mod teachable;

use super::{DeviceChoice, ModelError, Segmenter, StoredModel, system_named};

use beside_base::BesideBase;

pub use card::{Compared, Taught, TaughtBy, TaughtStructure, Verdict};
pub use course::{Course, FoldDone, TeacherAnswers};
pub(crate) use file::{keep_adapter, read_adapter, write_adapter};
pub(crate) use increments::{factor_name, merged};
pub use install::{export_adapter, install_adapter};
pub(crate) use teachable::{Teachable, teachable};

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
    let Teachable { start, half, .. } = teachable(&base.card)?;
    check_weights(&stored, taught, &base)?;
    let start = start(&base, taught.structure.as_ref())?;
    let half = StoredModel::new(
        half(&stored.card, taught, &base.card)?,
        merged(&start, &stored.weights)?,
    );
    let system =
        system_named(&base.card.system).ok_or_else(|| ModelError::Unknown(base.card.id.clone()))?;
    Ok(Box::new(BesideBase {
        half: (system.open)(half, device)?,
        base: (system.open)(base, device)?,
        structure: taught.structure.clone(),
        card: stored.card,
    }))
}

fn check_weights(
    stored: &StoredModel,
    taught: &Taught,
    base: &StoredModel,
) -> Result<(), ModelError> {
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
