//! Training the model in the box: from labelled scans and a recipe to weights.
//!
//! Every random choice of a step comes from the seed and the step's number alone, so a run that is resumed goes
//! on exactly as it would have.

mod augment;
mod automatic;
mod batch;
mod cache;
mod cases;
mod checkpoint;
mod clipping;
mod condense;
mod config;
mod ema;
mod epochs;
mod field;
mod learn;
mod losses;
pub mod masam;
pub mod parity;
mod prompted;
mod sample_stream;
mod slices;
mod source;
mod targets;
mod trainer;
mod user;
mod volumes;

use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::io::IoError;
use crate::models::{DeviceChoice, ModelError};
use crate::util::{Cancelled, JobContext};

pub use config::TrainConfig;
use source::Source;

/// Why training cannot start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The recipe cannot be read.
    #[error("training recipe {path}: {reason}")]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A scan or label map of the data cannot be read.
    #[error(transparent)]
    Data(#[from] IoError),
    /// A packed training cache cannot be used.
    #[error("training cache {path}: {reason}")]
    Cache {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// A checkpoint cannot be written or read.
    #[error("checkpoint {path}: {reason}")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The loss of an epoch, counted from 1, is no number any more.
    #[error(
        "training went astray in epoch {epoch}: the loss is no number; try a lower learning_rate"
    )]
    Diverged {
        /// The epoch.
        epoch: usize,
    },
    /// The device cannot be had.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Samples cannot be handed on.
    #[error("the samples cannot be written: {0}")]
    Stream(String),
    /// The run was asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// What was packed into a training cache.
#[derive(Debug, Clone, Copy)]
pub struct PackReport {
    /// Labelled scans.
    pub scans: usize,
    /// Label maps without scans.
    pub label_maps: usize,
    /// Length of the file.
    pub bytes: usize,
}

/// Trains by the recipe at `config`, on `device`; with `resume`, from the last checkpoint on. The data come from `cache`,
/// as [`pack`] wrote it, or from the recipe's folders; samples are the same from both.
///
/// Progress is reported through `ctx`. The checkpoint folder of the recipe ends up holding the weights
/// (`model.bpk`, f16, with its card `model.toml`) and what is needed to resume. Recipes with a `system` end in an
/// installed model instead.
///
/// # Errors
/// A bad recipe, unreadable data, a cache of other data, a checkpoint that cannot be written.
pub fn run(
    config: &Path,
    cache: Option<&Path>,
    device: DeviceChoice,
    resume: bool,
    ctx: &JobContext,
) -> Result<(), TrainError> {
    let table = table_of(config)?;
    if let Some(cache) = cache
        && table.contains_key("system")
    {
        return Err(TrainError::Cache {
            path: cache.to_owned(),
            reason: "only the model in the box trains from a cache".to_owned(),
        });
    }
    if slices::is_recipe(&table) {
        return slices::run(config, device, resume, ctx);
    }
    if volumes::is_recipe(&table) {
        return volumes::run(config, device, resume, ctx);
    }
    let recipe = config;
    let config = TrainConfig::load(recipe)?;
    let read = [Some(recipe), cache].into_iter().flatten();
    let read: Vec<&Path> = read.chain(config.files_read()).collect();
    checkpoint::check_keeps(&config.checkpoints, &read)?;
    let cases = cases::load(&config, &Source::open(&config, cache)?, ctx)?;
    trainer::train(&config, &cases, device, resume, ctx)
}

/// Packs all that the recipe at `config` trains on into one file at `out`, for [`run`] on a machine without the data;
/// validation patients are not in it.
///
/// # Errors
/// A recipe that is not for the model in the box, unreadable data, a file that cannot be written.
pub fn pack(config: &Path, out: &Path, ctx: &JobContext) -> Result<PackReport, TrainError> {
    let recipe = config;
    let config = TrainConfig::load(recipe)?;
    let folders = config.datasets.iter().map(|d| d.folder.as_path());
    let folders = folders.chain(config.label_maps.iter().map(|maps| maps.folder.as_path()));
    let read = config.files_read().chain(folders).chain([recipe]);
    crate::io::check_keeps(out, &read.collect::<Vec<_>>())?;
    cache::write(&config, out, ctx)
}

/// Writes the samples that the recipe at `config` draws for `steps` to `out`, in the form that `sample_stream` describes;
/// the data come from `cache` or the recipe's folders.
///
/// # Errors
/// A recipe that is not for the model in the box, unreadable data, a cache of other data, an output that takes no more.
pub fn write_samples(
    config: &Path,
    cache: Option<&Path>,
    steps: Range<usize>,
    out: &mut dyn Write,
    ctx: &JobContext,
) -> Result<(), TrainError> {
    let config = TrainConfig::load(config)?;
    let cases = cases::load(&config, &Source::open(&config, cache)?, ctx)?;
    sample_stream::write(&config, &cases, steps, out, ctx)
}

/// A recipe's text, to see which system it is for.
fn table_of(path: &Path) -> Result<toml::Table, TrainError> {
    let error = |reason: String| TrainError::Config {
        path: path.to_owned(),
        reason,
    };
    let text = std::fs::read_to_string(path).map_err(|e| error(e.to_string()))?;
    toml::from_str(&text).map_err(|e| error(e.message().to_owned()))
}
