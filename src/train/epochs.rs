//! Training epoch by epoch, which the published systems share: the loop, its checkpoints, and the choice of the best
//! weights.
//!
//! Every random choice of an epoch comes from the seed and the epoch's number alone, so a run that is resumed goes on
//! exactly as it would have.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use crate::models::ModelError;
use crate::models::checkpoint::{
    ParamEntry, Precision, TensorFile, WeightMap, export, write_burnpack,
};
use crate::util::{JobContext, peak_memory_note};

use super::TrainError;
use super::checkpoint::{self, EpochRecord, Progress};

const NET: &str = "net.bpk";
const OPTIMIZER: &str = "optimizer.bpk";
const BEST: &str = "best.bpk";

/// Where and how often a recipe's run keeps its state.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Checkpoints {
    /// The folder.
    pub folder: PathBuf,
    /// Minutes between two states; one is written at the end of an epoch, and after the last epoch in any case.
    #[serde(default = "five")]
    pub every_minutes: f64,
}

fn five() -> f64 {
    5.0
}

/// What one system does in an epoch.
pub(super) trait Lesson<M: Module> {
    /// What a step learns from.
    type Batch;

    /// The steps of an epoch, in an order drawn from `rng`.
    fn batches(&self, rng: &mut ChaCha8Rng) -> Vec<Self::Batch>;

    /// The loss of a step.
    fn loss(
        &self,
        net: &M,
        batch: &Self::Batch,
        epoch: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Tensor<1>, TrainError>;

    /// The learning rate of a step.
    fn rate(&self, at: &At<'_>) -> f64;

    /// Changes gradients before they are applied.
    fn limit(&self, _net: &M, _entries: &[ParamEntry], _gradients: &mut GradientsParams) {}

    /// The measure that chooses the best epoch, lower being better; where it is never taken, the last epoch is kept.
    fn score(&self, _net: &M, _epoch: usize) -> Result<Option<f64>, TrainError> {
        Ok(None)
    }
}

/// Where a run is.
pub(super) struct At<'a> {
    /// Counted from 0.
    pub epoch: usize,
    /// Within the epoch, counted from 0.
    pub step: usize,
    /// Steps of the epoch.
    pub steps: usize,
    /// The epochs before.
    pub history: &'a [EpochRecord],
}

/// A run from its first epoch, or from its last checkpoint, to its end.
pub(super) struct Course<'a> {
    pub seed: u64,
    pub epochs: usize,
    pub checkpoints: Option<&'a Checkpoints>,
    /// Whether to go on from the last checkpoint.
    pub resume: bool,
    /// The share of the whole job that is done when the run starts; it ends at nine tenths.
    pub start: f32,
    /// The device of the network, whose own random numbers (dropout) are seeded for each epoch.
    pub device: &'a Device,
    pub ctx: &'a JobContext,
}

/// A run between two epochs.
struct State<M: Module> {
    net: M,
    /// The parameters' names, with the ids that they have in `net`.
    entries: Vec<ParamEntry>,
    optimizer: ModuleOptimizer,
    history: Vec<EpochRecord>,
    /// Weights of the epoch with the lowest score.
    best: Option<WeightMap>,
}

