//! DeSAM's training: PRIM and PIMM on frozen encoders.

use burn::optim::AdamConfig;
use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::models::ModelError;
use crate::models::checkpoint::{Loader, WeightMap};
use crate::models::desam::{
    AutomaticMode, DeSamConfig, DeSamDecoder, DeSamDecoderConfig, DeSamSettings, ImageFeatures,
    PimmConfig, dice_loss, encoder_input, iou_loss, is_unused, mask_loss, resize_grey,
    resize_labels, volume_to_grey,
};
use crate::models::sam::{ImageEncoder, Prompts};
use crate::models::slices::values;
use crate::models::trace::Trace;
use crate::train::TrainError;
use crate::train::driver::{At, Learnt, RunState, TrainingTask, shuffle};
use crate::train::published::{POSITION_MATRIX, Scan, StartingSam, Trained};

use super::Setup;
use super::autosam::image_encoder_of;
use super::recipe::{DeSamRecipe, SliceRecipe};
use super::samples::{ENCODING, Encoding, Place, PlainSlice, Preparation, Sample, Trainee};

/// Exponent of the learning rate's fall.
const POWER: f64 = 0.9;
/// One case in so many of the training cases chooses the best epoch.
const CHOOSING: usize = 10;

/// Trains the decoder; that of the epoch with the lowest Dice loss on the choosing cases is kept.
///
/// # Errors
/// An encoder without features for PIMM, data that cannot be read, a cache that cannot be written, a job asked to stop.
pub(super) fn train(
    setup: &Setup<'_>,
    own: &DeSamRecipe,
    sam: &StartingSam,
) -> Result<Trained, TrainError> {
    let recipe = setup.recipe;
    let config = network(recipe, sam)?;
    let encoding = Encoding {
        config: &config.encoder,
        weights: sam.weights.under("image_encoder."),
        preparation: DeSamSlices {
            labels: recipe.dataset.label_values().unwrap_or_default(),
            config: &config,
        },
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
    let mut weights = start(&sam.weights);
    if with_encoder {
        weights = weights.with(image_encoder_of(&sam.weights));
    }
    let loader = Loader::new(weights, &autodiff)
        .with_fresh(recipe.schedule.seed, |_| true)
        .with_trainable(move |name| {
            name.starts_with("mask_decoder.")
                || (train_encoder && name.starts_with("image_encoder."))
        });
    let root = loader.root();
    let (prompts, decoder) = (root.child("prompt_encoder"), root.child("mask_decoder"));
    let encoder = || ImageEncoder::load(&root.child("image_encoder"), &config.encoder);
    let net = Trainee {
        image_encoder: with_encoder.then(encoder),
        decoder: DeSamDecoder::load(&prompts, &decoder, &config.decoder),
    };
    let entries = loader
        .finish("DeSAM", is_unused)
        .map_err(ModelError::from)?;
    let task = DeSamTask {
        own,
        recipe,
        config: &config,
        encoding,
        training: training.iter().flatten().collect(),
        choosing: choosing.iter().flatten().collect(),
        device: autodiff,
        plain: setup.device,
    };
    let optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let fresh = RunState::fresh(net, entries, optimizer);
    let best = setup.run_from(ENCODING).run(fresh, &task)?;
    let kept = best.weights().renamed(|name| match name {
        _ if is_unused(name) => None,
        _ if name.starts_with("mask_decoder.") => Some(format!("organs.0.{name}")),
        _ => Some(name.to_owned()),
    });
    let encoder = sam.weights.clone().renamed(|name| {
        let kept = name.starts_with("image_encoder.") || name == POSITION_MATRIX;
        kept.then(|| name.to_owned())
    });
    let settings = DeSamSettings {
        mode: own.prompts,
        ..DeSamSettings::of(config.clone(), 1)
    };
    Trained::new(encoder.with(kept), &settings)
}

fn network(recipe: &SliceRecipe, sam: &StartingSam) -> Result<DeSamConfig, TrainError> {
    let encoder = sam.config.encoder.clone();
    let mut feature_blocks = encoder.global_blocks.clone();
    feature_blocks.pop();
    if feature_blocks.len() < 2 {
        return Err(TrainError::Config {
            path: recipe.dataset.folder.clone(),
            reason: "DeSAM needs an encoder with at least three blocks of global attention"
                .to_owned(),
        });
    }
    Ok(DeSamConfig {
        decoder: DeSamDecoderConfig {
            prompt: sam.config.prompt.clone(),
            prim: sam.config.decoder.clone(),
            pimm: PimmConfig {
                encoder_width: encoder.width,
                width: sam.config.prompt.width,
                stages: feature_blocks.len(),
            },
            image_side: encoder.image_side,
            grid: encoder.grid(),
        },
        encoder,
        feature_blocks,
        pixel_mean: sam.config.pixel_mean,
        pixel_std: sam.config.pixel_std,
    })
}

/// Everything of SAM but its image encoder; PIMM is drawn at random.
fn start(sam: &WeightMap) -> WeightMap {
    sam.clone().renamed(|name| {
        let wanted = ["prompt_encoder.", "mask_decoder."];
        let kept = wanted.iter().any(|p| name.starts_with(p)) && !is_unused(name);
        kept.then(|| name.to_owned())
    })
}

/// Labelled slices as the authors make them of prostate MR.
struct DeSamSlices<'a> {
    labels: Vec<(u16, String)>,
    config: &'a DeSamConfig,
}

