//! What a run leaves on disk: enough to go on exactly.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::store::ModuleRecord;
use serde::{Deserialize, Serialize};

use crate::io;
use crate::io::atomic::replace_file;

use super::TrainError;

/// File name of the shipped weights.
pub(super) const WEIGHTS: &str = "model.bpk";
/// File name of their card.
pub(super) const CARD: &str = "model.toml";
/// File that names the last complete checkpoint.
const PROGRESS: &str = "progress.toml";

/// What the last complete checkpoint says of itself.
#[derive(Serialize, Deserialize)]
pub(super) struct Progress {
    /// Optimiser steps done.
    pub step: usize,
    /// The epochs so far.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub epochs: Vec<EpochRecord>,
}

/// What an epoch showed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct EpochRecord {
    /// Mean loss.
    pub mean: f64,
    /// Loss of the last batch.
    pub last: f64,
    /// The measure that chooses the best epoch, lower being better, where it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
}

pub(super) fn failed(path: &Path, reason: impl ToString) -> TrainError {
    TrainError::Checkpoint {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// Refuses a folder of checkpoints whose files would replace, or remove, one of those that the run reads.
///
/// # Errors
/// Such a file.
pub(super) fn check_keeps(folder: &Path, inputs: &[&Path]) -> Result<(), TrainError> {
    for name in [WEIGHTS, CARD, PROGRESS] {
        io::check_keeps(&folder.join(name), inputs)?;
    }
    let Ok(folder) = folder.canonicalize() else {
        return Ok(());
    };
    let is_in_step = |input: &&&Path| {
        let Ok(full) = input.canonicalize() else {
            return false;
        };
        let inside = full.strip_prefix(&folder).ok();
        let first = inside.and_then(|path| path.components().next());
        first.is_some_and(|name| is_step(name.as_os_str()))
    };
    match inputs.iter().find(is_in_step) {
        Some(input) => Err(failed(
            input,
            "it is read by this run, and lies in a checkpoint that the run will remove; copy it elsewhere first",
        )),
        None => Ok(()),
    }
}

/// Whether a name is that of the folder of one step.
fn is_step(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with("step_")
}

/// Replaces the state in `folder`: `write` puts files into a folder of this step's own, and only then is it named as the
/// last. A run killed at any moment finds either the old state or the new one whole.
pub(super) fn replace(
    folder: &Path,
    progress: &Progress,
    write: impl FnOnce(&Path) -> Result<(), TrainError>,
) -> Result<(), TrainError> {
    let step = folder.join(format!("step_{}", progress.step));
    std::fs::create_dir_all(&step).map_err(|e| failed(&step, e))?;
    write(&step)?;
    let path = folder.join(PROGRESS);
    let text = toml::to_string(progress).map_err(|e| failed(&path, e))?;
    write_text(&path, &text)?;
    remove_others(folder, &step);
    Ok(())
}

/// The last complete state in `folder`, and the folder of its files.
pub(super) fn last(folder: &Path) -> Result<(PathBuf, Progress), TrainError> {
    let path = folder.join(PROGRESS);
    let text = std::fs::read_to_string(&path).map_err(|e| match e.kind() {
        ErrorKind::NotFound => failed(&path, "there is none to go on from; start without --resume"),
        _ => failed(&path, e),
    })?;
    let found: Progress = toml::from_str(&text).map_err(|e| failed(&path, e.message()))?;
    Ok((folder.join(format!("step_{}", found.step)), found))
}

/// Writes a module's parameters.
pub(super) fn save_module<M: Module>(module: &M, path: &Path) -> Result<(), TrainError> {
    let saved = module.clone().into_record().save(path);
    saved.map_err(|e| failed(path, e))
}

/// Reads a module's parameters, and with them their ids, which the optimiser's moments are kept by.
pub(super) fn load_module<M: Module>(into: M, path: &Path) -> Result<M, TrainError> {
    let record = ModuleRecord::load(path).map_err(|e| failed(path, e))?;
    into.try_load_record(record).map_err(|e| failed(path, e))
}

/// Writes an optimiser's moments.
pub(super) fn save_optimizer(optimizer: &ModuleOptimizer, path: &Path) -> Result<(), TrainError> {
    optimizer.save(path).map_err(|e| failed(path, e))
}

/// Reads an optimiser's moments.
pub(super) fn load_optimizer(
    into: ModuleOptimizer,
    path: &Path,
) -> Result<ModuleOptimizer, TrainError> {
    into.load(path).map_err(|e| failed(path, e))
}

/// Writes a small file, complete or not at all.
pub(super) fn write_text(path: &Path, text: &str) -> Result<(), TrainError> {
    use std::io::Write as _;
    Ok(replace_file(
        path,
        |file| file.write_all(text.as_bytes()),
        |_| Ok(()),
    )?)
}

/// Removes the folders of earlier steps. One that stays behind does no harm.
fn remove_others(folder: &Path, keep: &Path) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let path = entry.path();
        let is_other = is_step(&entry.file_name()) && path != keep;
        if is_other && std::fs::remove_dir_all(&path).is_err() {
            tracing::warn!("an old checkpoint could not be removed");
        }
    }
}
