//! Our networks against recordings of the authors' code: `prosector parity`.
//!
//! A recording is a safetensors file with weights, inputs, activations and outputs, and the network's configuration
//! in its header; or a checkpoint file that the authors' code wrote. The file's name says its kind, everything else
//! comes from the file, so recordings of other sizes, seeds and class counts run as well.

mod autosam;
mod autosam_processing;
mod check;
mod desam;
mod desam_blocks;
mod desam_processing;
mod fixture;
mod masam;
mod masam_augmentation;
mod masam_pipeline;
mod masam_training;
mod nninteractive;
mod nnunet_arrays;
mod nnunet_arrays_resampling;
mod nnunet_nets;
mod parameters;
mod prosector1;
mod recorded;
mod sam;
mod sam_sizes;
mod sam_whole;
mod slice_nets;
mod slice_training;
mod volume_metrics;
mod volume_nets;
mod volume_runs;
mod volume_training;

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde::Serialize;

use crate::models::checkpoint::CheckpointError;
use crate::models::{DeviceChoice, ModelError, compute};
use crate::util::{Cancelled, JobContext};

pub use check::{Check, Limit, TensorRow};
pub use fixture::Fixture;

/// Why a recording could not be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParityError {
    /// The file, or its weights.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The network cannot be built or run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The header lacks something, or another file of the folder that this one needs is not there.
    #[error("{0}")]
    NotUnderstood(String),
    /// The job was asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Runs the network of a recording and compares each recorded tensor.
pub type Runner = fn(&Fixture, &Device, &mut Check) -> Result<(), ParityError>;

/// Start of a file name (without extension) and what runs it; where several fit, the longest counts.
pub type Kind = (&'static str, Runner);

/// The kinds of all systems.
fn kinds() -> impl Iterator<Item = &'static Kind> {
    const ALL: &[&[Kind]] = &[
        sam::KINDS,
        sam_whole::KINDS,
        masam::KINDS,
        masam_training::KINDS,
        desam::KINDS,
        desam_blocks::KINDS,
        desam_processing::KINDS,
        autosam::KINDS,
        autosam_processing::KINDS,
        slice_training::KINDS,
        masam_pipeline::KINDS,
        masam_augmentation::KINDS,
        nninteractive::KINDS,
        nnunet_arrays::KINDS,
        nnunet_arrays_resampling::KINDS,
        nnunet_nets::KINDS,
        prosector1::KINDS,
        volume_metrics::KINDS,
        volume_nets::KINDS,
        volume_runs::KINDS,
        volume_training::KINDS,
    ];
    ALL.iter().copied().flatten()
}

/// What became of one file.
#[derive(Debug, Clone, Serialize)]
pub struct FixtureReport {
    /// File name in the folder.
    pub file: String,
    /// The kind of recording; empty when it is not understood.
    pub kind: String,
    /// One row for each compared tensor.
    pub tensors: Vec<TensorRow>,
    /// Recorded activations, outputs and gradients of the file that rows compare. Files of PyTorch have none: what is
    /// expected of them is recorded in another file of the folder.
    pub compared: usize,
    /// How many there are.
    pub recorded: usize,
    /// Those that no row compares.
    pub not_compared: Vec<String>,
    /// Whether it was understood and every tensor is within its tolerance.
    pub pass: bool,
    /// Wall time.
    pub seconds: f64,
    /// Why it was not understood or could not be run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What became of a folder.
#[derive(Debug, Clone, Serialize)]
pub struct ParityReport {
    /// One for each recording, by name.
    pub fixtures: Vec<FixtureReport>,
    /// Files within tolerance.
    pub passed: usize,
    /// Files understood and not within tolerance, or not able to run.
    pub failed: usize,
    /// Files of no known kind.
    pub not_understood: usize,
    /// Recorded activations, outputs and gradients that were compared, of all files.
    pub compared: usize,
    /// How many there are.
    pub recorded: usize,
}

/// Compares every `.safetensors`, `.pth` and `.pth.tar` of a folder.
///
/// # Errors
/// A folder that cannot be read or holds no recording, a device that cannot be had. What goes wrong with one file is in
/// its report.
pub fn run_folder(
    folder: &Path,
    device: DeviceChoice,
    ctx: &JobContext,
) -> Result<ParityReport, ParityError> {
    let files = recordings(folder)?;
    let (description, device) = compute::open(device)?;
    let exact = description.kind == "cpu";
    let mut fixtures = Vec::with_capacity(files.len());
    for (done, path) in files.iter().enumerate() {
        ctx.step(done as f32 / files.len() as f32, &file_name(path))?;
        fixtures.push(run_file(path, &device, exact));
    }
    let understood = |f: &&FixtureReport| !f.kind.is_empty();
    let known = fixtures.iter().filter(understood).count();
    let passed = fixtures.iter().filter(|f| f.pass).count();
    Ok(ParityReport {
        passed,
        failed: known - passed,
        not_understood: fixtures.len() - known,
        compared: fixtures.iter().map(|f| f.compared).sum(),
        recorded: fixtures.iter().map(|f| f.recorded).sum(),
        fixtures,
    })
}

fn recordings(folder: &Path) -> Result<Vec<PathBuf>, ParityError> {
    let refuse = |reason: String| CheckpointError::file(folder, reason);
    let entries = std::fs::read_dir(folder).map_err(|e| refuse(e.to_string()))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = file_name(path);
            [".safetensors", ".pth", ".pth.tar"]
                .iter()
                .any(|ending| name.ends_with(ending))
        })
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(refuse("no .safetensors, .pth or .pth.tar in it".to_owned()).into());
    }
    Ok(files)
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn run_file(path: &Path, device: &Device, exact: bool) -> FixtureReport {
    let started = std::time::Instant::now();
    let file = file_name(path);
    let stem = file.split('.').next().unwrap_or_default();
    let kind = kinds()
        .filter(|(kind, _)| stem.starts_with(kind))
        .max_by_key(|(kind, _)| kind.len());
    let mut check = Check::new(exact);
    let opened = match kind {
        None => Err(ParityError::NotUnderstood(
            "no kind of recording has this name".to_owned(),
        )),
        Some((_, runner)) => Fixture::open(path).map(|fixture| (runner, fixture)),
    };
    let expected = opened.as_ref().map(|(_, f)| f.expectations());
    let expected = expected.unwrap_or_default();
    let outcome =
        opened.and_then(|(runner, fixture)| guarded(*runner, &fixture, device, &mut check));
    let tensors = check.into_rows();
    let recorded = expected.len();
    let not_compared: Vec<String> = expected
        .into_iter()
        .filter(|name| !tensors.iter().any(|row| row.compares(name)))
        .collect();
    FixtureReport {
        compared: recorded - not_compared.len(),
        recorded,
        not_compared,
        pass: outcome.is_ok() && !tensors.is_empty() && tensors.iter().all(|row| row.pass),
        kind: kind.map(|(kind, _)| (*kind).to_owned()).unwrap_or_default(),
        reason: outcome.err().map(|e| e.to_string()),
        file,
        tensors,
        seconds: started.elapsed().as_secs_f64(),
    }
}

/// Burn panics where shapes do not fit; for a recording that is a failure of this file, not of the command.
fn guarded(
    runner: Runner,
    fixture: &Fixture,
    device: &Device,
    check: &mut Check,
) -> Result<(), ParityError> {
    let run = std::panic::AssertUnwindSafe(|| runner(fixture, device, check));
    std::panic::catch_unwind(run).unwrap_or_else(|_| {
        Err(ParityError::NotUnderstood(
            "its tensors do not fit together".to_owned(),
        ))
    })
}