impl Preparation for DeSamSlices<'_> {
    fn name(&self) -> String {
        format!("desam {:?} {:?}", self.labels, self.config.feature_blocks)
    }

    fn wanted_blocks(&self) -> &[usize] {
        &self.config.feature_blocks
    }

    fn places(&self, scan: &Scan) -> (Vec<u8>, Vec<Place>) {
        let labelled = |k: &usize| scan.classes(*k, &self.labels).iter().any(|c| *c > 0);
        let slices = (0..scan.image.grid().dims[2]).filter(labelled);
        let place = |slice| Place {
            slice,
            mirrored: false,
        };
        let mut places: Vec<Place> = slices.map(place).collect();
        // The authors' range ends before the last labelled slice.
        places.pop();
        (volume_to_grey(&values(&scan.image)), places)
    }

    fn slice(&self, scan: &Scan, grey: &[u8], place: Place) -> PlainSlice {
        let [ni, nj, _] = scan.image.grid().dims;
        let side = self.config.mask_side();
        let pixels = &grey[place.slice * ni * nj..][..ni * nj];
        let picture = resize_grey(pixels, [nj, ni], side);
        let classes = scan.classes(place.slice, &self.labels);
        PlainSlice {
            picture: picture.into_iter().map(f32::from).collect(),
            classes: resize_labels(&classes, [nj, ni], side),
        }
    }

    fn images(&self, pictures: &[&[f32]], device: &Device) -> Tensor<4> {
        let (mean, std) = (self.config.pixel_mean, self.config.pixel_std);
        let sides = (self.config.mask_side(), self.config.encoder.image_side);
        let mut values = Vec::new();
        for picture in pictures {
            let grey: Vec<u8> = picture.iter().map(|&v| v as u8).collect();
            values.extend(encoder_input(&grey, 1, sides, mean, std).0);
        }
        let values = TensorData::new(values, [pictures.len(), 3, sides.1, sides.1]);
        Tensor::from_data(values, device)
    }
}

/// What steps and choosing share.
struct DeSamTask<'a> {
    own: &'a DeSamRecipe,
    recipe: &'a SliceRecipe,
    config: &'a DeSamConfig,
    encoding: Encoding<'a, DeSamSlices<'a>>,
    training: Vec<&'a Sample>,
    choosing: Vec<&'a Sample>,
    device: Device,
    /// The device without gradients.
    plain: &'a Device,
}

/// A batch as the decoder sees it.
struct Decoded {
    logits: Tensor<4>,
    iou: Tensor<2>,
    truth: Tensor<4>,
    /// 1 where a point lies in the structure.
    inside: Tensor<2>,
}

impl<'a> TrainingTask<Trainee<DeSamDecoder>> for DeSamTask<'a> {
    type Batch = Vec<&'a Sample>;

    fn batches(&self, _at: &At<'_>, rng: &mut ChaCha8Rng) -> Vec<Self::Batch> {
        let mut samples = self.training.clone();
        shuffle(&mut samples, rng);
        let batches = samples.chunks(self.recipe.schedule.batch);
        batches.map(<[_]>::to_vec).collect()
    }

