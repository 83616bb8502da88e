//! DeSAM's training: PRIM and PIMM on frozen encoders.

use std::path::PathBuf;

use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::models::ModelError;
use crate::models::checkpoint::{HostTensor, Loader, WeightMap, export};
use crate::models::desam::{
    AutomaticMode, DeSamConfig, DeSamDecoder, DeSamDecoderConfig, DeSamSettings, ImageFeatures,
    PimmConfig, dice_loss, encoder_input, iou_loss, is_unused, mask_loss, resize_grey,
    resize_labels, volume_to_grey,
};
use crate::models::sam::{ImageEncoder, NoAdaptation, Prompts};
use crate::models::slices::values;
use crate::models::trace::Trace;
use crate::train::TrainError;
use crate::util::JobContext;

use super::batches::{Batch, shuffle};
use super::cache::{EmbeddingCache, EncodedSlice};
use super::recipe::{DeSamRecipe, SliceRecipe};
use super::scans::{CaseNames, Scan};
use super::start::{POSITION_MATRIX, StartingSam};
use super::{Trained, table};

/// Exponent of the learning rate's fall.
const POWER: f64 = 0.9;
/// One case in so many of the training cases chooses the best epoch.
const CHOOSING: usize = 10;

/// Trains the decoder; that of the epoch with the lowest Dice loss on the choosing cases is kept.
///
/// # Errors
/// An encoder without features for PIMM, data that cannot be read, a cache that cannot be written, a job asked to stop.
pub(super) fn train(
    recipe: &SliceRecipe,
    own: &DeSamRecipe,
    sam: &StartingSam,
    cases: &CaseNames,
    device: &Device,
    ctx: &JobContext,
) -> Result<Trained, TrainError> {
    let config = network(recipe, sam)?;
    let (mut training, choosing) = encode(recipe, sam, &config, cases, device, ctx)?;
    let autodiff = device.clone().autodiff();
    let loader = Loader::new(start(&sam.weights), &autodiff)
        .with_fresh(recipe.schedule.seed, |_| true)
        .with_trainable(|name| name.starts_with("mask_decoder."));
    let root = loader.root();
    let (prompts, decoder) = (root.child("prompt_encoder"), root.child("mask_decoder"));
    let net = DeSamDecoder::load(&prompts, &decoder, &config.decoder);
    let entries = loader
        .finish("DeSAM", is_unused)
        .map_err(ModelError::from)?;
    let run = Run {
        own,
        config: &config,
        device: autodiff,
    };
    let schedule = &recipe.schedule;
    let mut rng = ChaCha8Rng::seed_from_u64(schedule.seed);
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let (mut net, mut best) = (net, (f64::INFINITY, WeightMap::default()));
    for epoch in 0..schedule.epochs {
        let left = 1.0 - epoch as f64 / schedule.epochs as f64;
        let rate = schedule.learning_rate * left.powf(POWER);
        shuffle(&mut training, &mut rng);
        let (mut sum, mut steps) = (0.0, 0.0);
        for batch in training.chunks(schedule.batch) {
            let progress = 0.3 + 0.6 * epoch as f32 / schedule.epochs as f32;
            ctx.step(
                progress,
                &format!("epoch {} of {}", epoch + 1, schedule.epochs),
            )?;
            let loss = run.loss(&net, batch, &mut rng)?;
            sum += f64::from(loss.clone().inner().into_scalar::<f32>());
            steps += 1.0;
            let gradients = GradientsParams::from_grads(loss.backward(), &net);
            net = optimizer.step(rate, net, gradients);
        }
        let mut chosen = 0.0;
        for batch in choosing.chunks(schedule.batch) {
            chosen += run.dice(&net, batch, &mut rng)? * batch.len() as f64;
        }
        let chosen = chosen / choosing.len() as f64;
        let (number, mean) = (epoch + 1, sum / steps);
        tracing::info!("epoch {number}: mean loss {mean:.4}, Dice loss {chosen:.4} when choosing");
        if chosen < best.0 {
            best = (chosen, export(&net, &entries));
        }
    }
    let kept = best.1.renamed(|name| match name {
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
        ..DeSamSettings::of(config, 1)
    };
    Ok(Trained {
        weights: encoder.with(kept),
        config: table(&settings)?,
    })
}

fn network(recipe: &SliceRecipe, sam: &StartingSam) -> Result<DeSamConfig, TrainError> {
    let encoder = sam.config.encoder.clone();
    let mut feature_blocks = encoder.global_blocks.clone();
    feature_blocks.pop();
    if feature_blocks.len() < 2 {
        return Err(TrainError::Config {
            path: recipe.cache.clone(),
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

/// Encodes the labelled slices that the cache does not hold yet; those of the last cases choose the best epoch.
fn encode(
    recipe: &SliceRecipe,
    sam: &StartingSam,
    config: &DeSamConfig,
    cases: &CaseNames,
    device: &Device,
    ctx: &JobContext,
) -> Result<(Vec<PathBuf>, Vec<PathBuf>), TrainError> {
    let encoder_weights = sam.weights.under("image_encoder.");
    let labels = recipe.dataset.label_values().unwrap_or_default();
    let preparation = format!(
        "desam {labels:?} {:?} {:?}",
        config.encoder, config.feature_blocks
    );
    let cache = EmbeddingCache::open(&recipe.cache, &encoder_weights, &preparation)?;
    let loader = Loader::new(encoder_weights, device);
    let encoder = ImageEncoder::load(&loader.root(), &config.encoder);
    loader
        .finish("SAM's image encoder", |_| false)
        .map_err(ModelError::from)?;
    let count = cases.training.len();
    let first_choosing = count - (count / CHOOSING).max(1);
    let (side, image_side) = (config.mask_side(), config.encoder.image_side);
    let (mut training, mut choosing) = (Vec::new(), Vec::new());
    for (number, case) in cases.training.iter().enumerate() {
        ctx.step(
            0.3 * number as f32 / count as f32,
            &format!("encoding {case}"),
        )?;
        let scan = Scan::read(&recipe.dataset, case)?;
        let grey = volume_to_grey(&values(&scan.image));
        let [ni, nj, nk] = scan.image.grid().dims;
        for k in 0..nk {
            let classes = scan.classes(k, &labels);
            if classes.iter().all(|c| *c == 0) {
                continue;
            }
            let path = cache.path(case, k, "");
            if !path.exists() {
                let slice = resize_grey(&grey[k * ni * nj..][..ni * nj], [nj, ni], side);
                let (mean, std) = (config.pixel_mean, config.pixel_std);
                let (input, _) = encoder_input(&slice, 1, (side, image_side), mean, std);
                let input = TensorData::new(input, [1, 3, image_side, image_side]);
                let input = Tensor::<4>::from_data(input, device);
                let wanted = &config.feature_blocks;
                let found = encoder.forward_with(input, wanted, &NoAdaptation, &Trace::off());
                let blocks = found.blocks.into_iter().map(|x| x.permute([0, 3, 1, 2]));
                let maps = blocks
                    .chain([found.embedding])
                    .map(|map| HostTensor::of(&map.squeeze_dim::<3>(0)))
                    .collect();
                let classes = resize_labels(&classes, [nj, ni], side);
                EmbeddingCache::write(&path, &EncodedSlice { maps, classes })?;
            }
            if number >= first_choosing && first_choosing > 0 {
                choosing.push(path);
            } else {
                training.push(path);
            }
        }
    }
    if choosing.is_empty() {
        choosing.clone_from(&training);
    }
    Ok((training, choosing))
}

/// What steps and choosing share.
struct Run<'a> {
    own: &'a DeSamRecipe,
    config: &'a DeSamConfig,
    device: Device,
}

/// A batch as the decoder sees it.
struct Decoded {
    logits: Tensor<4>,
    iou: Tensor<2>,
    truth: Tensor<4>,
    /// 1 where a point lies in the structure.
    inside: Tensor<2>,
}

impl Run<'_> {
    fn loss(
        &self,
        net: &DeSamDecoder,
        paths: &[PathBuf],
        rng: &mut ChaCha8Rng,
    ) -> Result<Tensor<1>, TrainError> {
        let found = self.decode(net, paths, rng)?;
        let config = &self.own.loss;
        let mask = mask_loss(found.logits, found.truth, config);
        if self.own.prompts == AutomaticMode::WholeBox {
            return Ok(mask);
        }
        Ok(mask + iou_loss(found.iou, found.inside, config.iou_error) * config.iou)
    }

    fn dice(
        &self,
        net: &DeSamDecoder,
        paths: &[PathBuf],
        rng: &mut ChaCha8Rng,
    ) -> Result<f64, TrainError> {
        let found = self.decode(net, paths, rng)?;
        let loss = dice_loss(found.logits, found.truth).inner();
        Ok(f64::from(loss.into_scalar::<f32>()))
    }

    fn decode(
        &self,
        net: &DeSamDecoder,
        paths: &[PathBuf],
        rng: &mut ChaCha8Rng,
    ) -> Result<Decoded, TrainError> {
        let stages = self.config.decoder.pimm.stages;
        let mut batch = Batch::read(paths, stages + 1, &self.device)?;
        let embedding = batch.maps.split_off(stages).swap_remove(0);
        let image = ImageFeatures {
            features: batch.maps,
            embedding,
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
            AutomaticMode::WholeBox => net.whole_box(rows, &self.device),
            AutomaticMode::GridPoints => {
                let places = TensorData::new(places, [rows, 1, 2]);
                let labels = Tensor::<2>::ones([rows, 1], &self.device);
                Prompts {
                    points: Some((Tensor::from_data(places, &self.device), labels)),
                    ..Prompts::default()
                }
            }
        };
        let off = Trace::off();
        let found = net.decode(&net.prepare(&image, &off), prompts, &off);
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
            truth: Tensor::from_data(truth, &self.device),
            inside: Tensor::from_data(inside, &self.device),
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
