//! Adapters among the installed models: each taught again is a version of its own.

use std::path::Path;

use crate::models::checkpoint::Precision;
use crate::models::registry::is_boxed;
use crate::models::{
    DeviceChoice, ModelCard, ModelError, check_free, install_model, installed_tensors, open_stored,
};

use super::{read_adapter, write_adapter};

/// Most versions of one name that are kept.
const MOST_VERSIONS: usize = 999;

/// Installs an adapter file under its name, or, where that is taken, as the next version of it.
///
/// # Errors
/// A file that is no adapter, another base than its own, a folder that cannot be written.
pub fn install_adapter(path: &Path) -> Result<ModelCard, ModelError> {
    let (mut card, weights) = read_adapter(path)?;
    card.id = free_version(&card.id)?;
    install_model(card, &weights, Precision::Half, |stored| {
        open_stored(stored, DeviceChoice::Cpu)
    })
}

/// The name itself, or the first version of it that is free: `chiasm`, `chiasm-2`, `chiasm-3`.
fn free_version(id: &str) -> Result<String, ModelError> {
    let later = (2..=MOST_VERSIONS).map(|version| format!("{id}-{version}"));
    let mut names = std::iter::once(id.to_owned()).chain(later);
    match names.find(|name| check_free(name).is_ok()) {
        Some(free) => Ok(free),
        None => check_free(id).map(|()| id.to_owned()),
    }
}

/// Writes an installed taught model as an adapter file; gives its length in bytes.
///
/// # Errors
/// No such model, one that was not taught, a file that cannot be written.
pub fn export_adapter(id: &str, out: &Path) -> Result<usize, ModelError> {
    let not_taught = || {
        ModelError::Unsupported(format!(
            "'{id}' was not taught: only what was taught can be exported, as an adapter"
        ))
    };
    if is_boxed(id) {
        return Err(not_taught());
    }
    let (card, weights) = installed_tensors(id)?;
    if card.taught.is_none() {
        return Err(not_taught());
    }
    write_adapter(out, &card, &weights)
}
