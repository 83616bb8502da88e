//! The training loop that the volume networks share.

use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::Tensor;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::models::checkpoint::{ParamEntry, WeightMap, export};
use crate::train::TrainError;
use crate::train::clipping::clip_parts;
use crate::util::JobContext;

use super::recipe::VolumeRecipe;

/// A network in training.
pub(super) struct Fit<'a> {
    pub recipe: &'a VolumeRecipe,
    /// Scans to train on.
    pub scans: usize,
    /// The learning rate of an epoch.
    pub rate: fn(&VolumeRecipe, usize) -> f64,
    /// Longest gradient of each part.
    pub longest: f64,
}

impl Fit<'_> {
    /// Trains with `loss` of (network, scan, epoch), and keeps the weights of the epoch with the lowest `score`.
    ///
    /// # Errors
    /// A job asked to stop, whatever `loss` and `score` find.
    pub fn run<M: Module>(
        &self,
        net: M,
        entries: &[ParamEntry],
        ctx: &JobContext,
        mut loss: impl FnMut(&M, usize, usize, &mut ChaCha8Rng) -> Result<Tensor<1>, TrainError>,
        mut score: impl FnMut(&M, &mut ChaCha8Rng) -> Result<f64, TrainError>,
    ) -> Result<WeightMap, TrainError> {
        let schedule = &self.recipe.schedule;
        let mut optimizer = AdamWConfig::new()
            .with_weight_decay(0.0)
            .with_epsilon(1e-8)
            .init();
        let mut rng = ChaCha8Rng::seed_from_u64(schedule.seed);
        let (mut net, mut best) = (net, (f64::INFINITY, WeightMap::default()));
        for epoch in 0..schedule.epochs {
            let mut order: Vec<usize> = (0..self.scans * self.recipe.crops.per_scan).collect();
            for last in (1..order.len()).rev() {
                order.swap(last, rng.random_range(0..=last));
            }
            let mut sum = 0.0;
            for (step, crop) in order.iter().enumerate() {
                let done = epoch as f32 + step as f32 / order.len() as f32;
                let stage = format!("epoch {} of {}", epoch + 1, schedule.epochs);
                ctx.step(0.05 + 0.85 * done / schedule.epochs as f32, &stage)?;
                let found = loss(&net, crop % self.scans, epoch, &mut rng)?;
                sum += f64::from(found.clone().inner().into_scalar::<f32>());
                let mut gradients = GradientsParams::from_grads(found.backward(), &net);
                clip_parts(&net, entries, &mut gradients, self.longest);
                net = optimizer.step((self.rate)(self.recipe, epoch), net, gradients);
            }
            let mean = sum / order.len().max(1) as f64;
            let last = epoch + 1 == schedule.epochs;
            if last || (epoch + 1).is_multiple_of(schedule.choose_every) {
                // The same crops every time, so that epochs can be compared.
                let mut same = ChaCha8Rng::seed_from_u64(schedule.seed ^ 1);
                let found = score(&net.valid(), &mut same)?;
                tracing::info!("epoch {}: loss {mean:.4}, choosing {found:.4}", epoch + 1);
                if found < best.0 {
                    best = (found, export(&net, entries));
                }
            } else {
                tracing::info!("epoch {}: loss {mean:.4}", epoch + 1);
            }
        }
        Ok(best.1)
    }
}

/// 3DSAM-adapter: falls linearly to a hundredth.
pub(super) fn linear_rate(recipe: &VolumeRecipe, epoch: usize) -> f64 {
    let done = epoch as f64 / recipe.schedule.epochs as f64;
    recipe.schedule.learning_rate * (1.0 - 0.99 * done.min(1.0))
}

/// AutoProSAM: five epochs of exponential warm-up, then a polynomial fall.
pub(super) fn warm_rate(recipe: &VolumeRecipe, epoch: usize) -> f64 {
    const WARM: f64 = 5.0;
    #[expect(clippy::approx_constant, reason = "the authors wrote these digits")]
    const BASE: f64 = 2.718;
    let (at, all) = (epoch as f64, recipe.schedule.epochs as f64);
    let factor = if at <= WARM {
        BASE.powf(10.0 * (at / WARM - 1.0))
    } else {
        (1.0 - at / all).powf(0.9)
    };
    recipe.schedule.learning_rate * factor
}
