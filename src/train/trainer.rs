//! The training loop.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Instant;

use burn::grad_clipping::GradientClippingConfig;
use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsAccumulator, ModuleOptimizer};

use crate::models::prosector1::{NetConfig, ProsectorNet};
use crate::models::weights::start_from;
use crate::models::{ComputeDevice, DeviceChoice, ModelError, compute};
use crate::util::{JobContext, peak_memory_note};

use super::batch::{self, Batch};
use super::cases::Cases;
use super::checkpoint::{self, RunState};
use super::config::{Schedule, TrainConfig};
use super::learn::{Seen, learn};
use super::{TrainError, ema};

/// Steps between two lines of progress.
const REPORT_EVERY: usize = 10;
/// Batches that are drawn while earlier ones are learnt from.
const AHEAD: usize = 3;

/// Trains from the start, or from the last checkpoint on.
pub(super) fn train(
    config: &TrainConfig,
    cases: &Cases,
    device: DeviceChoice,
    resume: bool,
    ctx: &JobContext,
) -> Result<(), TrainError> {
    let (compute, plain) = compute::open(device)?;
    let at_once = samples_at_once(&compute);
    let device = plain.clone().autodiff();
    plain.seed(config.schedule.seed);
    let net_config = NetConfig::new(config.structures.len());
    let net = ProsectorNet::new(&net_config, &device);
    let net = match &config.initial_weights {
        Some(path) => start_from(path, net).map_err(ModelError::from)?,
        None => net,
    };
    tracing::info!("{} parameters", net.num_params());
    let fresh = RunState {
        average: net.valid(),
        net,
        optimizer: optimizer(&config.schedule),
        step: 0,
    };
    let mut state = if resume {
        checkpoint::load(&config.checkpoints, fresh)?
    } else {
        fresh
    };
    let mut meter = Meter::new(state.step);
    std::thread::scope(|scope| {
        let (sender, batches) = mpsc::sync_channel(AHEAD);
        let steps = state.step..config.schedule.steps;
        // Ends when it is done, or when nobody waits for its batches any more.
        scope.spawn(move || {
            steps
                .map(|step| batch::draw(config, cases, step))
                .try_for_each(|batch| sender.send(batch))
        });
        for batch in batches {
            ctx.check()?;
            state = advance(config, state, &batch?, at_once, &mut meter);
            if state.step.is_multiple_of(REPORT_EVERY) {
                let fraction = state.step as f32 / config.schedule.steps as f32;
                ctx.step(fraction, &meter.line(state.step))?;
            }
            let last = state.step == config.schedule.steps;
            if last || state.step.is_multiple_of(config.schedule.checkpoint_every) {
                checkpoint::save(config, &state)?;
            }
        }
        checkpoint::verify(&config.checkpoints, &net_config, &plain)
    })
}

/// Samples in one tensor: many keep a GPU busy; on a processor one stays in its cache, and several are learnt from side
/// by side.
fn samples_at_once(device: &ComputeDevice) -> usize {
    if device.kind == "cpu" { 1 } else { 16 }
}

fn optimizer(schedule: &Schedule) -> ModuleOptimizer {
    AdamWConfig::new()
        .with_weight_decay(schedule.weight_decay)
        .with_grad_clipping(Some(GradientClippingConfig::Norm(1.0)))
        .init()
}

/// Linear warm-up, then a cosine down to a hundredth.
fn learning_rate(schedule: &Schedule, step: usize) -> f64 {
    let warm = (step + 1) as f64 / schedule.warmup.max(1) as f64;
    let done = step as f64 / schedule.steps as f64;
    let cosine = 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
    schedule.learning_rate * warm.min(1.0) * (0.01 + 0.99 * cosine)
}

/// One optimiser step.
fn advance(
    config: &TrainConfig,
    state: RunState,
    batch: &Batch,
    at_once: usize,
    meter: &mut Meter,
) -> RunState {
    let RunState {
        net,
        average,
        mut optimizer,
        step,
    } = state;
    let mut gradients = GradientsAccumulator::new();
    for part in learn(&net, batch, config, step, at_once) {
        gradients.accumulate(&net, part.gradients);
        meter.note(&part.seen);
    }
    let rate = learning_rate(&config.schedule, step);
    let net = optimizer.step(rate, net, gradients.grads());
    let keep = config
        .schedule
        .average
        .min((step + 1) as f64 / (step + 10) as f64);
    RunState {
        average: ema::update(average, &net.valid(), keep),
        net,
        optimizer,
        step: step + 1,
    }
}

/// Running means for the progress line.
struct Meter {
    automatic: BTreeMap<String, Running>,
    first_answer: Running,
    last_answer: Running,
    since: Instant,
    first: usize,
}

#[derive(Default)]
struct Running(Option<f32>);

impl Running {
    fn add(&mut self, value: f32) {
        self.0 = Some(self.0.map_or(value, |mean| mean + 0.03 * (value - mean)));
    }
}

impl Meter {
    fn new(first: usize) -> Self {
        Self {
            automatic: BTreeMap::new(),
            first_answer: Running::default(),
            last_answer: Running::default(),
            since: Instant::now(),
            first,
        }
    }

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

    fn line(&self, step: usize) -> String {
        let per_step = self.since.elapsed().as_secs_f64() / (step - self.first) as f64;
        let shown = |r: &Running| r.0.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
        let automatic: Vec<String> = self
            .automatic
            .iter()
            .map(|(dataset, loss)| format!("{dataset} {}", shown(loss)))
            .collect();
        format!(
            "step {step}: automatic loss {}; prompted Dice {} first, {} last; {per_step:.2} s a step{}",
            automatic.join(", "),
            shown(&self.first_answer),
            shown(&self.last_answer),
            peak_memory_note(),
        )
    }
}
