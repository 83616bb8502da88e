//! One run of teaching: increments of a base that learn from samples of the user's cases.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use burn::grad_clipping::GradientClippingConfig;
use burn::optim::AdamWConfig;
use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;

use crate::models::checkpoint::WeightMap;
use crate::util::JobContext;

use super::super::TrainError;
use super::super::checkpoint;
use super::super::config::Schedule;
use super::super::driver::{At, Checkpoints, Learnt, Length, RunState, TrainingRun, TrainingTask};
use super::super::prosector1::learning_rate;
use super::increments::{Increments, Plan};
use super::students::Pupil;

/// Least time between two checkpoints.
const CHECKPOINT: Duration = Duration::from_secs(20);

/// A run, and who is told of it.
pub(super) struct Run<'a> {
    pub pupil: &'a dyn Pupil,
    pub plan: &'a Plan,
    pub schedule: &'a Schedule,
    /// One that tracks gradients.
    pub device: &'a Device,
    /// Where it keeps its checkpoints.
    pub folder: &'a Path,
    /// Whether to go on from the last of them, where there is one.
    pub resume: bool,
    /// What of the whole job's progress the run is.
    pub share: Range<f32>,
    pub ctx: &'a JobContext,
    /// Hears of each step, counted from 1, and its loss.
    pub told: &'a dyn Fn(usize, f64),
}

impl Run<'_> {
    /// Teaches, and gives the tensors of the adapter.
    ///
    /// # Errors
    /// A loss that is no number, a checkpoint that cannot be written or read, a job asked to stop.
    pub fn taught(&self) -> Result<WeightMap, TrainError> {
        let run = TrainingRun {
            seed: self.schedule.seed,
            length: Length::Steps(self.schedule.steps),
            checkpoints: Some(Checkpoints {
                folder: self.folder,
                every: CHECKPOINT,
            }),
            resume: self.resume && checkpoint::last(self.folder).is_ok(),
            share: self.share.clone(),
            dropout: None,
            ctx: self.ctx,
        };
        let increments = self.plan.start(self.schedule.seed, self.device);
        let entries = self.plan.entries(&increments);
        let optimizer = AdamWConfig::new()
            .with_weight_decay(self.schedule.weight_decay)
            .with_grad_clipping(Some(GradientClippingConfig::Norm(1.0)))
            .init();
        let state = run.run(RunState::fresh(increments, entries, optimizer), self)?;
        Ok(state.weights())
    }
}

impl TrainingTask<Increments> for Run<'_> {
    /// The number of a step.
    type Batch = usize;

    fn batches(&self, at: &At<'_>, _rng: &mut ChaCha8Rng) -> Vec<usize> {
        let end = at.steps_before + self.schedule.checkpoint_every;
        (at.steps_before..end.min(self.schedule.steps)).collect()
    }

    fn learn(
        &self,
        increments: &Increments,
        step: &usize,
        _at: &At<'_>,
        _rng: &mut ChaCha8Rng,
    ) -> Result<Learnt, TrainError> {
        let learnt = self.pupil.learn(increments, *step)?;
        (self.told)(*step + 1, learnt.loss);
        Ok(learnt)
    }

    fn rate(&self, at: &At<'_>) -> f64 {
        learning_rate(self.schedule, at.steps_before)
    }
}
