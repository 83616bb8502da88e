//! The loop of all recipes: steps, checkpoints, resuming, and the choice of the best weights.
//!
//! Every random choice comes from the seed and the number of the epoch or step alone, so a run that is resumed goes on
//! exactly as it would have.

use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::models::ModelError;
use crate::models::checkpoint::{
    ParamEntry, Precision, TensorFile, WeightMap, export, write_burnpack,
};
use crate::util::{JobContext, peak_memory_note};

use super::checkpoint::{self, EpochRecord, Progress};
use super::{TrainError, ema};

const NET: &str = "net.bpk";
const AVERAGE: &str = "average.bpk";
const OPTIMIZER: &str = "optimizer.bpk";
const BEST: &str = "best.bpk";

/// Of a run that is counted in steps, every so many are told.
const TOLD_STEPS: usize = 10;

/// What one recipe does in a run.
pub(super) trait TrainingTask<M: Module> {
    /// What a step learns from.
    type Batch;

    /// The steps of the epoch that begins, in order, at least one; `rng` is the epoch's own.
    fn batches(&self, at: &At<'_>, rng: &mut ChaCha8Rng) -> Vec<Self::Batch>;

    /// What a step teaches.
    fn learn(
        &self,
        net: &M,
        batch: &Self::Batch,
        at: &At<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Learnt, TrainError>;

    /// The learning rate of a step.
    fn rate(&self, at: &At<'_>) -> f64;

    /// Changes gradients before they are applied.
    fn limit(&self, _net: &M, _entries: &[ParamEntry], _gradients: &mut GradientsParams) {}

    /// The share of the old average that the averaged weights keep in a step; `None` where no average is taken.
    fn average(&self, _at: &At<'_>) -> Option<f64> {
        None
    }

    /// The measure that chooses the best epoch, lower being better; where it is never taken, the last epoch is kept.
    fn score(&self, _net: &M, _epoch: usize) -> Result<Option<f64>, TrainError> {
        Ok(None)
    }

    /// What else a line of progress tells, each part ending in "; ".
    fn note(&self) -> String {
        String::new()
    }

    /// Writes whatever else a checkpoint leaves of the averaged weights.
    fn publish(&self, _average: &M) -> Result<(), TrainError> {
        Ok(())
    }
}

/// What a step teaches.
pub(super) struct Learnt {
    pub gradients: GradientsParams,
    pub loss: f64,
}

impl Learnt {
    /// The gradients of a loss.
    pub fn of<M: Module>(loss: &Tensor<1>, net: &M) -> Self {
        Self {
            loss: f64::from(loss.clone().inner().into_scalar::<f32>()),
            gradients: GradientsParams::from_grads(loss.backward(), net),
        }
    }

    /// What several samples teach a network together: the sums of their gradients and losses.
    pub fn summed<M: Module>(parts: impl IntoIterator<Item = Self>, net: &M) -> Self {
        let mut gradients = GradientsAccumulator::new();
        let mut loss = 0.0;
        for part in parts {
            gradients.accumulate(net, part.gradients);
            loss += part.loss;
        }
        Self {
            gradients: gradients.grads(),
            loss,
        }
    }
}

/// Where a run is.
pub(super) struct At<'a> {
    /// Counted from 0.
    pub epoch: usize,
    /// Within the epoch, counted from 0.
    pub step: usize,
    /// Steps of the epoch; 0 before they are known.
    pub steps: usize,
    /// Optimiser steps of the whole run before this one.
    pub steps_before: usize,
    /// The epochs before.
    pub history: &'a [EpochRecord],
}

/// How long a run is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Length {
    /// An epoch is what the task makes of it.
    Epochs(usize),
    /// Optimiser steps.
    Steps(usize),
}

/// Where and how often a run keeps its state: at the end of an epoch, and after the last in any case.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checkpoints<'a> {
    /// The folder.
    pub folder: &'a Path,
    /// Least time between two states.
    pub every: Duration,
}

