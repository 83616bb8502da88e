//! One run of teaching: increments of a base that learn from samples of the user's cases.

use std::path::Path;
use std::time::Duration;

use burn::grad_clipping::GradientClippingConfig;
use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsAccumulator};
use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;

use crate::models::checkpoint::{Missing, WeightMap, fill};
use crate::models::prosector1::{NetConfig, ProsectorNet};
use crate::models::{ComputeDevice, ModelError};
use crate::util::JobContext;

use super::super::TrainError;
use super::super::batch;
use super::super::cases::Cases;
use super::super::checkpoint;
use super::super::config::TrainConfig;
use super::super::driver::{At, Checkpoints, Learnt, Length, RunState, TrainingRun, TrainingTask};
use super::super::giving_way::meanwhile;
use super::super::learn::{GroupLearnt, learn};
use super::super::prosector1::{learning_rate, samples_at_once};
use super::increments::{Increments, Plan};

/// Least time between two checkpoints.
const CHECKPOINT: Duration = Duration::from_secs(20);

/// A network that increments are added to, on a device.
pub(super) struct Base<'a> {
    pub weights: &'a WeightMap,
    /// Structures of the automatic path.
    pub structures: usize,
    pub compute: &'a ComputeDevice,
    pub device: &'a Device,
}

/// Hears of each step, counted from 1, and its loss.
type Told<'a> = &'a (dyn Fn(usize, f64) + Sync);

/// Teaches from the start, or from the last checkpoint in `folder` where there is one and `resume` asks for it; gives the
/// tensors of the adapter.
///
/// # Errors
/// Weights that do not fit, nothing to learn from, a checkpoint that cannot be written or read, a job asked to stop.
pub(super) fn taught(
    base: &Base<'_>,
    plan: &Plan,
    (config, cases): (&TrainConfig, &Cases),
    (folder, resume): (&Path, bool),
    share: std::ops::Range<f32>,
    (ctx, told): (&JobContext, Told<'_>),
) -> Result<WeightMap, TrainError> {
    let device = base.device.clone().autodiff();
    let net = ProsectorNet::new(&NetConfig::new(base.structures), &device);
    let net = fill(net, base.weights, Missing::Refused, "the model in the box");
    let task = TeachTask {
        base: net.map_err(ModelError::from)?.no_grad(),
        plan,
        config,
        cases,
        at_once: samples_at_once(base.compute),
        ctx,
        told,
    };
    let run = TrainingRun {
        seed: config.schedule.seed,
        length: Length::Steps(config.schedule.steps),
        checkpoints: Some(Checkpoints {
            folder,
            every: CHECKPOINT,
        }),
        resume: resume && checkpoint::last(folder).is_ok(),
        share,
        dropout: None,
        ctx,
    };
    let increments = plan.start(config.schedule.seed, &device);
    let entries = plan.entries(&increments);
    let optimizer = AdamWConfig::new()
        .with_weight_decay(config.schedule.weight_decay)
        .with_grad_clipping(Some(GradientClippingConfig::Norm(1.0)))
        .init();
    let state = run.run(RunState::fresh(increments, entries, optimizer), &task)?;
    Ok(state.weights())
}

struct TeachTask<'a> {
    /// From which nothing is learnt.
    base: ProsectorNet,
    plan: &'a Plan,
    config: &'a TrainConfig,
    cases: &'a Cases,
    at_once: usize,
    ctx: &'a JobContext,
    told: Told<'a>,
}

impl TrainingTask<Increments> for TeachTask<'_> {
    /// The number of a step.
    type Batch = usize;

    fn batches(&self, at: &At<'_>, _rng: &mut ChaCha8Rng) -> Vec<usize> {
        let schedule = &self.config.schedule;
        let end = at.steps_before + schedule.checkpoint_every;
        (at.steps_before..end.min(schedule.steps)).collect()
    }

    fn learn(
        &self,
        increments: &Increments,
        step: &usize,
        _at: &At<'_>,
        _rng: &mut ChaCha8Rng,
    ) -> Result<Learnt, TrainError> {
        let batch = meanwhile(self.ctx, || batch::draw(self.config, self.cases, *step))??;
        let own = |increments: &Increments| {
            let increments = increments.valid().train();
            let base = self.base.valid().train().no_grad();
            let net = self.plan.network(base, &increments);
            (increments, net)
        };
        let mut gradients = GradientsAccumulator::new();
        let mut loss = 0.0;
        let how = (*step, self.at_once);
        for GroupLearnt { learnt, .. } in
            learn(increments, own, &batch, self.config, how, self.ctx)?
        {
            gradients.accumulate(increments, learnt.gradients);
            loss += learnt.loss;
        }
        (self.told)(*step + 1, loss);
        Ok(Learnt {
            gradients: gradients.grads(),
            loss,
        })
    }

    fn rate(&self, at: &At<'_>) -> f64 {
        learning_rate(&self.config.schedule, at.steps_before)
    }
}
