//! Training the model in the box: both paths side by side, and a running average of the weights, which is what is
//! shipped.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::thread::Scope;
use std::time::Duration;

use burn::grad_clipping::GradientClippingConfig;
use burn::module::Module;
use burn::optim::{AdamWConfig, ModuleOptimizer};
use rand_chacha::ChaCha8Rng;

use crate::models::checksum::checksum;
use crate::models::prosector1::weights::{load_net, save_net, start_from};
use crate::models::prosector1::{NetConfig, ProsectorNet};
use crate::models::{ComputeDevice, ModelError, compute};
use crate::util::JobContext;

use super::batch::{self, Batch};
use super::cases::{self, Cases};
use super::checkpoint::{self, CARD, WEIGHTS, failed};
use super::config::{Learner, Schedule, TrainConfig};
use super::driver::{At, Checkpoints, Learnt, Length, RunState, TrainingRun, TrainingTask};
use super::giving_way::received;
use super::learn::{GroupLearnt, Seen, learn};
use super::source::Source;
use super::{TrainError, TrainRequest};

/// Batches that are drawn while earlier ones are learnt from.
const AHEAD: usize = 3;

/// Trains from the start, or from the last checkpoint on; the recipe's folder ends up holding weights and card.
///
/// # Errors
/// A bad recipe, unreadable data, a cache of other data, a checkpoint that cannot be written or read, a job asked to
/// stop.
pub(super) fn train(request: &TrainRequest, ctx: &JobContext) -> Result<(), TrainError> {
    let cache = request.cache.as_deref();
    let config = TrainConfig::load(&request.recipe)?;
    let read = [Some(request.recipe.as_path()), cache].into_iter();
    let read: Vec<&Path> = read.flatten().chain(config.files_read()).collect();
    checkpoint::check_keeps(&config.checkpoints, &read)?;
    let cases = cases::load(&config, &Source::open(&config, cache)?, ctx)?;
    let (compute, plain) = compute::open(request.device)?;
    let device = plain.clone().autodiff();
    plain.seed(config.schedule.seed);
    let net_config = NetConfig::new(config.structures.len());
    let net = ProsectorNet::new(&net_config, &device);
    let net = match &config.initial_weights {
        Some(path) => start_from(path, net).map_err(ModelError::from)?,
        None => net,
    };
    tracing::info!("{} parameters", net.num_params());
    let run = TrainingRun {
        seed: config.schedule.seed,
        length: Length::Steps(config.schedule.steps),
        checkpoints: Some(Checkpoints {
            folder: &config.checkpoints,
            every: Duration::ZERO,
        }),
        resume: request.resume,
        share: 0.0..1.0,
        dropout: None,
        ctx,
    };
    let fresh = RunState::fresh(net, Vec::new(), optimizer(&config.schedule));
    std::thread::scope(|scope| {
        let task = BoxTask {
            config: &config,
            batches: Ahead::new(scope, &config, &cases),
            at_once: samples_at_once(&compute),
            meter: RefCell::default(),
            ctx,
        };
        run.run(fresh, &task).map(|_| ())
    })?;
    // What is shipped must read back.
    let weights = config.checkpoints.join(WEIGHTS);
    load_net(&weights, &net_config, &plain).map_err(ModelError::from)?;
    Ok(())
}

/// Samples in one tensor: many keep a GPU busy; on a processor one stays in its cache, and several are learnt from side
/// by side.
pub(super) fn samples_at_once(device: &ComputeDevice) -> usize {
    if device.kind == "cpu" { 1 } else { 16 }
}

fn optimizer(schedule: &Schedule) -> ModuleOptimizer {
    AdamWConfig::new()
        .with_weight_decay(schedule.weight_decay)
        .with_grad_clipping(Some(GradientClippingConfig::Norm(1.0)))
        .init()
}

/// Linear warm-up, then a cosine down to a hundredth.
pub(super) fn learning_rate(schedule: &Schedule, step: usize) -> f64 {
    let warm = (step + 1) as f64 / schedule.warmup.max(1) as f64;
    let done = step as f64 / schedule.steps as f64;
    let cosine = 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
    schedule.learning_rate * warm.min(1.0) * (0.01 + 0.99 * cosine)
}

/// What a recipe of the model in the box does in a run. An epoch is what lies between two checkpoints.
struct BoxTask<'scope, 'env> {
    config: &'env TrainConfig,
    batches: Ahead<'scope, 'env>,
    at_once: usize,
    meter: RefCell<Meter>,
    ctx: &'env JobContext,
}

impl TrainingTask<ProsectorNet> for BoxTask<'_, '_> {
    /// The number of a step.
    type Batch = usize;

