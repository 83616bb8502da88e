//! What the volume networks share in a step: a varied crop of one scan, and gradients held to a length.

use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::Tensor;
use rand_chacha::ChaCha8Rng;

use crate::models::checkpoint::ParamEntry;
use crate::train::TrainError;
use crate::train::clipping::clip_parts;
use crate::train::epochs::{At, Lesson, shuffle};

use super::Run;
use super::recipe::VolumeRecipe;

/// A network's lesson.
pub(super) struct CropLesson<'a, L, S> {
    pub run: &'a Run<'a>,
    /// The learning rate of an epoch.
    pub rate: fn(&VolumeRecipe, usize) -> f64,
    /// Longest gradient of each part.
    pub longest: f64,
    /// The loss on a crop of (network, scan, epoch).
    pub loss: L,
    /// The measure that chooses the best epoch, lower being better.
    pub score: S,
}

impl<M, L, S> Lesson<M> for CropLesson<'_, L, S>
where
    M: Module,
    L: Fn(&M, usize, usize, &mut ChaCha8Rng) -> Tensor<1>,
    S: Fn(&M) -> Result<f64, TrainError>,
{
    /// The number of a scan.
    type Batch = usize;

    fn batches(&self, rng: &mut ChaCha8Rng) -> Vec<usize> {
        let scans = self.run.training.len();
        let crops = scans * self.run.recipe.crops.per_scan;
        let mut order: Vec<usize> = (0..crops).map(|crop| crop % scans).collect();
        shuffle(&mut order, rng);
        order
    }

    fn loss(
        &self,
        net: &M,
        scan: &usize,
        epoch: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Tensor<1>, TrainError> {
        Ok((self.loss)(net, *scan, epoch, rng))
    }

    fn rate(&self, at: &At<'_>) -> f64 {
        (self.rate)(self.run.recipe, at.epoch)
    }

    fn limit(&self, net: &M, entries: &[ParamEntry], gradients: &mut GradientsParams) {
        clip_parts(net, entries, gradients, self.longest);
    }

    fn score(&self, net: &M, epoch: usize) -> Result<Option<f64>, TrainError> {
        let measured = self.run.is_measured(epoch);
        measured.then(|| (self.score)(net)).transpose()
    }
}

/// AdamW without decay.
pub(super) fn optimizer() -> ModuleOptimizer {
    AdamWConfig::new()
        .with_weight_decay(0.0)
        .with_epsilon(1e-8)
        .init()
}

/// 3DSAM-adapter: falls linearly to a hundredth.
pub(super) fn linear_rate(recipe: &VolumeRecipe, epoch: usize) -> f64 {
    let done = epoch as f64 / recipe.schedule.epochs as f64;
    recipe.schedule.learning_rate * (1.0 - 0.99 * done.min(1.0))
}

/// AutoProSAM: epochs of exponential warm-up, then a polynomial fall.
pub(super) fn warm_rate(recipe: &VolumeRecipe, epoch: usize) -> f64 {
    #[expect(clippy::approx_constant, reason = "the authors wrote these digits")]
    const BASE: f64 = 2.718;
    let schedule = &recipe.schedule;
    let (at, warm, all) = (
        epoch as f64,
        schedule.warmup_epochs as f64,
        schedule.epochs as f64,
    );
    let factor = if at <= warm && warm > 0.0 {
        BASE.powf(10.0 * (at / warm - 1.0))
    } else {
        (1.0 - at / all).powf(0.9)
    };
    schedule.learning_rate * factor
}
