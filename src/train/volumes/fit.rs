//! What the volume networks share in a step: a varied crop of one scan, and gradients held to a length.

use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::Tensor;
use rand_chacha::ChaCha8Rng;

use crate::models::checkpoint::ParamEntry;
use crate::train::TrainError;
use crate::train::clipping::clip_parts;
use crate::train::driver::{At, Learnt, TrainingTask, shuffle};

use super::VolumeSetup;
use super::recipe::VolumeSchedule;

/// What the recipes of these networks do in a run.
pub(super) struct CropTask<'a, L, S> {
    pub setup: &'a VolumeSetup<'a>,
    /// The learning rate of an epoch.
    pub rate: fn(&VolumeSchedule, usize) -> f64,
    /// Longest gradient of each part.
    pub longest: f64,
    /// The loss on a crop of (network, scan, epoch).
    pub loss: L,
    /// The measure that chooses the best epoch, lower being better.
    pub score: S,
}

impl<M, L, S> TrainingTask<M> for CropTask<'_, L, S>
where
    M: Module,
    L: Fn(&M, usize, usize, &mut ChaCha8Rng) -> Tensor<1>,
    S: Fn(&M) -> Result<f64, TrainError>,
{
    /// The number of a scan.
    type Batch = usize;

    fn batches(&self, _at: &At<'_>, rng: &mut ChaCha8Rng) -> Vec<usize> {
        let scans = self.setup.training.len();
        let crops = scans * self.setup.recipe.crops.per_scan;
        let mut order: Vec<usize> = (0..crops).map(|crop| crop % scans).collect();
        shuffle(&mut order, rng);
        order
    }

    fn learn(
        &self,
        net: &M,
        scan: &usize,
        at: &At<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Learnt, TrainError> {
        let loss = (self.loss)(net, *scan, at.epoch, rng);
        Ok(Learnt::of(&loss, net))
    }

    fn rate(&self, at: &At<'_>) -> f64 {
        (self.rate)(&self.setup.recipe.schedule, at.epoch)
    }

    fn limit(&self, net: &M, entries: &[ParamEntry], gradients: &mut GradientsParams) {
        clip_parts(net, entries, gradients, self.longest);
    }

    fn score(&self, net: &M, epoch: usize) -> Result<Option<f64>, TrainError> {
        let measured = self.setup.is_measured(epoch);
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
pub(super) fn linear_rate(schedule: &VolumeSchedule, epoch: usize) -> f64 {
    let done = epoch as f64 / schedule.epochs as f64;
    schedule.learning_rate * (1.0 - 0.99 * done.min(1.0))
}

/// AutoProSAM: epochs of exponential warm-up, then a polynomial fall.
pub(super) fn warm_rate(schedule: &VolumeSchedule, epoch: usize) -> f64 {
    #[expect(clippy::approx_constant, reason = "the authors wrote these digits")]
    const BASE: f64 = 2.718;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(warmup_epochs: usize) -> VolumeSchedule {
        VolumeSchedule {
            seed: 1,
            epochs: 400,
            learning_rate: 5e-4,
            choose_every: 1,
            warmup_epochs,
        }
    }

    #[test]
    fn autoprosam_warms_up_for_five_epochs() {
        let rate = |epoch| warm_rate(&schedule(5), epoch);
        assert!((rate(0) - 2.27e-8).abs() < 1e-10);
        assert!((rate(5) - 5e-4).abs() < 1e-12);
        assert!((rate(200) - 5e-4 * 0.5f64.powf(0.9)).abs() < 1e-12);
    }

    #[test]
    fn a_run_without_warming_up_starts_at_the_full_rate() {
        assert!((warm_rate(&schedule(0), 0) - 5e-4).abs() < 1e-12);
        assert!(warm_rate(&schedule(0), 1) < 5e-4);
    }
}
