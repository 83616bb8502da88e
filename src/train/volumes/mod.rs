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
use serde::Serialize;

use crate::models::checkpoint::{Precision, WeightMap};
use crate::models::sliding_window::{Blend, SlidingWindow};
use crate::models::volumes::{AxisOrder, Blended, LabelledVolume, VolumeSettings, crop_tensor};
use crate::models::{
    DeviceChoice, ModelCard, ScanKey, Segmenter, Structure, compute, install_model, system_named,
};
use crate::prompt::{PromptSet, correcting_click};
use crate::util::JobContext;
use crate::volume::Mask;
use crate::volume::metrics::dice;

use super::TrainError;
use super::slices::{CaseNames, Scan};
use crops::{Crop, Variation};
use recipe::{VolumeRecipe, VolumeSystem};

/// One case in so many of the training cases chooses the best epoch.
const CHOOSING: usize = 10;

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
/// A bad recipe or one to be resumed, unreadable data, an encoder that is not SAM's, an id that is taken.
pub(super) fn run(
    path: &Path,
    choice: DeviceChoice,
    resume: bool,
    ctx: &JobContext,
) -> Result<(), TrainError> {
    if resume {
        return Err(TrainError::Config {
            path: path.to_owned(),
            reason: "this recipe cannot be resumed: run it again".to_owned(),
        });
    }
    let recipe = VolumeRecipe::load(path)?;
    let (_, device) = compute::open(choice)?;
    let cases = CaseNames::of(&recipe.splits, &recipe.dataset)?;
    let run = Run::read(&recipe, &cases, device, ctx)?;
    let trained = match recipe.system {
        VolumeSystem::Threedsam => threedsam::train(&run)?,
        VolumeSystem::AutoProSam => autoprosam::train(&run)?,
        VolumeSystem::SwinUnetr => swinunetr::train(&run)?,
    };
    let system = system_named(recipe.system.name()).expect("it is one of ours");
    let mut card = card(&recipe, trained.config);
    ctx.step(0.9, "measuring on the validation patients")?;
    let mut model = (system.open)(card.clone(), trained.weights.clone(), choice)?;
    card.measured_dice = measure(&recipe, &cases, model.as_mut(), ctx)?;
    install_model(
        card,
        &trained.weights,
        Precision::Single,
        |card, weights| (system.open)(card.clone(), weights, choice).map(|_| ()),
    )?;
    Ok(())
}

impl<'a> Run<'a> {
    fn read(
        recipe: &'a VolumeRecipe,
        cases: &CaseNames,
        device: Device,
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
                0.05 * number as f32 / count as f32,
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
            ctx,
        })
    }

    /// A varied crop of a training scan.
    fn crop(&self, scan: usize, variation: &Variation, rng: &mut rand_chacha::ChaCha8Rng) -> Crop {
        let case = &self.training[scan];
        crops::draw(
            case,
            self.recipe.crops.side,
            &self.settings.intensity,
            variation,
            rng,
        )
    }

    /// The mean of `loss` over crops of the choosing scans (of the training scans where there is only one scan).
    fn mean_over_choosing(
        &self,
        rng: &mut rand_chacha::ChaCha8Rng,
        loss: impl Fn(&Crop, &mut rand_chacha::ChaCha8Rng) -> Tensor<1>,
    ) -> f64 {
        let scans = if self.choosing.is_empty() {
            &self.training
        } else {
            &self.choosing
        };
        let mut sum = 0.0;
        for case in scans {
            let side = self.recipe.crops.side;
            let crop = crops::draw(case, side, &self.settings.intensity, &Variation::NONE, rng);
            sum += f64::from(loss(&crop, rng).into_scalar::<f32>());
        }
        sum / scans.len().max(1) as f64
    }
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
        measured_dice: BTreeMap::new(),
        notices: recipe.model.notices.clone(),
        licence: recipe.model.licence.clone(),
        config,
    }
}

/// Mean Dice of each structure over the validation patients; where the model takes clicks, after one in the middle of
/// the structure.
fn measure(
    recipe: &VolumeRecipe,
    cases: &CaseNames,
    model: &mut dyn Segmenter,
    ctx: &JobContext,
) -> Result<BTreeMap<String, f64>, TrainError> {
    let values = recipe.dataset.label_values().unwrap_or_default();
    let mut sums: BTreeMap<String, (f64, usize)> = BTreeMap::new();
    for (number, case) in cases.validation.iter().enumerate() {
        ctx.check()?;
        let scan = Scan::read(&recipe.dataset, case)?;
        let key = ScanKey(number as u64);
        let found = predicted(model, &scan, key, &values)?;
        model.drop_caches();
        for ((value, name), predicted) in values.iter().zip(found) {
            let truth = scan.labels.mask_of(*value);
            let score = dice(&predicted.voxels, &truth.voxels);
            let sum = sums.entry(name.clone()).or_default();
            *sum = (sum.0 + score, sum.1 + 1);
            tracing::info!("{case}: {name} Dice {score:.3}");
        }
    }
    let mean = |(name, (sum, count)): (String, (f64, usize))| (name, sum / count.max(1) as f64);
    Ok(sums.into_iter().map(mean).collect())
}

/// What the model makes of each structure.
fn predicted(
    model: &mut dyn Segmenter,
    scan: &Scan,
    key: ScanKey,
    values: &[(u16, String)],
) -> Result<Vec<Mask>, TrainError> {
    let silent = JobContext::silent();
    if model.card().automatic {
        let found = model.segment_auto(&scan.image, key, None, &silent)?;
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
                .segment_prompted(&scan.image, key, &prompts, None, &silent)?
                .mask,
        );
    }
    Ok(masks)
}