    fn learn(
        &self,
        net: &Trainee<DeSamDecoder>,
        batch: &Self::Batch,
        _at: &At<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Learnt, TrainError> {
        let found = self.decode(net, batch, &self.device, rng)?;
        let config = &self.own.loss;
        let mask = mask_loss(found.logits, found.truth, config);
        let loss = match self.own.prompts {
            AutomaticMode::WholeBox => mask,
            AutomaticMode::GridPoints => {
                mask + iou_loss(found.iou, found.inside, config.iou_error) * config.iou
            }
        };
        Ok(Learnt::of(&loss, net))
    }

    fn rate(&self, at: &At<'_>) -> f64 {
        let schedule = &self.recipe.schedule;
        let left = 1.0 - at.epoch as f64 / schedule.epochs as f64;
        schedule.learning_rate * left.powf(POWER)
    }

    /// The mean Dice loss on the choosing slices. The authors draw other points every time; here they stay the same, so
    /// that epochs can be compared.
    fn score(&self, net: &Trainee<DeSamDecoder>, _epoch: usize) -> Result<Option<f64>, TrainError> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.recipe.schedule.seed ^ 1);
        let mut sum = 0.0;
        for batch in self.choosing.chunks(self.recipe.schedule.batch) {
            let found = self.decode(net, batch, self.plain, &mut rng)?;
            let loss = dice_loss(found.logits, found.truth);
            sum += f64::from(loss.into_scalar::<f32>()) * batch.len() as f64;
        }
        Ok(Some(sum / self.choosing.len() as f64))
    }
}

impl DeSamTask<'_> {
    fn decode(
        &self,
        net: &Trainee<DeSamDecoder>,
        samples: &[&Sample],
        device: &Device,
        rng: &mut ChaCha8Rng,
    ) -> Result<Decoded, TrainError> {
        let encoder = net.image_encoder.as_ref();
        let mut batch = self.encoding.batch(samples, encoder, device, None)?;
        let embedding = batch.maps.split_off(self.config.decoder.pimm.stages);
        let image = ImageFeatures {
            features: batch.maps,
            embedding: embedding[0].clone(),
        };
        let side = self.config.mask_side();
        let rows = batch.classes.len();
        let (mut places, mut inside) = (Vec::new(), Vec::new());
        for classes in &batch.classes {
            let (place, is_inside) = self.draw_point(classes, side, rng);
            places.extend(place);
            inside.push(f32::from(u8::from(is_inside)));
        }
        let prompts = match self.own.prompts {
            AutomaticMode::WholeBox => net.decoder.whole_box(rows, device),
            AutomaticMode::GridPoints => {
                let places = TensorData::new(places, [rows, 1, 2]);
                let labels = Tensor::<2>::ones([rows, 1], device);
                Prompts {
                    points: Some((Tensor::from_data(places, device), labels)),
                    ..Prompts::default()
                }
            }
        };
        let off = Trace::off();
        let found = net
            .decoder
            .decode(&net.decoder.prepare(&image, &off), prompts, &off);
        let truth: Vec<f32> = batch
            .classes
            .iter()
            .flatten()
            .map(|&c| f32::from(c))
            .collect();
        let truth = TensorData::new(truth, [rows, 1, side, side]);
        let inside = TensorData::new(inside, [rows, 1]);
        Ok(Decoded {
            logits: found.logits,
            iou: found.iou,
            truth: Tensor::from_data(truth, device),
            inside: Tensor::from_data(inside, device),
        })
    }

    /// A point in pixels of the encoder's image, and whether it lies in the structure. It is always marked as inside.
    fn draw_point(&self, classes: &[u8], side: usize, rng: &mut ChaCha8Rng) -> ([f32; 2], bool) {
        let wants_inside = rng.random_range(0..=self.own.outside_points) == 0;
        let pixels: Vec<usize> = (0..classes.len())
            .filter(|&pixel| (classes[pixel] > 0) == wants_inside)
            .collect();
        // A label that resizing eroded away leaves only the outside.
        let pixel = match pixels.len() {
            0 => rng.random_range(0..classes.len()),
            count => pixels[rng.random_range(0..count)],
        };
        let scale = (self.config.encoder.image_side / side) as f32;
        let place = [(pixel % side) as f32 * scale, (pixel / side) as f32 * scale];
        (place, classes[pixel] > 0)
    }
}
