//! The training loop.

use std::collections::BTreeMap;
use std::time::Instant;

use burn::grad_clipping::GradientClippingConfig;
use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::models::prosector1::prompt_channels;
use crate::models::prosector1::{IMAGE_CHANNELS, NetConfig, PROMPT_CHANNELS, ProsectorNet};
use crate::models::weights::start_from;
use crate::models::{DeviceChoice, compute};
use crate::util::{JobContext, peak_memory_note};
use crate::volume::metrics::dice;

use super::automatic::{self, AutomaticSample};
use super::cases::Cases;
use super::checkpoint::{self, RunState};
use super::config::{Schedule, TrainConfig};
use super::losses::{CrossEntropy, mask_loss, region_tensor};
use super::prompted::{self, PromptedSample};
use super::{TrainError, ema};

/// A prompted target fills much of its region.
const TARGET: CrossEntropy = CrossEntropy {
    target_weight: 1.0,
    weight: 1.0,
};
/// Steps between two lines of progress.
const REPORT_EVERY: usize = 10;

/// One sample of either path.
enum Sample {
    Automatic(String, AutomaticSample),
    Prompted(PromptedSample),
}

/// Trains from the start, or from the last checkpoint on.
pub(super) fn train(
    config: &TrainConfig,
    cases: &Cases,
    device: DeviceChoice,
    resume: bool,
    ctx: &JobContext,
) -> Result<(), TrainError> {
    let plain = compute::open(device)?.1;
    let device = plain.clone().autodiff();
    plain.seed(config.schedule.seed);
    let net_config = NetConfig::new(config.structures.len());
    let net = ProsectorNet::new(&net_config, &device);
    let net = match &config.initial_weights {
        Some(path) => start_from(path, net)?,
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
    while state.step < config.schedule.steps {
        let samples = draw(config, cases, state.step)?;
        state = advance(config, state, &samples, &device, &mut meter);
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

/// The samples of a step: they depend on the seed and the step alone.
fn draw(config: &TrainConfig, cases: &Cases, step: usize) -> Result<Vec<Sample>, TrainError> {
    let seed = config.schedule.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut rng = ChaCha8Rng::seed_from_u64(seed.wrapping_add(step as u64));
    (0..config.schedule.batch)
        .map(|_| draw_one(&mut rng, config, cases))
        .collect()
}

fn draw_one(
    rng: &mut ChaCha8Rng,
    config: &TrainConfig,
    cases: &Cases,
) -> Result<Sample, TrainError> {
    loop {
        let mut left = rng.random::<f64>();
        for (name, share) in &config.mix.automatic {
            if left < *share {
                let dataset = cases.dataset(name)?;
                let sample = automatic::sample(rng, dataset, &config.structures);
                return Ok(Sample::Automatic(name.clone(), sample));
            }
            left -= share;
        }
        let mut sample = None;
        for (name, share) in &config.mix.prompted {
            if (0.0..*share).contains(&left) {
                sample = Some(prompted::from_dataset(rng, cases.dataset(name)?));
            }
            left -= share;
        }
        let sample = sample.unwrap_or_else(|| prompted::from_procedure(rng));
        if let Some(sample) = sample {
            return Ok(Sample::Prompted(sample));
        }
    }
}

/// One optimiser step.
fn advance(
    config: &TrainConfig,
    state: RunState,
    samples: &[Sample],
    device: &Device,
    meter: &mut Meter,
) -> RunState {
    let RunState {
        net,
        average,
        mut optimizer,
        step,
    } = state;
    let mut rng = ChaCha8Rng::seed_from_u64(config.schedule.seed ^ step as u64);
    let mut total: Option<Tensor<1>> = None;
    for sample in samples {
        let loss = match sample {
            Sample::Automatic(dataset, sample) => {
                let loss = automatic_loss(&net, sample, config.structure_loss, device);
                meter.automatic(dataset, loss.clone().into_scalar::<f32>());
                loss
            }
            Sample::Prompted(sample) => prompted_loss(&net, sample, device, &mut rng, meter),
        };
        total = Some(match total {
            Some(total) => total + loss,
            None => loss,
        });
    }
    let net = match total {
        Some(total) => {
            let gradients = (total / samples.len() as f64).backward();
            let gradients = GradientsParams::from_grads(gradients, &net);
            optimizer.step(learning_rate(&config.schedule, step), net, gradients)
        }
        None => net,
    };
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

fn automatic_loss(
    net: &ProsectorNet,
    sample: &AutomaticSample,
    cross_entropy: CrossEntropy,
    device: &Device,
) -> Tensor<1> {
    let image = region_tensor(sample.image.channels.clone(), IMAGE_CHANNELS, device);
    let inside = region_tensor(sample.image.inside.clone(), 1, device);
    let logits = net.automatic(&net.encode(image));
    let known = sample.truth.iter().flatten().count().max(1);
    let mut total = Tensor::zeros([1], device);
    for (channel, truth) in sample.truth.iter().enumerate() {
        if let Some(truth) = truth {
            let logits = logits.clone().narrow(4, channel, 1);
            total = total + mask_loss(logits, truth.clone(), &inside, cross_entropy);
        }
    }
    total / known as f64
}

/// Two rounds: the first prompts, then a click on the largest error with the first answer as previous mask.
fn prompted_loss(
    net: &ProsectorNet,
    sample: &PromptedSample,
    device: &Device,
    rng: &mut ChaCha8Rng,
    meter: &mut Meter,
) -> Tensor<1> {
    let image = region_tensor(sample.image.channels.clone(), IMAGE_CHANNELS, device);
    let inside = region_tensor(sample.image.inside.clone(), 1, device);
    let intensity = sample.image.intensity();
    let embedding = net.encode(image);
    let target: Vec<u8> = sample.truth.iter().map(|&t| u8::from(t > 0.5)).collect();
    let mut prompts = sample.prompts.clone();
    let mut total = Tensor::zeros([1], device);
    for round in 0..2 {
        let channels = prompt_channels::draw(&prompts, &intensity, &sample.image.inside);
        let channels = region_tensor(channels, PROMPT_CHANNELS, device);
        let logits = net.prompted(&embedding, channels);
        if round == 0 {
            let probability = sigmoid(logits.clone().inner()).into_data();
            let mut probability: Vec<f32> = probability.iter::<f32>().collect();
            let answer: Vec<u8> = probability.iter().map(|&p| u8::from(p > 0.5)).collect();
            meter.prompted.add(dice(&answer, &target) as f32);
            if prompts.target_box.is_none() || rng.random_bool(0.6) {
                prompts
                    .clicks
                    .extend(prompted::correction(rng, &probability, &target));
            }
            if rng.random_bool(0.3) {
                for p in &mut probability {
                    *p = p.round();
                }
            }
            prompts.previous = Some(probability);
        }
        total = total + mask_loss(logits, sample.truth.clone(), &inside, TARGET);
    }
    total / 2.0
}

/// Running means for the progress line.
struct Meter {
    automatic: BTreeMap<String, Running>,
    prompted: Running,
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
            prompted: Running::default(),
            since: Instant::now(),
            first,
        }
    }

    fn automatic(&mut self, dataset: &str, loss: f32) {
        self.automatic
            .entry(dataset.to_owned())
            .or_default()
            .add(loss);
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
            "step {step}: automatic loss {}; prompted Dice {}; {per_step:.2} s a step{}",
            automatic.join(", "),
            shown(&self.prompted),
            peak_memory_note(),
        )
    }
}
