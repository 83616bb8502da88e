//! SwinUNETR's training, by labels alone or with AutoProSAM as its teacher.

use burn::tensor::{Tensor, activation};
use rand_chacha::ChaCha8Rng;

use crate::models::autoprosam::{AutoProSamNet, AutoProSamSettings};
use crate::models::checkpoint::{Loader, WeightMap};
use crate::models::losses::{DiceCe, dice_ce};
use crate::models::swinunetr::{SwinUnetr, SwinUnetrConfig, SwinUnetrSettings};
use crate::models::trace::Trace;
use crate::models::{ModelError, installed_tensors};
use crate::train::TrainError;
use crate::train::driver::RunState;
use crate::train::published::Trained;

use super::crops::Variation;
use super::fit::{CropTask, optimizer, warm_rate};
use super::recipe::DistillationRecipe;
use super::{VolumeSetup, tensors};

/// Longest gradient of each part.
const LONGEST: f64 = 1.0;

/// Trains; the epoch with the highest Dice on the whole choosing scans, the background included, is kept.
///
/// # Errors
/// A teacher that is not installed or learned other classes, a job asked to stop.
pub(super) fn train(setup: &VolumeSetup<'_>) -> Result<Trained, TrainError> {
    let Some(sizes) = &setup.recipe.swinunetr else {
        unreachable!("the recipe was checked to have it");
    };
    let config = SwinUnetrConfig {
        num_heads: sizes.heads,
        ..SwinUnetrConfig::of_size(sizes.feature_size, setup.classes)
    };
    config.check().map_err(ModelError::Unsupported)?;
    let autodiff = setup.device().clone().autodiff();
    let teacher = match &setup.recipe.distillation {
        Some(recipe) => Some(Teacher::open(recipe, setup)?),
        None => None,
    };
    let loader = Loader::new(WeightMap::default(), &autodiff)
        .with_fresh(setup.recipe.schedule.seed, |_| true);
    let net = SwinUnetr::load(&loader.root(), &config);
    let entries = loader
        .finish("SwinUNETR", |_| false)
        .map_err(ModelError::from)?;
    let off = Trace::off();
    let task = CropTask {
        setup,
        rate: warm_rate,
        longest: LONGEST,
        loss: |net: &SwinUnetr, scan: usize, epoch: usize, rng: &mut ChaCha8Rng| {
            let crop = setup.crop(scan, &Variation::AUTOPROSAM, rng);
            let (image, labels) = tensors(&crop, &autodiff);
            let logits = net.forward(image.clone(), &off);
            match &teacher {
                Some(teacher) => teacher.loss(image, logits, labels, epoch),
                None => dice_ce(logits, labels, DiceCe::ALL_CLASSES),
            }
        },
        score: |net: &SwinUnetr| setup.mean_over_scans(|crop| net.forward(crop, &off)),
    };
    let weights = setup.run(RunState::fresh(net, entries, optimizer()), &task)?;
    let settings = SwinUnetrSettings {
        volume: setup.settings.clone(),
        network: config,
    };
    Trained::new(weights, &settings)
}

/// An installed AutoProSAM, frozen.
struct Teacher<'a> {
    net: AutoProSamNet,
    recipe: &'a DistillationRecipe,
}

impl<'a> Teacher<'a> {
    fn open(recipe: &'a DistillationRecipe, setup: &VolumeSetup<'_>) -> Result<Self, TrainError> {
        let (card, weights) = installed_tensors(&recipe.teacher)?;
        let refuse = |reason: String| {
            TrainError::from(ModelError::Unsupported(format!(
                "the teacher '{}' {reason}",
                recipe.teacher
            )))
        };
        let settings: AutoProSamSettings = card
            .config
            .try_into()
            .map_err(|e: toml::de::Error| refuse(format!("is no AutoProSAM: {}", e.message())))?;
        let (classes, side) = (
            settings.network.net.decoder.num_classes,
            settings.network.net.crop,
        );
        if classes != setup.classes || side != setup.recipe.crops.side {
            return Err(refuse(format!(
                "finds {classes} classes in crops of {side} voxels: the recipe must have as many"
            )));
        }
        let loader =
            Loader::new(weights, &setup.device().clone().autodiff()).with_trainable(|_| false);
        let net = AutoProSamNet::load(&loader.root(), &settings.network);
        loader
            .finish("AutoProSAM", |_| false)
            .map_err(ModelError::from)?;
        Ok(Self { net, recipe })
    }

    /// Labels and teacher together, or the teacher alone in the first phase.
    fn loss(
        &self,
        image: Tensor<5>,
        logits: Tensor<5>,
        labels: Tensor<5>,
        epoch: usize,
    ) -> Tensor<1> {
        let taught = self.net.forward(image, &Trace::off()).detach();
        let difference = activation::softmax(logits.clone(), 1) - activation::softmax(taught, 1);
        let soft = difference.powi_scalar(2).mean();
        if epoch < self.recipe.first_phase_epochs {
            return soft;
        }
        let weight = self.recipe.weight;
        dice_ce(logits, labels, DiceCe::ALL_CLASSES) * (1.0 - weight) + soft * weight
    }
}