impl Course<'_> {
    /// Trains; the result are the weights of the best epoch, or of the last where the lesson does not choose.
    ///
    /// # Errors
    /// A loss that is no number, a checkpoint that cannot be written or read, a job asked to stop, whatever the lesson
    /// finds.
    pub fn run<M: Module, L: Lesson<M>>(
        &self,
        net: M,
        entries: Vec<ParamEntry>,
        optimizer: ModuleOptimizer,
        lesson: &L,
    ) -> Result<WeightMap, TrainError> {
        let fresh = State {
            net,
            entries,
            optimizer,
            history: Vec::new(),
            best: None,
        };
        let mut state = match (self.resume, self.checkpoints) {
            (true, Some(kept)) => State::load(&kept.folder, fresh)?,
            _ => fresh,
        };
        let mut saved = Instant::now();
        while state.history.len() < self.epochs {
            state = self.epoch(state, lesson)?;
            let Some(kept) = self.checkpoints else {
                continue;
            };
            let last = state.history.len() == self.epochs;
            if last || saved.elapsed() >= Duration::from_secs_f64(60.0 * kept.every_minutes) {
                state.save(&kept.folder)?;
                saved = Instant::now();
            }
        }
        Ok(match state.best {
            Some(best) => best,
            None => export(&state.net.valid(), &state.entries),
        })
    }

    fn epoch<M: Module, L: Lesson<M>>(
        &self,
        mut state: State<M>,
        lesson: &L,
    ) -> Result<State<M>, TrainError> {
        let epoch = state.history.len();
        let mut rng = self.rng(epoch);
        let batches = lesson.batches(&mut rng);
        let steps = batches.len();
        let began = Instant::now();
        let (mut sum, mut last) = (0.0, 0.0);
        for (step, batch) in batches.iter().enumerate() {
            let done = (epoch as f32 + step as f32 / steps as f32) / self.epochs as f32;
            let line = self.line(epoch, step, sum, began);
            self.ctx
                .step(self.start + (0.9 - self.start) * done, &line)?;
            let loss = lesson.loss(&state.net, batch, epoch, &mut rng)?;
            last = f64::from(loss.clone().inner().into_scalar::<f32>());
            if !last.is_finite() {
                return Err(TrainError::Diverged { epoch: epoch + 1 });
            }
            sum += last;
            let mut gradients = GradientsParams::from_grads(loss.backward(), &state.net);
            lesson.limit(&state.net, &state.entries, &mut gradients);
            let rate = lesson.rate(&At {
                epoch,
                step,
                steps,
                history: &state.history,
            });
            state.net = state.optimizer.step(rate, state.net, gradients);
        }
        let mean = sum / steps.max(1) as f64;
        let net = state.net.valid();
        let score = lesson.score(&net, epoch)?;
        self.tell(epoch, mean, score, began);
        let before = state.history.iter().filter_map(|e| e.score);
        let lowest = before.fold(f64::INFINITY, f64::min);
        if score.is_some_and(|score| score < lowest) {
            state.best = Some(export(&net, &state.entries));
        }
        state.history.push(EpochRecord { mean, last, score });
        Ok(state)
    }

    /// The random numbers of an epoch. What the device draws by itself is seeded along.
    fn rng(&self, epoch: usize) -> ChaCha8Rng {
        let seed = self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let seed = seed.wrapping_add(epoch as u64);
        self.device.seed(seed);
        ChaCha8Rng::seed_from_u64(seed)
    }

    fn line(&self, epoch: usize, step: usize, sum: f64, began: Instant) -> String {
        let place = format!("epoch {} of {}", epoch + 1, self.epochs);
        if step == 0 {
            return place + &peak_memory_note();
        }
        let (loss, seconds) = (sum / step as f64, began.elapsed().as_secs_f64());
        let per_step = seconds / step as f64;
        let memory = peak_memory_note();
        format!("{place}, step {step}: loss {loss:.4}; {per_step:.2} s a step{memory}")
    }

    fn tell(&self, epoch: usize, mean: f64, score: Option<f64>, began: Instant) {
        let (number, seconds) = (epoch + 1, began.elapsed().as_secs_f64());
        let memory = peak_memory_note();
        let chosen = score.map_or_else(String::new, |s| format!(", {s:.4} when choosing"));
        tracing::info!("epoch {number}: mean loss {mean:.4}{chosen}; {seconds:.1} s{memory}");
    }
}

impl<M: Module> State<M> {
    fn save(&self, folder: &Path) -> Result<(), TrainError> {
        let progress = Progress {
            step: self.history.len(),
            epochs: self.history.clone(),
        };
        checkpoint::replace(folder, &progress, |step| {
            checkpoint::save_module(&self.net, &step.join(NET))?;
            checkpoint::save_optimizer(&self.optimizer, &step.join(OPTIMIZER))?;
            match &self.best {
                Some(best) => Ok(write_burnpack(&step.join(BEST), best, Precision::Single)
                    .map_err(ModelError::from)?),
                None => Ok(()),
            }
        })
    }

    /// Reads the last state; `fresh` gives the structure to load into.
    fn load(folder: &Path, fresh: Self) -> Result<Self, TrainError> {
        let (step, progress) = checkpoint::last(folder)?;
        let before = ids(&fresh.net);
        let net = checkpoint::load_module(fresh.net, &step.join(NET))?;
        let after = ids(&net);
        let mut entries = fresh.entries;
        for entry in &mut entries {
            if let Some(place) = before.iter().position(|id| *id == entry.id) {
                entry.id = after[place];
            }
        }
        let best = match progress.epochs.iter().any(|epoch| epoch.score.is_some()) {
            true => Some(in_memory(&step.join(BEST))?),
            false => None,
        };
        Ok(Self {
            net,
            entries,
            optimizer: checkpoint::load_optimizer(fresh.optimizer, &step.join(OPTIMIZER))?,
            history: progress.epochs,
            best,
        })
    }
}

/// The tensors of a file that the next checkpoint removes.
fn in_memory(path: &Path) -> Result<WeightMap, TrainError> {
    let file = TensorFile::open(path).map_err(ModelError::from)?;
    let mut weights = WeightMap::default();
    for name in file.names() {
        weights.insert(name, file.read(name).map_err(ModelError::from)?);
    }
    Ok(weights)
}

/// The ids of a network's parameters, in the order in which it is visited.
fn ids<M: Module>(net: &M) -> Vec<ParamId> {
    struct Ids(Vec<ParamId>);
    impl ModuleVisitor for Ids {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.push(param.id);
        }
    }
    let mut found = Ids(Vec::new());
    net.visit(&mut found);
    found.0
}

/// Puts the items of an epoch into a random order.
pub(super) fn shuffle<T>(items: &mut [T], rng: &mut ChaCha8Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, rng.random_range(0..=last));
    }
}
