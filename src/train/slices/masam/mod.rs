//! MA-SAM's training: increments, adapters, prompt encoder and mask decoder on a frozen SAM encoder.

pub mod augment;
pub mod pillow;
mod schedule;

use burn::optim::AdamWConfig;
use burn::tensor::{Device, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;

use crate::models::ModelError;
use crate::models::checkpoint::{HostTensor, Loader, ParamEntry, WeightMap};
use crate::models::masam::intensity::scale_window;
use crate::models::masam::windows::{SliceStack, window_slices};
use crate::models::masam::{MaSam, MasamConfig, MasamSettings, Mode, masam_loss, names, tables};
use crate::models::ops::SplineOrder;
use crate::models::slices::values;
use crate::train::TrainError;
use crate::train::driver::{At, Learnt, RunState, TrainingTask, shuffle};
use crate::train::published::{CaseNames, POSITION_MATRIX, Scan, StartingSam, Trained};
use crate::util::JobContext;

use super::Setup;
use super::recipe::{Augmentation, MasamRecipe, SliceRecipe};
use augment::{Sample, augment, augment_with_box};

pub use schedule::LearningRate;

/// AdamW's weight decay, on every trained tensor.
const WEIGHT_DECAY: f32 = 0.1;
/// Share of a job that reading the scans takes.
const READING: f32 = 0.1;

/// Trains; the last epoch's weights are kept.
///
/// # Errors
/// Data that cannot be read, a SAM that does not fit, a job asked to stop.
pub(super) fn train(
    setup: &Setup<'_>,
    own: &MasamRecipe,
    sam: &StartingSam,
) -> Result<Trained, TrainError> {
    let recipe = setup.recipe;
    let settings = settings(recipe, own, sam);
    settings.check().map_err(ModelError::from)?;
    let stacks = read(recipe, own, setup.cases, setup.ctx)?;
    let windows = windows(own, &stacks);
    if windows.is_empty() {
        return Err(TrainError::Config {
            path: recipe.dataset.folder.clone(),
            reason: "no slice of its training cases holds one of the structures".to_owned(),
        });
    }
    let autodiff = setup.device.clone().autodiff();
    let (network, entries) = load(recipe, &settings.network, sam, &autodiff)?;
    let used = own.windows_per_epoch.unwrap_or(windows.len());
    let used = used.min(windows.len());
    let schedule = &recipe.schedule;
    let task = MasamTask {
        own,
        stacks,
        windows,
        used,
        batch: schedule.batch,
        rate: LearningRate {
            base: schedule.learning_rate,
            warmup: own.warmup,
            // The authors stop after three quarters of the length that the rate is made for.
            iterations: (schedule.epochs * used.div_ceil(schedule.batch) * 4).div_ceil(3),
            power: own.decay_power,
        },
        device: autodiff,
    };
    let optimizer = AdamWConfig::new()
        .with_weight_decay(WEIGHT_DECAY)
        .with_epsilon(1e-8)
        .init();
    let fresh = RunState::fresh(network, entries, optimizer);
    let mut weights = setup.run_from(READING).run(fresh, &task)?.weights();
    let matrix = sam
        .weights
        .read(POSITION_MATRIX)
        .map_err(ModelError::from)?;
    weights.insert(POSITION_MATRIX, matrix);
    Trained::new(weights, &settings)
}

fn settings(recipe: &SliceRecipe, own: &MasamRecipe, sam: &StartingSam) -> MasamSettings {
    let mut network = sam.config.clone();
    network.encoder.image_side = own.image_side;
    network.decoder.masks = recipe.dataset.structures.len() + 1;
    let width = network.decoder.transformer.width;
    network.decoder.upscaling = [4, 8, 16, 32].map(|divisor| width / divisor).to_vec();
    (network.pixel_mean, network.pixel_std) = ([0.0; 3], [1.0; 3]);
    MasamSettings {
        boxes: own.boxes,
        intensity: own.intensity,
        network: MasamConfig {
            sam: network,
            rank: own.rank,
            scale: own.scale,
            adapter_width: own.adapter_width,
            adapters: own.adapters,
            slices: own.slices,
        },
    }
}

/// The network as the authors start it: what fits of SAM, increments of 0, the rest at random.
fn load(
    recipe: &SliceRecipe,
    config: &MasamConfig,
    sam: &StartingSam,
    device: &Device,
) -> Result<(MaSam, Vec<ParamEntry>), TrainError> {
    let encoder = &config.sam.encoder;
    let base = tables::resample_positions(&sam.weights, encoder.image_side);
    let base = base.map_err(ModelError::from)?.weights;
    let mut start: WeightMap = tables::starting_weights(base, &config.sam.decoder);
    if config.rank > 0 {
        let shape = [encoder.width, config.rank];
        let zeros = HostTensor::new(shape, vec![0.0; shape[0] * shape[1]]);
        start.insert("image_encoder.FacTv.weight", zeros);
    }
    let train_encoder = recipe.encoder.trained;
    let loader = Loader::new(start, device)
        .with_fresh(recipe.schedule.seed, |_| true)
        .with_trainable(move |name| train_encoder || names::is_trained(name));
    let network = MaSam::load(&loader.root(), config);
    let entries = loader
        .finish("MA-SAM", |_| false)
        .map_err(ModelError::from)?;
    Ok((network, entries))
}

/// A case at the network's size.
struct Stack {
    image: SliceStack,
    labels: SliceStack,
}

/// One window: the number of its case and of its middle slice.
type Place = (usize, usize);

fn read(
    recipe: &SliceRecipe,
    own: &MasamRecipe,
    cases: &CaseNames,
    ctx: &JobContext,
) -> Result<Vec<Stack>, TrainError> {
    let label_values = recipe.dataset.label_values().unwrap_or_default();
    let size = [own.image_side; 2];
    let mut stacks = Vec::with_capacity(cases.training.len());
    for (number, case) in cases.training.iter().enumerate() {
        let progress = READING * number as f32 / cases.training.len() as f32;
        ctx.step(progress, &format!("reading {case}"))?;
        let scan = Scan::read(&recipe.dataset, case)?;
        let dims = scan.image.grid().dims;
        let mut grey = values(&scan.image);
        own.intensity.apply(&mut grey);
        let classes: Vec<f32> = (0..dims[2])
            .flat_map(|k| scan.classes(k, &label_values))
            .map(f32::from)
            .collect();
        stacks.push(Stack {
            image: SliceStack::from_volume(&grey, dims).resized(size, SplineOrder::Cubic),
            labels: SliceStack::from_volume(&classes, dims).resized(size, SplineOrder::Nearest),
        });
    }
    Ok(stacks)
}

/// All windows; with boxes only those that hold a structure.
fn windows(own: &MasamRecipe, stacks: &[Stack]) -> Vec<Place> {
    let mut places = Vec::new();
    for (case, stack) in stacks.iter().enumerate() {
        for centre in 0..stack.image.shape[0] {
            let holds = || {
                stack
                    .labels
                    .window(centre, own.slices)
                    .iter()
                    .any(|&v| v > 0.0)
            };
            if !own.boxes || holds() {
                places.push((case, centre));
            }
        }
    }
    places
}

/// What the steps need.
struct MasamTask<'a> {
    own: &'a MasamRecipe,
    stacks: Vec<Stack>,
    windows: Vec<Place>,
    /// Windows of an epoch.
    used: usize,
    batch: usize,
    rate: LearningRate,
    device: Device,
}

