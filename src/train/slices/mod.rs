//! Training of the networks that look at slices: AutoSAM and DeSAM from encoder results on disk or from slices, MA-SAM
//! from stacks of slices.

mod autosam;
mod cache;
mod desam;
mod masam;
mod recipe;
mod samples;
mod scans;
mod start;
mod variation;

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;
use serde::Serialize;

use crate::models::checkpoint::{Precision, WeightMap};
use crate::models::{
    DeviceChoice, ModelCard, ScanKey, Segmenter, StoredModel, Structure, check_free, compute,
    install_model, system_named,
};
use crate::prompt::PromptSet;
use crate::util::JobContext;
use crate::volume::metrics::dice;
use crate::volume::{ImageVolume, Mask};

use super::TrainError;
use super::checkpoint::check_keeps;
use super::epochs::Course;
use recipe::{SliceRecipe, SliceSystem};

pub(super) use recipe::{EncoderStart, ModelEntry, SliceDataset};
pub(super) use scans::{CaseNames, Scan};
pub(super) use start::StartingSam;

/// What training leaves: all that a model is made of.
struct Trained {
    weights: WeightMap,
    config: toml::Table,
}

/// What the trainers share.
struct Job<'a> {
    recipe: &'a SliceRecipe,
    cases: &'a CaseNames,
    device: &'a Device,
    resume: bool,
    ctx: &'a JobContext,
}

impl Job<'_> {
    /// The run of this job, of which a share is done by then.
    fn course(&self, done: f32) -> Course<'_> {
        Course {
            seed: self.recipe.schedule.seed,
            epochs: self.recipe.schedule.epochs,
            checkpoints: self.recipe.checkpoints.as_ref(),
            resume: self.resume,
            start: done,
            device: self.device,
            ctx: self.ctx,
        }
    }
}

/// A system's settings for a card.
fn table(settings: &impl Serialize) -> Result<toml::Table, TrainError> {
    toml::Table::try_from(settings).map_err(|e| TrainError::Config {
        path: "settings".into(),
        reason: e.to_string(),
    })
}

/// Whether a recipe is for one of these systems.
pub(super) fn is_recipe(text: &toml::Table) -> bool {
    let system = text.get("system").and_then(toml::Value::as_str);
    matches!(system, Some("autosam" | "desam" | "masam"))
}

/// Trains by the recipe at `path`, measures the model on the validation patients, and installs it.
///
/// # Errors
/// A bad recipe, unreadable data, a cache or checkpoint that cannot be written or read, an id that is taken.
pub(super) fn run(
    path: &Path,
    choice: DeviceChoice,
    resume: bool,
    ctx: &JobContext,
) -> Result<(), TrainError> {
    let recipe = SliceRecipe::load(path)?;
    check_resumable(path, recipe.checkpoints.is_some(), resume)?;
    if let Some(kept) = &recipe.checkpoints {
        let mut read = vec![path, recipe.splits.as_path()];
        read.extend(recipe.encoder.sam.as_deref());
        check_keeps(&kept.folder, &read)?;
    }
    check_free(&recipe.model.id)?;
    let (_, device) = compute::open(choice)?;
    let cases = CaseNames::of(&recipe.splits, &recipe.dataset)?;
    ctx.step(0.0, "reading the encoder")?;
    let sam = StartingSam::of(&recipe.encoder)?;
    let job = Job {
        recipe: &recipe,
        cases: &cases,
        device: &device,
        resume,
        ctx,
    };
    let trained = match (&recipe.autosam, &recipe.desam, &recipe.masam) {
        (Some(own), None, None) => autosam::train(&job, own, &sam)?,
        (None, Some(own), None) => desam::train(&job, own, &sam)?,
        (None, None, Some(own)) => masam::train(&job, own, &sam)?,
        _ => unreachable!("the recipe has the table of its own system alone"),
    };
    let system = match recipe.system {
        SliceSystem::AutoSam => "autosam",
        SliceSystem::DeSam => "desam",
        SliceSystem::MaSam => "masam",
    };
    let system = system_named(system).expect("it is one of ours");
    let mut card = card(&recipe, system.name, trained.config);
    ctx.step(0.9, "measuring on the validation patients")?;
    let model = (system.open)(
        StoredModel::new(card.clone(), trained.weights.clone()),
        choice,
    )?;
    card.measured_dice = measure(&recipe, &cases, model.as_ref(), ctx)?;
    install_model(card, &trained.weights, Precision::Single, |stored| {
        (system.open)(stored, choice)
    })?;
    Ok(())
}

