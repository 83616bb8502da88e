//! What the training of DeSAM and SAM has in common: prompts on labelled slices, the masks that they ask for, and the
//! epoch with the best masks.

use burn::module::{Module, ModuleDisplay};
use burn::optim::AdamConfig;
use burn::tensor::{Device, Tensor, TensorData};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use crate::models::ModelError;
use crate::models::checkpoint::{Loader, Scope, WeightMap};
use crate::models::desam::{LossConfig, dice_loss, iou_loss, mask_loss};
use crate::models::sam::ImageEncoder;
use crate::train::TrainError;
use crate::train::driver::{At, Learnt, RunState, TrainingTask, shuffle};
use crate::train::published::{POSITION_MATRIX, StartingSam};

use super::Setup;
use super::recipe::SliceSchedule;
use super::samples::{Batch, ENCODING, Encoding, Preparation, Sample, Trainee};

/// Exponent of the learning rate's fall.
const POWER: f64 = 0.9;
/// One case in so many of the training cases chooses the best epoch.
const CHOOSING: usize = 10;

/// A system that is prompted on slices.
pub(super) trait Prompted: Preparation {
    /// Everything after the image encoder.
    type Decoder: Module + ModuleDisplay;

    /// Its name, for people.
    const TITLE: &'static str;

    /// Tensors that cannot change a result.
    fn is_unused(name: &str) -> bool;

    /// How the names of what is trained begin, beside the image encoder.
    fn trained(&self) -> &'static [&'static str];

    /// The terms of the loss.
    fn loss(&self) -> &LossConfig;

    /// Takes the decoder's tensors by SAM's names.
    fn load(&self, root: &Scope<'_>) -> Self::Decoder;

    /// Prompts a batch, and again with what the first answers lead to: what comes of each round, at least one.
    fn decode(
        &self,
        decoder: &Self::Decoder,
        batch: Batch,
        device: &Device,
        rng: &mut ChaCha8Rng,
    ) -> Vec<Decoded>;
}

/// The masks of one round.
pub(super) struct Decoded {
    /// `[b, 1, side, side]`.
    pub logits: Tensor<4>,
    /// Of the same shape, 0 or 1.
    pub truth: Tensor<4>,
    /// What the network believes of its masks `[b, n]`, and what it should, where it learns that.
    pub beliefs: Option<[Tensor<2>; 2]>,
}

impl Decoded {
    fn loss(self, config: &LossConfig) -> Tensor<1> {
        let mask = mask_loss(self.logits, self.truth, config);
        match self.beliefs {
            Some([found, wanted]) => mask + iou_loss(found, wanted, config.iou_error) * config.iou,
            None => mask,
        }
    }
}

/// Masks of 0 and 1, one after another, as `[b, 1, side, side]`.
pub(super) fn mask_tensor<'a>(
    masks: impl Iterator<Item = &'a [u8]>,
    side: usize,
    device: &Device,
) -> Tensor<4> {
    let values: Vec<f32> = masks.flatten().map(|&v| f32::from(v)).collect();
    let rows = values.len() / (side * side);
    Tensor::from_data(TensorData::new(values, [rows, 1, side, side]), device)
}

/// Trains the decoder, and the encoder where the recipe says so; the weights of the epoch with the lowest Dice loss on the
/// choosing cases, under SAM's names.
///
/// # Errors
/// Data that cannot be read, a cache that cannot be written, a job asked to stop.
pub(super) fn train<S: Prompted>(
    setup: &Setup<'_>,
    sam: &StartingSam,
    system: S,
) -> Result<WeightMap, TrainError> {
    let recipe = setup.recipe;
    let encoding = Encoding {
        config: &sam.config.encoder,
        weights: sam.weights.under("image_encoder."),
        preparation: system,
        device: setup.device,
    };
    let cache = recipe.cache.as_deref();
    let cases = &setup.cases.training;
    let samples = encoding.samples(&recipe.dataset, cases, cache, setup.ctx)?;
    let choosing = (cases.len() / CHOOSING).max(1).min(cases.len() - 1);
    let (training, choosing) = samples.split_at(cases.len() - choosing);
    // A single case has to do for both.
    let choosing = if choosing.is_empty() {
        training
    } else {
        choosing
    };
    let autodiff = setup.device.clone().autodiff();
    let (with_encoder, train_encoder) = (cache.is_none(), recipe.encoder.trained);
    let trained = encoding.preparation.trained();
    let loader = Loader::new(start::<S>(&sam.weights, with_encoder), &autodiff)
        .with_fresh(recipe.schedule.seed, |_| true)
        .with_trainable(move |name| {
            trained.iter().any(|prefix| name.starts_with(prefix))
                || (train_encoder && name.starts_with("image_encoder."))
        });
    let root = loader.root();
    let encoder = || ImageEncoder::load(&root.child("image_encoder"), &sam.config.encoder);
    let net = Trainee {
        image_encoder: with_encoder.then(encoder),
        decoder: encoding.preparation.load(&root),
    };
    let entries = loader
        .finish(S::TITLE, S::is_unused)
        .map_err(ModelError::from)?;
    let task = PromptedTask {
        schedule: &recipe.schedule,
        encoding,
        training: training.iter().flatten().collect(),
        choosing: choosing.iter().flatten().collect(),
        device: autodiff,
        plain: setup.device,
    };
    let optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let fresh = RunState::fresh(net, entries, optimizer);
    let best = setup.run_from(ENCODING).run(fresh, &task)?;
    let kept = best
        .weights()
        .renamed(|name| (!S::is_unused(name)).then(|| name.to_owned()));
    let encoder = sam.weights.clone().renamed(|name| {
        let kept = name.starts_with("image_encoder.") || name == POSITION_MATRIX;
        kept.then(|| name.to_owned())
    });
    Ok(encoder.with(kept))
}

