//! AutoSAM's training: one of three heads on a frozen encoder.

use burn::optim::AdamConfig;
use burn::tensor::{Device, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;

use crate::models::ModelError;
use crate::models::autosam::{
    AutoSamConfig, AutoSamSettings, CnnHeadConfig, HeadConfig, LinearHeadConfig, Loss,
    SegmentationHead, VitHeadConfig, beneath, is_trained, network_slice, resize_labels,
    volume_to_png,
};
use crate::models::checkpoint::{Loader, WeightMap};
use crate::models::ops::{Corners, resize_linear};
use crate::models::sam::ImageEncoder;
use crate::models::slices::values;
use crate::models::trace::Trace;
use crate::train::TrainError;
use crate::train::checkpoint::EpochRecord;
use crate::train::driver::{At, Learnt, RunState, TrainingTask, shuffle};
use crate::train::published::{Scan, StartingSam, Trained};

use super::recipe::{AutoSamRecipe, HeadKind};
use super::samples::{ENCODING, Encoding, Place, PlainSlice, Preparation, Sample, Trainee};
use super::{Setup, variation};

/// Trains the head; the authors keep the last epoch's.
///
/// # Errors
/// Data that cannot be read, a cache that cannot be written, a job asked to stop.
pub(super) fn train(
    setup: &Setup<'_>,
    own: &AutoSamRecipe,
    sam: &StartingSam,
) -> Result<Trained, TrainError> {
    let recipe = setup.recipe;
    let labels = recipe.dataset.label_values().unwrap_or_default();
    let config = AutoSamConfig {
        encoder: sam.config.encoder.clone(),
        head: head_config(own, sam, labels.len() + 1),
        input_side: own.input_side,
    };
    let encoding = Encoding {
        config: &sam.config.encoder,
        weights: sam.weights.under("image_encoder."),
        preparation: AutoSamSlices {
            labels,
            side: own.input_side,
            mirrored: own.mirrored,
            varied: own.varied,
            image_side: sam.config.encoder.image_side,
        },
        device: setup.device,
    };
    let cache = recipe.cache.as_deref();
    let cases = &setup.cases.training;
    let samples = encoding.samples(&recipe.dataset, cases, cache, setup.ctx)?;
    let autodiff = setup.device.clone().autodiff();
    let (with_encoder, train_encoder) = (cache.is_none(), recipe.encoder.trained);
    let mut weights = start(&sam.weights, &config.head);
    if with_encoder {
        weights = weights.with(image_encoder_of(&sam.weights));
    }
    let loader = Loader::new(weights, &autodiff)
        .with_fresh(recipe.schedule.seed, |_| true)
        .with_trainable(move |name| {
            is_trained(name) || (train_encoder && name.starts_with("image_encoder."))
        });
    let root = loader.root();
    let encoder = || ImageEncoder::load(&root.child("image_encoder"), &config.encoder);
    let net = Trainee {
        image_encoder: with_encoder.then(encoder),
        decoder: SegmentationHead::load(&root, &config.head),
    };
    let entries = loader
        .finish("AutoSAM", |name| name.starts_with("pe_layer."))
        .map_err(ModelError::from)?;
    let task = AutoSamTask {
        samples: samples.iter().flatten().collect(),
        encoding,
        batch: recipe.schedule.batch,
        learning_rate: recipe.schedule.learning_rate,
        device: autodiff,
    };
    let optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let fresh = RunState::fresh(net, entries, optimizer);
    let trained = setup.run_from(ENCODING).run(fresh, &task)?;
    let weights = beneath(&sam.weights).with(trained.weights());
    let uses_positions = matches!(config.head, HeadConfig::Vit(_));
    let weights = weights.renamed(|name| {
        let kept = uses_positions || !name.starts_with("pe_layer.");
        kept.then(|| name.to_owned())
    });
    Trained::new(weights, &AutoSamSettings { network: config })
}

/// The encoder's tensors under their full names.
fn image_encoder_of(sam: &WeightMap) -> WeightMap {
    sam.clone().renamed(|name| {
        let kept = name.starts_with("image_encoder.");
        kept.then(|| name.to_owned())
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

/// Slices as the authors' ACDC conversion and loader make them.
struct AutoSamSlices {
    labels: Vec<(u16, String)>,
    side: usize,
    mirrored: bool,
    varied: bool,
    image_side: usize,
}

impl Preparation for AutoSamSlices {
    fn name(&self) -> String {
        format!("autosam {} {:?}", self.side, self.labels)
    }

    fn wanted_blocks(&self) -> &[usize] {
        &[]
    }

    fn places(&self, scan: &Scan) -> (Vec<u8>, Vec<Place>) {
        let png = volume_to_png(&values(&scan.image));
        let [ni, nj, nk] = scan.image.grid().dims;
        let variants: &[bool] = if self.mirrored {
            &[false, true]
        } else {
            &[false]
        };
        let mut places = Vec::new();
        for slice in 0..nk {
            let pixels = &png[slice * ni * nj..][..ni * nj];
            if pixels.iter().any(|v| *v != pixels[0]) {
                places.extend(variants.iter().map(|&mirrored| Place { slice, mirrored }));
            }
        }
        (png, places)
    }

    fn slice(&self, scan: &Scan, grey: &[u8], place: Place) -> PlainSlice {
        let [ni, nj, _] = scan.image.grid().dims;
        let pixels = &grey[place.slice * ni * nj..][..ni * nj];
        let mut picture = network_slice(pixels, [nj, ni], self.side);
        let classes = scan.classes(place.slice, &self.labels);
        let mut classes = resize_labels(&classes, [nj, ni], self.side);
        if place.mirrored {
            picture.chunks_mut(self.side).for_each(<[f32]>::reverse);
            classes.chunks_mut(self.side).for_each(<[u8]>::reverse);
        }
        PlainSlice { picture, classes }
    }

    fn varied(&self, slice: &PlainSlice, rng: &mut ChaCha8Rng) -> Option<PlainSlice> {
        self.varied
            .then(|| variation::varied(slice, self.side, rng))
    }

    fn images(&self, pictures: &[&[f32]], device: &Device) -> Tensor<4> {
        let (count, side) = (pictures.len(), self.side);
        let channels = pictures[0].len() / (side * side);
        let values = TensorData::new(pictures.concat(), [count, channels, side, side]);
        let channels = Tensor::<4>::from_data(values, device).expand([count, 3, side, side]);
        resize_linear(channels, &[self.image_side; 2], Corners::HalfPixel)
    }
}

/// What the steps need.
struct AutoSamTask<'a> {
    encoding: Encoding<'a, AutoSamSlices>,
    samples: Vec<&'a Sample>,
    batch: usize,
    learning_rate: f64,
    device: Device,
}

impl<'a> TrainingTask<Trainee<SegmentationHead>> for AutoSamTask<'a> {
    type Batch = Vec<&'a Sample>;

    fn batches(&self, _at: &At<'_>, rng: &mut ChaCha8Rng) -> Vec<Self::Batch> {
        let mut samples = self.samples.clone();
        shuffle(&mut samples, rng);
        samples.chunks(self.batch).map(<[_]>::to_vec).collect()
    }

    fn learn(
        &self,
        net: &Trainee<SegmentationHead>,
        batch: &Self::Batch,
        _at: &At<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Learnt, TrainError> {
        let encoder = net.image_encoder.as_ref();
        let batch = self
            .encoding
            .batch(batch, encoder, &self.device, Some(rng))?;
        let (off, side) = (Trace::off(), self.encoding.preparation.side);
        let found = net.decoder.forward_to(batch.maps[0].clone(), side, &off);
        let labels = batch.labels(side, &self.device);
        let loss = Loss::of(found.logits, labels).total();
        Ok(Learnt::of(&loss, net))
    }

    fn rate(&self, at: &At<'_>) -> f64 {
        Plateau::after(self.learning_rate, at.history)
    }
}

/// PyTorch's `ReduceLROnPlateau` with its defaults: a tenth after more than ten epochs without a better value.
struct Plateau {
    value: f64,
    best: f64,
    waited: usize,
}

impl Plateau {
    /// The rate after these epochs. The authors watch the last batch's loss, from the eleventh epoch on.
    fn after(start: f64, history: &[EpochRecord]) -> f64 {
        let mut plateau = Self {
            value: start,
            best: f64::INFINITY,
            waited: 0,
        };
        for epoch in history.iter().skip(10) {
            plateau.watch(epoch.last);
        }
        plateau.value
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rate_after(losses: &[f64]) -> f64 {
        let epoch = |&last: &f64| EpochRecord {
            mean: last,
            last,
            score: None,
        };
        let history: Vec<EpochRecord> = losses.iter().map(epoch).collect();
        Plateau::after(5e-4, &history)
    }

    #[test]
    fn the_rate_falls_after_eleven_epochs_without_a_better_loss_from_the_eleventh_on() {
        let mut losses = vec![0.1; 10];
        losses.push(0.5);
        losses.extend([0.6; 10]);
        assert!((rate_after(&losses) - 5e-4).abs() < 1e-12);
        losses.push(0.6);
        assert!((rate_after(&losses) - 5e-5).abs() < 1e-12);
        losses.push(0.4);
        assert!((rate_after(&losses) - 5e-5).abs() < 1e-12);
    }
}
