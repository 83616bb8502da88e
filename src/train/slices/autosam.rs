//! AutoSAM's training: one of three heads on a frozen encoder.

use std::path::PathBuf;

use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Tensor, TensorData};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use crate::models::ModelError;
use crate::models::autosam::{
    AutoSamConfig, AutoSamSettings, CnnHeadConfig, HeadConfig, LinearHeadConfig, Loss,
    SegmentationHead, VitHeadConfig, beneath, is_trained, network_slice, resize_labels,
    volume_to_png,
};
use crate::models::checkpoint::{HostTensor, Loader, WeightMap, export};
use crate::models::ops::{Corners, resize_linear};
use crate::models::sam::ImageEncoder;
use crate::models::slices::values;
use crate::models::trace::Trace;
use crate::train::TrainError;
use crate::util::JobContext;

use super::batches::{Batch, shuffle};
use super::cache::{EmbeddingCache, EncodedSlice};
use super::recipe::{AutoSamRecipe, HeadKind, SliceRecipe};
use super::scans::{CaseNames, Scan};
use super::start::StartingSam;
use super::{Trained, table};

/// Trains the head; the authors keep the last epoch's.
///
/// # Errors
/// Data that cannot be read, a cache that cannot be written, a job asked to stop.
pub(super) fn train(
    recipe: &SliceRecipe,
    own: &AutoSamRecipe,
    sam: &StartingSam,
    cases: &CaseNames,
    device: &Device,
    ctx: &JobContext,
) -> Result<Trained, TrainError> {
    let classes = recipe.dataset.structures.len() + 1;
    let config = AutoSamConfig {
        encoder: sam.config.encoder.clone(),
        head: head_config(own, sam, classes),
        input_side: own.input_side,
    };
    let mut slices = encode(recipe, own, sam, cases, device, ctx)?;
    let autodiff = device.clone().autodiff();
    let loader = Loader::new(start(&sam.weights, &config.head), &autodiff)
        .with_fresh(recipe.schedule.seed, |_| true)
        .with_trainable(is_trained);
    let mut head = SegmentationHead::load(&loader.root(), &config.head);
    let entries = loader
        .finish("AutoSAM's head", |name| name.starts_with("pe_layer."))
        .map_err(ModelError::from)?;
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let mut rate = Plateau::new(recipe.schedule.learning_rate);
    let schedule = &recipe.schedule;
    let mut rng = ChaCha8Rng::seed_from_u64(schedule.seed);
    for epoch in 0..schedule.epochs {
        shuffle(&mut slices, &mut rng);
        let (mut sum, mut last, mut steps) = (0.0, 0.0, 0.0);
        for batch in slices.chunks(schedule.batch) {
            let progress = 0.3 + 0.6 * epoch as f32 / schedule.epochs as f32;
            ctx.step(
                progress,
                &format!("epoch {} of {}", epoch + 1, schedule.epochs),
            )?;
            let batch = Batch::read(batch, 1, &autodiff)?;
            let logits = head
                .forward_to(batch.maps[0].clone(), own.input_side, &Trace::off())
                .logits;
            let labels = batch.labels(own.input_side, &autodiff);
            let loss = Loss::of(logits, labels).total();
            last = f64::from(loss.clone().inner().into_scalar::<f32>());
            sum += last;
            steps += 1.0;
            let gradients = GradientsParams::from_grads(loss.backward(), &head);
            head = optimizer.step(rate.value, head, gradients);
        }
        tracing::info!("epoch {}: mean loss {:.4}", epoch + 1, sum / steps);
        // The authors watch the last batch's loss, from the eleventh epoch on.
        if epoch >= 10 {
            rate.watch(last);
        }
    }
    let weights = beneath(&sam.weights).with(export(&head, &entries));
    let uses_positions = matches!(config.head, HeadConfig::Vit(_));
    let weights = weights.renamed(|name| {
        let kept = uses_positions || !name.starts_with("pe_layer.");
        kept.then(|| name.to_owned())
    });
    Ok(Trained {
        weights,
        config: table(&AutoSamSettings { network: config })?,
    })
}

fn head_config(own: &AutoSamRecipe, sam: &StartingSam, classes: usize) -> HeadConfig {
    let decoder = &sam.config.decoder;
    let width_in = sam.config.encoder.neck_width;
    match own.head {
        HeadKind::Vit => HeadConfig::Vit(VitHeadConfig {
            classes,
            masks: 2,
            transformer: decoder.transformer.clone(),
            upscaling: decoder.upscaling.clone(),
            iou_depth: decoder.iou_depth,
            iou_width: decoder.iou_width,
        }),
        HeadKind::Cnn => HeadConfig::Cnn(CnnHeadConfig {
            classes,
            width_in,
            width: own.cnn_width,
            depth: own.cnn_depth,
        }),
        HeadKind::Linear => HeadConfig::Linear(LinearHeadConfig {
            classes,
            width_in,
            upscaling: decoder.upscaling.clone(),
        }),
    }
}