/// What of SAM is trained further or used as it is; what it lacks is drawn at random.
fn start<S: Prompted>(sam: &WeightMap, with_encoder: bool) -> WeightMap {
    sam.clone().renamed(|name| {
        let wanted = ["prompt_encoder.", "mask_decoder."];
        let kept = wanted.iter().any(|p| name.starts_with(p)) && !S::is_unused(name);
        let kept = kept || (with_encoder && name.starts_with("image_encoder."));
        kept.then(|| name.to_owned())
    })
}

/// What steps and choosing share.
struct PromptedTask<'a, S> {
    schedule: &'a SliceSchedule,
    encoding: Encoding<'a, S>,
    training: Vec<&'a Sample>,
    choosing: Vec<&'a Sample>,
    device: Device,
    /// The device without gradients.
    plain: &'a Device,
}

impl<'a, S: Prompted> TrainingTask<Trainee<S::Decoder>> for PromptedTask<'a, S> {
    type Batch = Vec<&'a Sample>;

    fn batches(&self, _at: &At<'_>, rng: &mut ChaCha8Rng) -> Vec<Self::Batch> {
        let mut samples = self.training.clone();
        shuffle(&mut samples, rng);
        let batches = samples.chunks(self.schedule.batch);
        batches.map(<[_]>::to_vec).collect()
    }

    fn learn(
        &self,
        net: &Trainee<S::Decoder>,
        batch: &Self::Batch,
        _at: &At<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Learnt, TrainError> {
        let rounds = self.decode(net, batch, &self.device, rng)?;
        let count = rounds.len() as f64;
        let config = self.encoding.preparation.loss();
        let losses = rounds.into_iter().map(|round| round.loss(config));
        let sum = losses.reduce(|sum, loss| sum + loss);
        let loss = sum.ok_or(TrainError::NothingToLearn)? / count;
        Ok(Learnt::of(&loss, net))
    }

    fn rate(&self, at: &At<'_>) -> f64 {
        let left = 1.0 - at.epoch as f64 / self.schedule.epochs as f64;
        self.schedule.learning_rate * left.powf(POWER)
    }

    /// The mean Dice loss of the first round on the choosing slices. DeSAM's authors draw other prompts every time; here
    /// they stay the same, so that epochs can be compared.
    fn score(&self, net: &Trainee<S::Decoder>, _epoch: usize) -> Result<Option<f64>, TrainError> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.schedule.seed ^ 1);
        let mut sum = 0.0;
        for batch in self.choosing.chunks(self.schedule.batch) {
            let rounds = self.decode(net, batch, self.plain, &mut rng)?;
            let Some(first) = rounds.into_iter().next() else {
                continue;
            };
            let loss = dice_loss(first.logits, first.truth);
            sum += f64::from(loss.into_scalar::<f32>()) * batch.len() as f64;
        }
        Ok(Some(sum / self.choosing.len() as f64))
    }
}

impl<S: Prompted> PromptedTask<'_, S> {
    fn decode(
        &self,
        net: &Trainee<S::Decoder>,
        samples: &[&Sample],
        device: &Device,
        rng: &mut ChaCha8Rng,
    ) -> Result<Vec<Decoded>, TrainError> {
        let encoder = net.image_encoder.as_ref();
        let batch = self.encoding.batch(samples, encoder, device, None)?;
        let system = &self.encoding.preparation;
        Ok(system.decode(&net.decoder, batch, device, rng))
    }
}
