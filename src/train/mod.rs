//! Training: from labelled scans and a recipe to weights.

mod answered;
mod augment;
mod automatic;
mod batch;
mod cache;
mod cases;
mod checkpoint;
mod clipping;
mod condense;
mod config;
mod driver;
mod ema;
mod field;
mod giving_way;
mod learn;
mod losses;
pub mod parity;
mod prompted;
mod prosector1;
mod published;
mod sample_stream;
mod slices;
mod source;
mod targets;
pub mod teach;
mod user;
mod volumes;

use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

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
    /// An epoch without a step.
    #[error(
        "the training cases hold nothing to learn from: check the label values that the recipe names against those of the label maps"
    )]
    NothingToLearn,
    /// The device cannot be had.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The cases cannot be taught from.
    #[error("{0}")]
    Teach(String),
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

/// What is to be trained.
#[derive(Clone)]
pub struct TrainRequest {
    /// The recipe.
    pub recipe: PathBuf,
    /// Training data as [`pack`] wrote them; the recipe's folders where there is none. Samples are the same from both.
    pub cache: Option<PathBuf>,
    /// Where it computes.
    pub device: DeviceChoice,
    /// Whether to go on from the last checkpoint.
    pub resume: bool,
}

/// How the models of a system are trained.
struct Trainer {
    system: &'static str,
    train: fn(&TrainRequest, &JobContext) -> Result<(), TrainError>,
    /// Whether it reads packed caches.
    caches: bool,
}

/// The model in the box's, for recipes that name no system, then the others'.
const TRAINERS: &[Trainer] = &[
    Trainer {
        system: "prosector1",
        train: prosector1::train,
        caches: true,
    },
    Trainer::of("3dsam", volumes::train),
    Trainer::of("autoprosam", volumes::train),
    Trainer::of("autosam", slices::train),
    Trainer::of("desam", slices::train),
    Trainer::of("masam", slices::train),
    Trainer::of("sam", slices::train),
    Trainer::of("swinunetr", volumes::train),
];

impl Trainer {
    const fn of(
        system: &'static str,
        train: fn(&TrainRequest, &JobContext) -> Result<(), TrainError>,
    ) -> Self {
        Self {
            system,
            train,
            caches: false,
        }
    }
}

/// Trains by a recipe. Progress is reported through `ctx`, and what is more urgent goes first between two steps, or two
/// samples.
///
/// The checkpoint folder of the recipe ends up holding the weights (`model.bpk`, f16, with its card `model.toml`) and what
/// is needed to resume. Recipes with a `system` end in an installed model instead.
///
/// # Errors
/// A bad recipe, unreadable data, a cache of other data, a checkpoint that cannot be written.
pub fn run(request: &TrainRequest, ctx: &JobContext) -> Result<(), TrainError> {
    let trainer = trainer_of(&request.recipe)?;
    if let Some(cache) = &request.cache
        && !trainer.caches
    {
        return Err(TrainError::Cache {
            path: cache.clone(),
            reason: "only the model in the box trains from a cache".to_owned(),
        });
    }
    (trainer.train)(request, ctx)
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

/// Reads a recipe as it stands.
///
/// # Errors
/// A file that cannot be read, unknown or missing keys.
fn read_recipe<R: DeserializeOwned>(path: &Path) -> Result<R, TrainError> {
    let error = |reason: String| TrainError::Config {
        path: path.to_owned(),
        reason,
    };
    let text = std::fs::read_to_string(path).map_err(|e| error(e.to_string()))?;
    toml::from_str(&text).map_err(|e| error(e.message().to_owned()))
}

/// Whose recipe it is.
fn trainer_of(recipe: &Path) -> Result<&'static Trainer, TrainError> {
    let table: toml::Table = read_recipe(recipe)?;
    let Some(system) = table.get("system") else {
        return Ok(&TRAINERS[0]);
    };
    let named = |trainer: &&Trainer| system.as_str() == Some(trainer.system);
    TRAINERS[1..].iter().find(named).ok_or_else(|| {
        let known: Vec<&str> = TRAINERS[1..].iter().map(|t| t.system).collect();
        TrainError::Config {
            path: recipe.to_owned(),
            reason: format!(
                "no model of the system {system} can be trained: choose one of {}, or leave it out for the model in the box",
                known.join(", ")
            ),
        }
    })
}