/// What the authors' loading takes from SAM: whatever has the same name, but for all that has to do with the predicted
/// IoU and the mask tokens; of the masks' heads the first two.
fn start(sam: &WeightMap, head: &HeadConfig) -> WeightMap {
    let wanted: &[&str] = match head {
        HeadConfig::Vit(_) => &[
            "mask_decoder.transformer.",
            "mask_decoder.output_upscaling.",
            "mask_decoder.output_hypernetworks_mlps.0.",
            "mask_decoder.output_hypernetworks_mlps.1.",
        ],
        HeadConfig::Linear(_) => &["mask_decoder.output_upscaling."],
        HeadConfig::Cnn(_) => &[],
    };
    let own = sam.clone().renamed(|name| {
        let kept = wanted.iter().any(|prefix| name.starts_with(prefix));
        kept.then(|| name.to_owned())
    });
    let code = beneath(sam).renamed(|name| {
        let kept = name.starts_with("pe_layer.");
        kept.then(|| name.to_owned())
    });
    own.with(code)
}

/// Encodes the training cases' slices that the cache does not hold yet.
fn encode(
    recipe: &SliceRecipe,
    own: &AutoSamRecipe,
    sam: &StartingSam,
    cases: &CaseNames,
    device: &Device,
    ctx: &JobContext,
) -> Result<Vec<PathBuf>, TrainError> {
    let encoder_weights = sam.weights.under("image_encoder.");
    let labels = recipe.dataset.label_values().unwrap_or_default();
    let preparation = format!(
        "autosam {} {labels:?} {:?}",
        own.input_side, sam.config.encoder
    );
    let cache = EmbeddingCache::open(&recipe.cache, &encoder_weights, &preparation)?;
    let loader = Loader::new(encoder_weights, device);
    let encoder = ImageEncoder::load(&loader.root(), &sam.config.encoder);
    loader
        .finish("SAM's image encoder", |_| false)
        .map_err(ModelError::from)?;
    let side = own.input_side;
    let mut paths = Vec::new();
    for (number, case) in cases.training.iter().enumerate() {
        let progress = 0.3 * number as f32 / cases.training.len() as f32;
        ctx.step(progress, &format!("encoding {case}"))?;
        let scan = Scan::read(&recipe.dataset, case)?;
        let png = volume_to_png(&values(&scan.image));
        let [ni, nj, nk] = scan.image.grid().dims;
        for k in 0..nk {
            let slice = &png[k * ni * nj..][..ni * nj];
            if slice.iter().all(|v| *v == slice[0]) {
                continue;
            }
            let variants: &[(&str, bool)] = if own.mirrored {
                &[("", false), ("_mirrored", true)]
            } else {
                &[("", false)]
            };
            for &(name, mirrored) in variants {
                let path = cache.path(case, k, name);
                if !path.exists() {
                    let mut image = network_slice(slice, [nj, ni], side);
                    let classes = scan.classes(k, &labels);
                    let mut classes = resize_labels(&classes, [nj, ni], side);
                    if mirrored {
                        image.chunks_mut(side).for_each(<[f32]>::reverse);
                        classes.chunks_mut(side).for_each(<[u8]>::reverse);
                    }
                    let image = TensorData::new(image, [1, 1, side, side]);
                    let image = Tensor::<4>::from_data(image, device).expand([1, 3, side, side]);
                    let to = [sam.config.encoder.image_side; 2];
                    let image = resize_linear(image, &to, Corners::HalfPixel);
                    let embedding: Tensor<3> = encoder.forward(image).squeeze_dim(0);
                    let maps = vec![HostTensor::of(&embedding)];
                    EmbeddingCache::write(&path, &EncodedSlice { maps, classes })?;
                }
                paths.push(path);
            }
        }
    }
    Ok(paths)
}

/// PyTorch's `ReduceLROnPlateau` with its defaults: a tenth after more than ten epochs without a better value.
struct Plateau {
    value: f64,
    best: f64,
    waited: usize,
}

impl Plateau {
    fn new(value: f64) -> Self {
        Self {
            value,
            best: f64::INFINITY,
            waited: 0,
        }
    }

    fn watch(&mut self, loss: f64) {
        if loss < self.best * (1.0 - 1e-4) {
            self.best = loss;
            self.waited = 0;
            return;
        }
        self.waited += 1;
        if self.waited > 10 {
            self.value *= 0.1;
            self.waited = 0;
        }
    }
}
