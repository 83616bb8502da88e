//! What a run leaves on disk: enough to go on exactly, and the averaged weights to ship.

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::store::ModuleRecord;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::io::atomic::replace_file;
use crate::models::prosector1::{NetConfig, ProsectorNet};
use crate::models::registry::checksum;
use crate::models::weights::{load_net, save_net};

use super::TrainError;
use super::config::TrainConfig;

/// File name of the shipped weights.
const WEIGHTS: &str = "model.bpk";

/// The state of a run between two steps.
pub(super) struct RunState {
    /// The weights being trained.
    pub net: ProsectorNet,
    /// Their running average.
    pub average: ProsectorNet,
    /// The optimiser's moments.
    pub optimizer: ModuleOptimizer,
    /// Steps done.
    pub step: usize,
}

#[derive(Serialize, Deserialize)]
struct Progress {
    step: usize,
}

fn failed(path: &Path, reason: impl ToString) -> TrainError {
    TrainError::Checkpoint {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// Writes the state; a run killed at any moment finds either the old one or the new one whole.
pub(super) fn save(config: &TrainConfig, state: &RunState) -> Result<(), TrainError> {
    let folder = config.checkpoints.as_path();
    std::fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
    let step = folder.join(format!("step_{}", state.step));
    std::fs::create_dir_all(&step).map_err(|e| failed(&step, e))?;
    let record = |module: &ProsectorNet, name: &str| {
        let path = step.join(name);
        let saved = module.clone().into_record().save(&path);
        saved.map_err(|e| failed(&path, e))
    };
    record(&state.net, "net.bpk")?;
    record(&state.average, "average.bpk")?;
    let moments = step.join("optimizer.bpk");
    state
        .optimizer
        .save(&moments)
        .map_err(|e| failed(&moments, e))?;
    save_model(folder, config, state.average.clone())?;
    let progress = folder.join("progress.toml");
    let text = toml::to_string(&Progress { step: state.step }).map_err(|e| failed(&progress, e))?;
    write_text(&progress, &text)?;
    remove_others(folder, &step);
    Ok(())
}

/// Writes the averaged weights in the form that is shipped, with their card.
fn save_model(folder: &Path, config: &TrainConfig, net: ProsectorNet) -> Result<(), TrainError> {
    let weights = folder.join(WEIGHTS);
    save_net(&weights, net)?;
    let bytes = std::fs::read(&weights).map_err(|e| failed(&weights, e))?;
    let card_path = folder.join("model.toml");
    let card = config.model_card(WEIGHTS, checksum(&bytes));
    let text = toml::to_string(&card).map_err(|e| failed(&card_path, e))?;
    write_text(&card_path, &text)
}

fn write_text(path: &Path, text: &str) -> Result<(), TrainError> {
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
        let is_step = entry.file_name().to_string_lossy().starts_with("step_");
        if is_step && path != keep && std::fs::remove_dir_all(&path).is_err() {
            tracing::warn!("an old checkpoint could not be removed");
        }
    }
}

/// The step folder that the last complete checkpoint names.
fn last_step(folder: &Path) -> Result<(PathBuf, usize), TrainError> {
    let progress = folder.join("progress.toml");
    let text = std::fs::read_to_string(&progress).map_err(|e| failed(&progress, e))?;
    let found: Progress = toml::from_str(&text).map_err(|e| failed(&progress, e.message()))?;
    Ok((folder.join(format!("step_{}", found.step)), found.step))
}

/// Reads the last state back. `fresh` gives the structure to load into.
pub(super) fn load(folder: &Path, fresh: RunState) -> Result<RunState, TrainError> {
    let (step_folder, step) = last_step(folder)?;
    let module = |into: ProsectorNet, name: &str| {
        let path = step_folder.join(name);
        let record = ModuleRecord::load(&path).map_err(|e| failed(&path, e))?;
        into.try_load_record(record).map_err(|e| failed(&path, e))
    };
    let moments = step_folder.join("optimizer.bpk");
    let net = module(fresh.net, "net.bpk")?;
    let optimizer = fresh
        .optimizer
        .load(&moments)
        .map_err(|e| failed(&moments, e))?;
    Ok(RunState {
        net,
        average: module(fresh.average, "average.bpk")?,
        optimizer,
        step,
    })
}

/// Checks that the shipped form can be read back.
pub(super) fn verify(folder: &Path, net: &NetConfig, device: &Device) -> Result<(), TrainError> {
    load_net(&folder.join(WEIGHTS), net, device)?;
    Ok(())
}