    fn batches(&self, at: &At<'_>, _rng: &mut ChaCha8Rng) -> Vec<usize> {
        let Schedule {
            steps,
            checkpoint_every,
            ..
        } = self.config.schedule;
        let every = checkpoint_every.max(1);
        let end = (at.steps_before / every + 1) * every;
        (at.steps_before..end.min(steps)).collect()
    }

    fn learn(
        &self,
        net: &ProsectorNet,
        step: &usize,
        _at: &At<'_>,
        _rng: &mut ChaCha8Rng,
    ) -> Result<Learnt, TrainError> {
        let batch = self.batches.next(*step, self.ctx)?;
        let how = (*step, self.at_once);
        let own = |net: &ProsectorNet| {
            let net = net.valid().train();
            let net = match self.config.learner {
                Learner::Network => net,
                Learner::Refiner => net.learning_to_refine(),
            };
            (net.clone(), net)
        };
        let groups = learn(net, own, &batch, self.config, how, self.ctx)?;
        let parts = groups.into_iter().map(|GroupLearnt { learnt, seen }| {
            self.meter.borrow_mut().note(&seen);
            learnt
        });
        Ok(Learnt::summed(parts, net))
    }

    fn rate(&self, at: &At<'_>) -> f64 {
        learning_rate(&self.config.schedule, at.steps_before)
    }

    fn average(&self, at: &At<'_>) -> Option<f64> {
        let young = (at.steps_before + 1) as f64 / (at.steps_before + 10) as f64;
        Some(self.config.schedule.average.min(young))
    }

    fn note(&self) -> String {
        self.meter.borrow().line()
    }

    /// Writes the averaged weights in the form that is shipped, with their card.
    fn publish(&self, average: &ProsectorNet) -> Result<(), TrainError> {
        let folder = &self.config.checkpoints;
        let weights = folder.join(WEIGHTS);
        save_net(&weights, average.clone())?;
        let bytes = std::fs::read(&weights).map_err(|e| failed(&weights, e))?;
        let card_path = folder.join(CARD);
        let card = self.config.model_card(WEIGHTS, checksum(&bytes));
        let text = toml::to_string(&card).map_err(|e| failed(&card_path, e))?;
        checkpoint::write_text(&card_path, &text)
    }
}

/// The batches of a run, drawn on a thread of their own from the first that is asked for on.
struct Ahead<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    config: &'env TrainConfig,
    cases: &'env Cases,
    drawn: OnceCell<Receiver<Result<Batch, TrainError>>>,
}

impl<'scope, 'env> Ahead<'scope, 'env> {
    fn new(
        scope: &'scope Scope<'scope, 'env>,
        config: &'env TrainConfig,
        cases: &'env Cases,
    ) -> Self {
        Self {
            scope,
            config,
            cases,
            drawn: OnceCell::new(),
        }
    }

    /// The batch of a step; each step is asked for once, in order.
    fn next(&self, step: usize, ctx: &JobContext) -> Result<Batch, TrainError> {
        let drawn = self.drawn.get_or_init(|| self.draw_from(step));
        // The thread is gone only after a panic, which comes again here.
        received(ctx, drawn)?.unwrap_or_else(|| batch::draw(self.config, self.cases, step))
    }

    fn draw_from(&self, first: usize) -> Receiver<Result<Batch, TrainError>> {
        let (sender, drawn) = mpsc::sync_channel(AHEAD);
        let (config, cases) = (self.config, self.cases);
        // Ends when it is done, or when nobody waits for its batches any more.
        self.scope.spawn(move || {
            (first..config.schedule.steps)
                .map(|step| batch::draw(config, cases, step))
                .try_for_each(|batch| sender.send(batch))
        });
        drawn
    }
}

/// Running means for the progress line.
#[derive(Default)]
struct Meter {
    automatic: BTreeMap<String, Running>,
    first_answer: Running,
    last_answer: Running,
}

#[derive(Default)]
struct Running(Option<f32>);

impl Running {
    fn add(&mut self, value: f32) {
        self.0 = Some(self.0.map_or(value, |mean| mean + 0.03 * (value - mean)));
    }
}

impl Meter {
    fn note(&mut self, seen: &[Seen]) {
        for sample in seen {
            match sample {
                Seen::Automatic(dataset, loss) => {
                    let mean = self.automatic.entry(dataset.clone()).or_default();
                    mean.add(*loss);
                }
                Seen::Prompted { first, last } => {
                    self.first_answer.add(*first);
                    self.last_answer.add(*last);
                }
            }
        }
    }

    /// As part of a line.
    fn line(&self) -> String {
        let shown = |r: &Running| r.0.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
        let automatic: Vec<String> = self
            .automatic
            .iter()
            .map(|(dataset, loss)| format!("{dataset} {}", shown(loss)))
            .collect();
        format!(
            "automatic loss {}; prompted Dice {} first, {} last; ",
            automatic.join(", "),
            shown(&self.first_answer),
            shown(&self.last_answer),
        )
    }
}
