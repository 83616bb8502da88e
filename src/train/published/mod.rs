//! What the training of published systems has in common: the scans, the SAM to start from, the card, and the measuring
//! of what was trained.

mod measure;
mod recipe;
mod scans;
mod start;

use std::path::Path;
use std::time::Duration;

use burn::tensor::Device;
use serde::Serialize;

use crate::models::checkpoint::{Precision, WeightMap};
use crate::models::{
    ModelCard, ModelError, StoredModel, Structure, check_free, compute, install_model, system_named,
};
use crate::util::JobContext;

use super::checkpoint::check_keeps;
use super::driver::{Checkpoints, Length, TrainingRun};
use super::{TrainError, TrainRequest};

pub(super) use recipe::{CheckpointsEntry, DatasetEntry, EncoderStart, ModelEntry};
pub(super) use scans::{CaseNames, Scan};
pub(super) use start::{POSITION_MATRIX, StartingSam};

/// Share of a job that comes before measuring.
const TRAINED: f32 = 0.9;

/// A recipe of a published system.
pub(super) trait PublishedRecipe {
    /// What all of them state.
    fn head(&self) -> RecipeHead<'_>;
}

/// What every recipe of a published system states.
pub(super) struct RecipeHead<'a> {
    pub system: &'static str,
    pub splits: &'a Path,
    pub checkpoints: Option<&'a CheckpointsEntry>,
    pub model: &'a ModelEntry,
    pub encoder: Option<&'a EncoderStart>,
    pub dataset: &'a DatasetEntry,
    pub seed: u64,
    pub epochs: usize,
    pub takes: Taken,
}

/// What a trained model takes.
pub(super) struct Taken {
    pub automatic: bool,
    pub clicks: bool,
    pub boxes: bool,
}

/// What training leaves: all that a model is made of.
pub(super) struct Trained {
    pub weights: WeightMap,
    pub config: toml::Table,
}

impl Trained {
    /// Weights, and the system's settings for the card.
    pub fn new(weights: WeightMap, settings: &impl Serialize) -> Result<Self, TrainError> {
        let config = toml::Table::try_from(settings).map_err(|e| TrainError::Config {
            path: "settings".into(),
            reason: e.to_string(),
        })?;
        Ok(Self { weights, config })
    }
}

/// What a trainer is given.
pub(super) struct Setup<'a, R> {
    pub recipe: &'a R,
    pub cases: &'a CaseNames,
    pub device: &'a Device,
    resume: bool,
    pub ctx: &'a JobContext,
}

impl<R: PublishedRecipe> Setup<'_, R> {
    /// The run over the epochs, before which a share of the job is `done`.
    pub fn run_from(&self, done: f32) -> TrainingRun<'_> {
        let head = self.recipe.head();
        TrainingRun {
            seed: head.seed,
            length: Length::Epochs(head.epochs),
            checkpoints: head.checkpoints.map(|kept| Checkpoints {
                folder: &kept.folder,
                every: Duration::from_secs_f64(60.0 * kept.every_minutes),
            }),
            resume: self.resume,
            share: done..TRAINED,
            dropout: Some(self.device),
            ctx: self.ctx,
        }
    }
}

/// Trains by a recipe, measures the model on the validation patients, and installs it.
///
/// # Errors
/// Unreadable data, a cache or checkpoint that cannot be written or read, an id that is taken, whatever `train` finds.
pub(super) fn run<R: PublishedRecipe>(
    recipe: &R,
    request: &TrainRequest,
    ctx: &JobContext,
    train: impl FnOnce(&Setup<'_, R>) -> Result<Trained, TrainError>,
) -> Result<(), TrainError> {
    let head = recipe.head();
    check(&head, request)?;
    let system =
        system_named(head.system).ok_or_else(|| ModelError::Unknown(head.system.into()))?;
    let (_, device) = compute::open(request.device)?;
    let cases = CaseNames::of(head.splits, head.dataset)?;
    let trained = train(&Setup {
        recipe,
        cases: &cases,
        device: &device,
        resume: request.resume,
        ctx,
    })?;
    let mut card = card(&head, trained.config);
    ctx.step(TRAINED, "measuring on the validation patients")?;
    let stored = StoredModel::new(card.clone(), trained.weights.clone());
    let model = (system.open)(stored, request.device)?;
    card.measured_dice = measure::dice_of(model.as_ref(), head.dataset, &cases, ctx)?;
    install_model(card, &trained.weights, Precision::Single, |stored| {
        (system.open)(stored, request.device)
    })?;
    Ok(())
}

/// Refuses what could not end well, before hours are spent.
fn check(head: &RecipeHead<'_>, request: &TrainRequest) -> Result<(), TrainError> {
    if request.resume && head.checkpoints.is_none() {
        return Err(TrainError::Config {
            path: request.recipe.clone(),
            reason: "it has no [checkpoints], so there is nothing to resume from".to_owned(),
        });
    }
    if let Some(kept) = head.checkpoints {
        let mut read = vec![request.recipe.as_path(), head.splits];
        read.extend(head.encoder.and_then(|start| start.sam.as_deref()));
        check_keeps(&kept.folder, &read)?;
    }
    Ok(check_free(&head.model.id)?)
}

fn card(head: &RecipeHead<'_>, config: toml::Table) -> ModelCard {
    let structure = |(place, (_, name)): (usize, (u16, String))| Structure {
        value: place as u16 + 1,
        name,
        color: None,
        modality: Some(head.dataset.modality),
    };
    let names = head.dataset.label_values().unwrap_or_default();
    let structures = names.into_iter().enumerate().map(structure);
    ModelCard {
        id: head.model.id.clone(),
        title: head.model.title.clone(),
        system: head.system.to_owned(),
        description: head.model.description.clone(),
        automatic: head.takes.automatic,
        clicks: head.takes.clicks,
        boxes: head.takes.boxes,
        structures: structures.filter(|_| !head.takes.clicks).collect(),
        notices: head.model.notices_from(head.encoder),
        licence: head.model.licence.clone(),
        config,
        ..ModelCard::default()
    }
}