/// A run from its first epoch, or from its last checkpoint, to its end.
pub(super) struct TrainingRun<'a> {
    pub seed: u64,
    pub length: Length,
    pub checkpoints: Option<Checkpoints<'a>>,
    /// Whether to go on from the last checkpoint.
    pub resume: bool,
    /// What of the whole job's progress the run is.
    pub share: Range<f32>,
    /// The device of a network that draws random numbers itself (dropout): they are seeded for each epoch.
    pub dropout: Option<&'a Device>,
    pub ctx: &'a JobContext,
}

/// A run between two epochs.
pub(super) struct RunState<M: Module> {
    net: M,
    /// The parameters' names, with the ids that they have in `net`.
    entries: Vec<ParamEntry>,
    optimizer: ModuleOptimizer,
    /// Running average of the weights, where one is taken.
    average: Option<M>,
    /// Weights of the epoch with the lowest score.
    best: Option<WeightMap>,
    history: Vec<EpochRecord>,
    /// Optimiser steps done.
    steps: usize,
}

impl TrainingRun<'_> {
    /// Trains to the end.
    ///
    /// # Errors
    /// Nothing to learn from, a loss that is no number, a checkpoint that cannot be written or read, a job asked to
    /// stop, whatever the task finds.
    pub fn run<M: Module, T: TrainingTask<M>>(
        &self,
        mut fresh: RunState<M>,
        task: &T,
    ) -> Result<RunState<M>, TrainError> {
        if task.average(&fresh.at()).is_some() {
            fresh.average = Some(fresh.net.valid());
        }
        let mut state = match (self.resume, self.checkpoints) {
            (true, Some(kept)) => fresh.resumed(kept.folder)?,
            _ => fresh,
        };
        let mut saved = Instant::now();
        while !self.is_over(&state) {
            state = self.epoch(state, task)?;
            let Some(kept) = self.checkpoints else {
                continue;
            };
            if self.is_over(&state) || saved.elapsed() >= kept.every {
                state.save(kept.folder, task)?;
                saved = Instant::now();
            }
        }
        Ok(state)
    }

    fn is_over<M: Module>(&self, state: &RunState<M>) -> bool {
        match self.length {
            Length::Epochs(all) => state.history.len() >= all,
            Length::Steps(all) => state.steps >= all,
        }
    }

    fn epoch<M: Module, T: TrainingTask<M>>(
        &self,
        mut state: RunState<M>,
        task: &T,
    ) -> Result<RunState<M>, TrainError> {
        let epoch = state.history.len();
        let mut rng = self.rng(epoch);
        let batches = task.batches(&state.at(), &mut rng);
        if batches.is_empty() {
            return Err(TrainError::NothingToLearn);
        }
        let steps = batches.len();
        let began = Instant::now();
        let (mut sum, mut last) = (0.0, 0.0);
        for (step, batch) in batches.iter().enumerate() {
            self.ctx.check()?;
            let at = At {
                step,
                steps,
                ..state.at()
            };
            let mut learnt = task.learn(&state.net, batch, &at, &mut rng)?;
            last = learnt.loss;
            if !last.is_finite() {
                return Err(TrainError::Diverged { epoch: epoch + 1 });
            }
            sum += last;
            task.limit(&state.net, &state.entries, &mut learnt.gradients);
            let (rate, kept) = (task.rate(&at), task.average(&at));
            state = state.advance(rate, learnt.gradients, kept);
            let mean = sum / (step + 1) as f64;
            self.tell(&state, (step + 1, steps), mean, began, &task.note())?;
        }
        let mean = sum / steps as f64;
        let net = state.net.valid();
        let score = task.score(&net, epoch)?;
        log_epoch(epoch, mean, score, began);
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
        if let Some(device) = self.dropout {
            device.seed(seed);
        }
        ChaCha8Rng::seed_from_u64(seed)
    }

    /// Reports that a step is done: the `done`th of the `steps` of an epoch that is not yet in the history.
    fn tell<M: Module>(
        &self,
        state: &RunState<M>,
        (done, steps): (usize, usize),
        loss: f64,
        began: Instant,
        note: &str,
    ) -> Result<(), TrainError> {
        let epoch = state.history.len();
        let (share, place) = match self.length {
            Length::Epochs(all) => {
                let share = (epoch as f32 + done as f32 / steps as f32) / all as f32;
                let place = format!("epoch {} of {all}, step {done} of {steps}", epoch + 1);
                (share, place)
            }
            Length::Steps(_) if !state.steps.is_multiple_of(TOLD_STEPS) => return Ok(()),
            Length::Steps(all) => {
                let share = state.steps as f32 / all as f32;
                (share, format!("step {} of {all}", state.steps))
            }
        };
        let per_step = began.elapsed().as_secs_f64() / done as f64;
        let memory = peak_memory_note();
        let line = format!("{place}: loss {loss:.4}; {note}{per_step:.2} s a step{memory}");
        let Range { start, end } = self.share;
        self.ctx.step(start + (end - start) * share, &line)?;
        Ok(())
    }
}

