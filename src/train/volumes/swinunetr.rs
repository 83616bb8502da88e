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

use super::crops::Variation;
use super::fit::{CropLesson, optimizer, warm_rate};
use super::recipe::DistillationRecipe;
use super::{Run, Trained, table, tensors};

/// Longest gradient of each part.
const LONGEST: f64 = 1.0;

/// Trains; the epoch with the highest Dice on the whole choosing scans, the background included, is kept.
///
/// # Errors
/// A teacher that is not installed or learned other classes, a job asked to stop.
pub(super) fn train(run: &Run<'_>) -> Result<Trained, TrainError> {
    let Some(sizes) = &run.recipe.swinunetr else {
        unreachable!("the recipe was checked to have it");
    };
    let config = SwinUnetrConfig {
        num_heads: sizes.heads,
        ..SwinUnetrConfig::of_size(sizes.feature_size, run.classes)
    };
    config.check().map_err(ModelError::Unsupported)?;
    let autodiff = run.device.clone().autodiff();
    let teacher = match &run.recipe.distillation {
        Some(recipe) => Some(Teacher::open(recipe, run)?),
        None => None,
    };
    let loader =
        Loader::new(WeightMap::default(), &autodiff).with_fresh(run.recipe.schedule.seed, |_| true);
    let net = SwinUnetr::load(&loader.root(), &config);
    let entries = loader
        .finish("SwinUNETR", |_| false)
        .map_err(ModelError::from)?;
    let off = Trace::off();
    let lesson = CropLesson {
        run,
        rate: warm_rate,
        longest: LONGEST,
        loss: |net: &SwinUnetr, scan: usize, epoch: usize, rng: &mut ChaCha8Rng| {
            let crop = run.crop(scan, &Variation::AUTOPROSAM, rng);
            let (image, labels) = tensors(&crop, &autodiff);
            let logits = net.forward(image.clone(), &off);
            match &teacher {
                Some(teacher) => teacher.loss(image, logits, labels, epoch),
                None => dice_ce(logits, labels, DiceCe::ALL_CLASSES),
            }
        },
        score: |net: &SwinUnetr| run.mean_over_scans(|crop| net.forward(crop, &off)),
    };
    let weights = run.course().run(net, entries, optimizer(), &lesson)?;
    let settings = SwinUnetrSettings {
        volume: run.settings.clone(),
        network: config,
    };
    Ok(Trained {
        weights,
        config: table(&settings)?,
    })
}

/// An installed AutoProSAM, frozen.
struct Teacher<'a> {
    net: AutoProSamNet,
    recipe: &'a DistillationRecipe,
}

impl<'a> Teacher<'a> {
    fn open(recipe: &'a DistillationRecipe, run: &Run<'_>) -> Result<Self, TrainError> {
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
        if classes != run.classes || side != run.recipe.crops.side {
            return Err(refuse(format!(
                "finds {classes} classes in crops of {side} voxels: the recipe must have as many"
            )));
        }
        let loader = Loader::new(weights, &run.device.clone().autodiff()).with_trainable(|_| false);
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
