//! Training of the networks that look at crops of a volume: 3DSAM-adapter, AutoProSAM, and SwinUNETR with or without
//! AutoProSAM as its teacher.

mod autoprosam;
mod crops;
mod fit;
mod recipe;
mod start;
mod swinunetr;
mod threedsam;

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Device, Tensor};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::models::checkpoint::{Precision, WeightMap};
use crate::models::sliding_window::{Blend, SlidingWindow};
use crate::models::volumes::{
    AxisOrder, Blended, LabelledVolume, VolumeSettings, channels, crop_tensor,
};
use crate::models::{
    DeviceChoice, ModelCard, ScanKey, Segmenter, StoredModel, Structure, check_free, compute,
    install_model, system_named,
};
use crate::prompt::{PromptSet, correcting_click};
use crate::util::JobContext;
use crate::volume::metrics::dice;
use crate::volume::{Mask, VolumeArray};

use super::TrainError;
use super::checkpoint::check_keeps;
use super::epochs::Course;
use super::slices::{CaseNames, Scan, check_resumable};
use crops::{Crop, Variation};
use recipe::{VolumeRecipe, VolumeSystem};

/// One case in so many of the training cases chooses the best epoch.
const CHOOSING: usize = 10;

/// Share of a job that reading the scans takes.
const READING: f32 = 0.05;

/// What training leaves: all that a model is made of.
struct Trained {
    weights: WeightMap,
    config: toml::Table,
}

/// What the trainers share.
struct Run<'a> {
    recipe: &'a VolumeRecipe,
    settings: VolumeSettings,
    training: Vec<LabelledVolume>,
    choosing: Vec<LabelledVolume>,
    /// Classes, the background included.
    classes: usize,
    device: Device,
    resume: bool,
    ctx: &'a JobContext,
}

/// Whether a recipe is for one of these systems.
pub(super) fn is_recipe(text: &toml::Table) -> bool {
    let system = text.get("system").and_then(toml::Value::as_str);
    matches!(system, Some("3dsam" | "autoprosam" | "swinunetr"))
}