impl TrainingTask<MaSam> for MasamTask<'_> {
    type Batch = Vec<Place>;

    fn batches(&self, _at: &At<'_>, rng: &mut ChaCha8Rng) -> Vec<Self::Batch> {
        let mut windows = self.windows.clone();
        shuffle(&mut windows, rng);
        let batches = windows[..self.used].chunks(self.batch);
        batches.map(<[_]>::to_vec).collect()
    }

    fn learn(
        &self,
        net: &MaSam,
        batch: &Self::Batch,
        _at: &At<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Learnt, TrainError> {
        Ok(Learnt::of(&self.loss(net, batch, rng), net))
    }

    fn rate(&self, at: &At<'_>) -> f64 {
        self.rate.at(at.epoch * at.steps + at.step)
    }
}

impl MasamTask<'_> {
    /// The loss of a batch of windows.
    fn loss(&self, network: &MaSam, batch: &[Place], rng: &mut ChaCha8Rng) -> Tensor<1> {
        let (slices, side) = (self.own.slices, self.own.image_side);
        let mut images = Vec::with_capacity(batch.len() * slices * side * side);
        let mut labels = Vec::with_capacity(images.capacity());
        let mut corners = Vec::new();
        for &place in batch {
            let mut sample = self.sample(place);
            if self.own.boxes {
                let tight = tight_box(&sample).unwrap_or([0.0, 0.0, side as f64, side as f64]);
                let around = augment_with_box(&mut sample, tight, rng);
                for _ in 0..slices {
                    corners.extend(around.map(|v| v as f32));
                }
            } else if self.own.augmentation == Augmentation::Authors {
                augment(&mut sample, rng);
            }
            images.extend(sample.images.into_iter().flatten());
            labels.extend(sample.labels.into_iter().flatten().map(f32::from));
        }
        let shape = [batch.len(), slices, 1, side, side];
        let images = Tensor::<5>::from_data(TensorData::new(images, shape), &self.device);
        let labels = TensorData::new(labels, [batch.len() * slices, side, side]);
        let labels = Tensor::from_data(labels, &self.device);
        let boxes = self.own.boxes.then(|| {
            let corners = TensorData::new(corners, [batch.len(), slices, 4]);
            Tensor::from_data(corners, &self.device)
        });
        let logits = network.forward(images.repeat_dim(2, 3), boxes, Mode::Training);
        masam_loss(logits, labels).total
    }

    fn sample(&self, (case, centre): Place) -> Sample {
        let (stack, side) = (&self.stacks[case], self.own.image_side);
        let slice = side * side;
        let mut image = stack.image.window(centre, self.own.slices);
        scale_window(&mut image);
        let numbers = window_slices(centre, self.own.slices, stack.image.shape[0]);
        let labels = numbers.map(|number| {
            let labels = &stack.labels.values[number * slice..][..slice];
            labels.iter().map(|&label| label as u8).collect()
        });
        Sample {
            size: [side; 2],
            images: image.chunks_exact(slice).map(<[f32]>::to_vec).collect(),
            labels: labels.collect(),
        }
    }
}

/// x0, y0, x1, y1 around everything labelled in a window; the second corner lies beyond it.
fn tight_box(sample: &Sample) -> Option<[f64; 4]> {
    let columns = sample.size[1];
    let mut found: Option<[usize; 4]> = None;
    for labels in &sample.labels {
        for (place, _) in labels.iter().enumerate().filter(|&(_, &label)| label > 0) {
            let (x, y) = (place % columns, place / columns);
            let [x0, y0, x1, y1] = found.unwrap_or([x, y, x + 1, y + 1]);
            found = Some([x0.min(x), y0.min(y), x1.max(x + 1), y1.max(y + 1)]);
        }
    }
    found.map(|corners| corners.map(|v| v as f64))
}

/// BTCV's thirteenth label, the left adrenal gland, counts as its twelfth, the right one (`dataset.py`).
pub fn merge_adrenals(label: u8) -> u8 {
    if label == 13 { 12 } else { label }
}