/// Refuses to resume a run that keeps no state.
pub(super) fn check_resumable(path: &Path, kept: bool, resume: bool) -> Result<(), TrainError> {
    if kept || !resume {
        return Ok(());
    }
    Err(TrainError::Config {
        path: path.to_owned(),
        reason: "it has no [checkpoints], so there is nothing to resume from".to_owned(),
    })
}

fn card(recipe: &SliceRecipe, system: &str, config: toml::Table) -> ModelCard {
    let structure = |(place, (_, name)): (usize, (u16, String))| Structure {
        value: place as u16 + 1,
        name,
        modality: Some(recipe.dataset.modality),
    };
    let names = recipe.dataset.label_values().unwrap_or_default();
    let in_boxes = recipe.masam.as_ref().is_some_and(|own| own.boxes);
    ModelCard {
        id: recipe.model.id.clone(),
        title: recipe.model.title.clone(),
        system: system.to_owned(),
        description: recipe.model.description.clone(),
        weights: String::new(),
        sha256: String::new(),
        automatic: !in_boxes,
        clicks: false,
        boxes: in_boxes || recipe.system == SliceSystem::DeSam,
        structures: names.into_iter().enumerate().map(structure).collect(),
        automatic_spacing_mm: BTreeMap::new(),
        automatic_refined: Vec::new(),
        measured_dice: BTreeMap::new(),
        notices: recipe.model.notices_from(Some(&recipe.encoder)),
        licence: recipe.model.licence.clone(),
        config,
    }
}

/// Mean Dice of each structure over the validation patients.
fn measure(
    recipe: &SliceRecipe,
    cases: &CaseNames,
    model: &dyn Segmenter,
    ctx: &JobContext,
) -> Result<BTreeMap<String, f64>, TrainError> {
    let values = recipe.dataset.label_values().unwrap_or_default();
    let mut sums: BTreeMap<String, (f64, usize)> = BTreeMap::new();
    for (number, case) in cases.validation.iter().enumerate() {
        ctx.check()?;
        let scan = Scan::read(&recipe.dataset, case)?;
        let unreported = ctx.unreported();
        let key = ScanKey(number as u64);
        let found = if model.card().automatic {
            Some(
                model
                    .segment_auto(&scan.image, key, None, &unreported)?
                    .labels,
            )
        } else {
            None
        };
        for (place, (value, name)) in values.iter().enumerate() {
            let truth = scan.labels.mask_of(*value);
            let predicted = match &found {
                Some(labels) => labels.mask_of(place as u16 + 1),
                None => boxed(model, &scan.image, key, &truth, &unreported)?,
            };
            let score = dice(&predicted.voxels, &truth.voxels);
            let sum = sums.entry(name.clone()).or_default();
            *sum = (sum.0 + score, sum.1 + 1);
            tracing::info!("validation case {number}: {name} Dice {score:.3}");
        }
        model.drop_caches();
    }
    let mean = |(name, (sum, count)): (String, (f64, usize))| (name, sum / count.max(1) as f64);
    Ok(sums.into_iter().map(mean).collect::<BTreeMap<_, _>>())
}

/// What a model that works in a box finds in the tight box of the truth; nothing where there is none.
fn boxed(
    model: &dyn Segmenter,
    image: &ImageVolume,
    key: ScanKey,
    truth: &Mask,
    ctx: &JobContext,
) -> Result<Mask, TrainError> {
    let Some(bounds) = truth.bounds() else {
        return Ok(Mask::empty(*image.grid()));
    };
    let prompts = PromptSet {
        clicks: Vec::new(),
        target_box: Some(bounds),
    };
    let found = model.segment_prompted(image, key, &prompts, None, ctx)?;
    Ok(found.mask)
}