fn log_epoch(epoch: usize, mean: f64, score: Option<f64>, began: Instant) {
    let (number, seconds) = (epoch + 1, began.elapsed().as_secs_f64());
    let memory = peak_memory_note();
    let chosen = score.map_or_else(String::new, |s| format!(", {s:.4} when choosing"));
    tracing::info!("epoch {number}: mean loss {mean:.4}{chosen}; {seconds:.1} s{memory}");
}

impl<M: Module> RunState<M> {
    /// A run that has not begun.
    pub fn fresh(net: M, entries: Vec<ParamEntry>, optimizer: ModuleOptimizer) -> Self {
        Self {
            net,
            entries,
            optimizer,
            average: None,
            best: None,
            history: Vec::new(),
            steps: 0,
        }
    }

    /// The weights of the best epoch, or of the last where the task does not choose.
    pub fn weights(self) -> WeightMap {
        match self.best {
            Some(best) => best,
            None => export(&self.net.valid(), &self.entries),
        }
    }

    /// Before the first step of the next epoch.
    fn at(&self) -> At<'_> {
        At {
            epoch: self.history.len(),
            step: 0,
            steps: 0,
            steps_before: self.steps,
            history: &self.history,
        }
    }

    /// One step of the optimiser; the average keeps the share `kept` of what it was.
    fn advance(mut self, rate: f64, gradients: GradientsParams, kept: Option<f64>) -> Self {
        self.net = self.optimizer.step(rate, self.net, gradients);
        if let (Some(average), Some(kept)) = (self.average.take(), kept) {
            self.average = Some(ema::update(average, &self.net.valid(), kept));
        }
        self.steps += 1;
        self
    }

    fn save<T: TrainingTask<M>>(&self, folder: &Path, task: &T) -> Result<(), TrainError> {
        let progress = Progress {
            step: self.steps,
            epochs: self.history.clone(),
        };
        checkpoint::replace(folder, &progress, |step| {
            checkpoint::save_module(&self.net, &step.join(NET))?;
            checkpoint::save_optimizer(&self.optimizer, &step.join(OPTIMIZER))?;
            if let Some(average) = &self.average {
                checkpoint::save_module(average, &step.join(AVERAGE))?;
                task.publish(average)?;
            }
            if let Some(best) = &self.best {
                let path = step.join(BEST);
                let written = write_burnpack(&path, best, Precision::Single);
                written.map_err(ModelError::from)?;
            }
            Ok(())
        })
    }

    /// The last state in a folder; this one gives the structure to load into.
    fn resumed(self, folder: &Path) -> Result<Self, TrainError> {
        let (step, progress) = checkpoint::last(folder)?;
        let before = ids(&self.net);
        let net = checkpoint::load_module(self.net, &step.join(NET))?;
        let after = ids(&net);
        let mut entries = self.entries;
        for entry in &mut entries {
            if let Some(place) = before.iter().position(|id| *id == entry.id) {
                entry.id = after[place];
            }
        }
        let average = self
            .average
            .map(|average| checkpoint::load_module(average, &step.join(AVERAGE)));
        let best = match progress.epochs.iter().any(|epoch| epoch.score.is_some()) {
            true => Some(in_memory(&step.join(BEST))?),
            false => None,
        };
        Ok(Self {
            net,
            entries,
            optimizer: checkpoint::load_optimizer(self.optimizer, &step.join(OPTIMIZER))?,
            average: average.transpose()?,
            best,
            history: progress.epochs,
            steps: progress.step,
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