/// Trains by the recipe at `path`, measures the model on the validation patients, and installs it.
///
/// # Errors
/// A bad recipe, unreadable data, an encoder that is not SAM's, a checkpoint that cannot be written or read, an id that
/// is taken.
pub(super) fn run(
    path: &Path,
    choice: DeviceChoice,
    resume: bool,
    ctx: &JobContext,
) -> Result<(), TrainError> {
    let recipe = VolumeRecipe::load(path)?;
    check_resumable(path, recipe.checkpoints.is_some(), resume)?;
    if let Some(kept) = &recipe.checkpoints {
        let mut read = vec![path, recipe.splits.as_path()];
        read.extend(recipe.encoder.as_ref().and_then(|e| e.sam.as_deref()));
        check_keeps(&kept.folder, &read)?;
    }
    check_free(&recipe.model.id)?;
    let (_, device) = compute::open(choice)?;
    let cases = CaseNames::of(&recipe.splits, &recipe.dataset)?;
    let run = Run::read(&recipe, &cases, device, resume, ctx)?;
    let trained = match recipe.system {
        VolumeSystem::Threedsam => threedsam::train(&run)?,
        VolumeSystem::AutoProSam => autoprosam::train(&run)?,
        VolumeSystem::SwinUnetr => swinunetr::train(&run)?,
    };
    let system = system_named(recipe.system.name()).expect("it is one of ours");
    let mut card = card(&recipe, trained.config);
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

impl<'a> Run<'a> {
    fn read(
        recipe: &'a VolumeRecipe,
        cases: &CaseNames,
        device: Device,
        resume: bool,
        ctx: &'a JobContext,
    ) -> Result<Self, TrainError> {
        let settings = settings(recipe);
        let values = recipe.dataset.label_values().unwrap_or_default();
        let class = |label: u16| {
            let place = values.iter().position(|(value, _)| *value == label);
            place.map_or(0, |place| place as u16 + 1)
        };
        let count = cases.training.len();
        let first_choosing = count - (count / CHOOSING).max(1).min(count - 1);
        let (mut training, mut choosing) = (Vec::new(), Vec::new());
        for (number, case) in cases.training.iter().enumerate() {
            ctx.step(
                READING * number as f32 / count as f32,
                &format!("reading {case}"),
            )?;
            let scan = Scan::read(&recipe.dataset, case)?;
            let volume = LabelledVolume::of(&scan.image, &scan.labels, &settings, class);
            if number < first_choosing {
                training.push(volume);
            } else {
                choosing.push(volume);
            }
        }
        Ok(Self {
            recipe,
            settings,
            training,
            choosing,
            classes: values.len() + 1,
            device,
            resume,
            ctx,
        })
    }

    /// The run over the epochs.
    fn course(&self) -> Course<'_> {
        Course {
            seed: self.recipe.schedule.seed,
            epochs: self.recipe.schedule.epochs,
            checkpoints: self.recipe.checkpoints.as_ref(),
            resume: self.resume,
            start: READING,
            device: &self.device,
            ctx: self.ctx,
        }
    }

    /// Whether the epoch that just ended is measured: every so often, and the last.
    fn is_measured(&self, epoch: usize) -> bool {
        let schedule = &self.recipe.schedule;
        epoch + 1 == schedule.epochs || (epoch + 1).is_multiple_of(schedule.choose_every)
    }

    /// A varied crop of a training scan.
    fn crop(&self, scan: usize, variation: &Variation, rng: &mut ChaCha8Rng) -> Crop {
        let case = &self.training[scan];
        crops::draw(
            case,
            self.recipe.crops.side,
            &self.settings.intensity,
            variation,
            rng,
        )
    }

    /// Scans that choose the best epoch: the training scans where there is only one scan.
    fn choosing(&self) -> &[LabelledVolume] {
        if self.choosing.is_empty() {
            &self.training
        } else {
            &self.choosing
        }
    }

    /// The mean of `loss` over a crop of each choosing scan, the same ones every time.
    fn mean_over_crops(&self, loss: impl Fn(&Crop, &mut ChaCha8Rng) -> Tensor<1>) -> f64 {
        let mut rng = ChaCha8Rng::seed_from_u64(self.recipe.schedule.seed ^ 1);
        let (scans, side) = (self.choosing(), self.recipe.crops.side);
        let mut sum = 0.0;
        for case in scans {
            let (intensity, none) = (&self.settings.intensity, &Variation::CHOOSING);
            let crop = crops::draw(case, side, intensity, none, &mut rng);
            sum += f64::from(loss(&crop, &mut rng).into_scalar::<f32>());
        }
        sum / scans.len().max(1) as f64
    }

    /// 1 less the mean Dice of the whole choosing scans, found with sliding windows: over all classes, the background
    /// too, that a scan has.
    fn mean_over_scans(&self, predict: impl Fn(Tensor<5>) -> Tensor<5>) -> Result<f64, TrainError> {
        let (mut sum, mut count) = (0.0, 0usize);
        for case in self.choosing() {
            let image = crops::normalised(&case.image, &self.settings.intensity);
            let fields = self.settings.window.run(&image, |crop, _| {
                self.ctx.check()?;
                Ok::<_, TrainError>(channels(predict(crop_tensor(&crop, &self.device)))?)
            })?;
            let found = highest(&fields);
            for class in 0..self.classes {
                let of_class = |v: &u8| u8::from(usize::from(*v) == class);
                let truth: Vec<u8> = case.classes.values.iter().map(|&v| v as u8).collect();
                let truth: Vec<u8> = truth.iter().map(of_class).collect();
                if truth.contains(&1) {
                    let found: Vec<u8> = found.iter().map(of_class).collect();
                    sum += dice(&found, &truth);
                    count += 1;
                }
            }
        }
        Ok(1.0 - sum / count.max(1) as f64)
    }
}

/// The class with the highest value at each voxel, the first where several have it.
fn highest(fields: &[VolumeArray]) -> Vec<u8> {
    let voxels = fields.first().map_or(0, |field| field.values.len());
    let value = |class: usize, voxel: usize| fields[class].values[voxel];
    let best = |voxel: usize| {
        (1..fields.len()).fold(0, |best, class| {
            if value(class, voxel) > value(best, voxel) {
                class
            } else {
                best
            }
        })
    };
    (0..voxels).map(|voxel| best(voxel) as u8).collect()
}

/// A crop's image and labels on a device.
fn tensors(crop: &Crop, device: &Device) -> (Tensor<5>, Tensor<5>) {
    (
        crop_tensor(&crop.image, device),
        crop_tensor(&crop.classes, device),
    )
}

fn settings(recipe: &VolumeRecipe) -> VolumeSettings {
    let clicks = recipe.system == VolumeSystem::Threedsam;
    VolumeSettings {
        axes: if clicks {
            AxisOrder::SliceRowColumn
        } else {
            AxisOrder::RightAnteriorSuperior
        },
        spacing_mm: recipe.crops.spacing_mm.clone(),
        intensity: recipe.crops.intensity,
        window: SlidingWindow {
            side: recipe.crops.side,
            overlap: if clicks { 0.5 } else { 0.25 },
            blend: if clicks {
                Blend::Gaussian
            } else {
                Blend::Constant
            },
        },
        blended: if clicks {
            Blended::Probabilities
        } else {
            Blended::Logits
        },
    }
}

/// A system's settings for a card.
fn table(settings: &impl Serialize) -> Result<toml::Table, TrainError> {
    toml::Table::try_from(settings).map_err(|e| TrainError::Config {
        path: "settings".into(),
        reason: e.to_string(),
    })
}

fn card(recipe: &VolumeRecipe, config: toml::Table) -> ModelCard {
    let clicks = recipe.system == VolumeSystem::Threedsam;
    let names = recipe.dataset.label_values().unwrap_or_default();
    let structure = |(place, (_, name)): (usize, (u16, String))| Structure {
        value: place as u16 + 1,
        name,
        modality: Some(recipe.dataset.modality),
    };
    let structures = names.into_iter().enumerate().map(structure);
    ModelCard {
        id: recipe.model.id.clone(),
        title: recipe.model.title.clone(),
        system: recipe.system.name().to_owned(),
        description: recipe.model.description.clone(),
        weights: String::new(),
        sha256: String::new(),
        automatic: !clicks,
        clicks,
        boxes: false,
        structures: structures.filter(|_| !clicks).collect(),
        automatic_spacing_mm: BTreeMap::new(),
        automatic_refined: Vec::new(),
        measured_dice: BTreeMap::new(),
        notices: recipe.model.notices_from(recipe.encoder.as_ref()),
        licence: recipe.model.licence.clone(),
        config,
    }
}

/// Mean Dice of each structure over the validation patients; where the model takes clicks, after one in the middle of
/// the structure.
fn measure(
    recipe: &VolumeRecipe,
    cases: &CaseNames,
    model: &dyn Segmenter,
    ctx: &JobContext,
) -> Result<BTreeMap<String, f64>, TrainError> {
    let values = recipe.dataset.label_values().unwrap_or_default();
    let mut sums: BTreeMap<String, (f64, usize)> = BTreeMap::new();
    for (number, case) in cases.validation.iter().enumerate() {
        ctx.check()?;
        let scan = Scan::read(&recipe.dataset, case)?;
        let key = ScanKey(number as u64);
        let found = predicted(model, &scan, key, &values, &ctx.unreported())?;
        model.drop_caches();
        for ((value, name), predicted) in values.iter().zip(found) {
            let truth = scan.labels.mask_of(*value);
            let score = dice(&predicted.voxels, &truth.voxels);
            let sum = sums.entry(name.clone()).or_default();
            *sum = (sum.0 + score, sum.1 + 1);
            tracing::info!("validation case {number}: {name} Dice {score:.3}");
        }
    }
    let mean = |(name, (sum, count)): (String, (f64, usize))| (name, sum / count.max(1) as f64);
    Ok(sums.into_iter().map(mean).collect())
}

/// What the model makes of each structure.
fn predicted(
    model: &dyn Segmenter,
    scan: &Scan,
    key: ScanKey,
    values: &[(u16, String)],
    ctx: &JobContext,
) -> Result<Vec<Mask>, TrainError> {
    if model.card().automatic {
        let found = model.segment_auto(&scan.image, key, None, ctx)?;
        let masks = (0..values.len()).map(|place| found.labels.mask_of(place as u16 + 1));
        return Ok(masks.collect());
    }
    let mut masks = Vec::new();
    for (value, _) in values {
        let truth = scan.labels.mask_of(*value);
        let nothing = Mask::empty(*scan.image.grid());
        let Some(click) = correcting_click(&nothing, &truth) else {
            masks.push(nothing);
            continue;
        };
        let prompts = PromptSet {
            clicks: vec![click],
            target_box: None,
        };
        masks.push(
            model
                .segment_prompted(&scan.image, key, &prompts, None, ctx)?
                .mask,
        );
    }
    Ok(masks)
}
