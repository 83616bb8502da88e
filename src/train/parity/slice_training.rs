//! Recordings of the training of DeSAM and AutoSAM.

use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Int, Tensor, activation};

use crate::models::autosam::{AutoSam, Loss, is_trained, one_hot, soft_dice};
use crate::models::checkpoint::{Loader, ParamEntry};
use crate::models::desam::{
    DeSamDecoder, ImageFeatures, LossConfig, iou_loss, is_unused, mask_loss,
};
use crate::models::trace::Trace;

use super::desam_blocks::cross_entropy_weight;
use super::parameters::{compare_gradients, compare_values};
use super::{Check, Fixture, Kind, Limit, ParityError, autosam, autosam_processing, desam};

/// The kinds of this file.
pub(super) const KINDS: &[Kind] = &[
    ("desam_train_grid", desam_training),
    ("desam_train_box", desam_training),
    ("autosam_train_vit", autosam_training),
    ("autosam_train_cnn", autosam_training),
    ("autosam_train_linear", autosam_training),
];

const LOSS: f64 = 1e-4;
/// As for gradients; single weights may differ by more, where Adam turns a gradient's rounding into a step.
const WEIGHTS: Limit = Limit::RelL2(1e-3);

/// PyTorch's Adam.
fn adam() -> ModuleOptimizer {
    AdamConfig::new().with_epsilon(1e-8).init()
}

fn number(value: Tensor<1>) -> Result<f32, ParityError> {
    let values = super::check::read(value)?;
    Ok(values.first().copied().unwrap_or(f32::NAN))
}

/// Names of batches such as `b0`, `b1`: those that have this input.
fn batches(fixture: &Fixture, letter: char, input: &str) -> Vec<String> {
    (0..)
        .map(|n| format!("{letter}{n}"))
        .take_while(|batch| fixture.contains(&format!("in/{batch}.{input}")))
        .collect()
}

/// DeSAM's decoder in training, and what is compared of it.
struct DeSamRun<'a> {
    fixture: &'a Fixture,
    device: Device,
    stages: usize,
    loss: LossConfig,
    whole_box: bool,
}

/// Losses of one batch.
struct BatchLoss {
    mask: Tensor<1>,
    iou: Option<Tensor<1>>,
}

impl DeSamRun<'_> {
    fn losses(&self, net: &DeSamDecoder, batch: &str) -> Result<BatchLoss, ParityError> {
        let input = |name: String| {
            self.fixture
                .tensor::<4>(&format!("in/{batch}.{name}"), &self.device)
        };
        let features = (0..self.stages)
            .map(|n| input(format!("feat{n}")))
            .collect::<Result<Vec<_>, _>>()?;
        let image = ImageFeatures {
            features,
            embedding: input(format!("feat{}", self.stages))?,
        };
        let truth = input("gt".to_owned())?;
        let trace = Trace::off();
        let prepared = net.prepare(&image, &trace);
        let prompts = if self.whole_box {
            net.whole_box(truth.dims()[0], &self.device)
        } else {
            let points = format!("in/{batch}.points");
            desam::point_prompts(self.fixture.tensor(&points, &self.device)?)
        };
        let found = net.decode(&prepared, prompts, &trace);
        let iou = if self.whole_box {
            None
        } else {
            let target = format!("in/{batch}.iou_label");
            let target = self.fixture.tensor(&target, &self.device)?;
            Some(iou_loss(found.iou, target, self.loss.iou_error))
        };
        Ok(BatchLoss {
            mask: mask_loss(found.logits, truth, &self.loss),
            iou,
        })
    }
}

fn desam_training(
    fixture: &Fixture,
    device: &Device,
    check: &mut Check,
) -> Result<(), ParityError> {
    let config = desam::config(fixture)?.decoder;
    let run = DeSamRun {
        fixture,
        device: device.clone().autodiff(),
        stages: config.pimm.stages,
        loss: LossConfig {
            cross_entropy: cross_entropy_weight(fixture),
            ..LossConfig::RELEASED
        },
        whole_box: fixture.stem().starts_with("desam_train_box"),
    };
    let loader = Loader::new(fixture.weights("w/"), &run.device)
        .with_fresh(0, is_unused)
        .with_trainable(|name| name.starts_with("mask_decoder."));
    let root = loader.root();
    let (prompts, decoder) = (root.child("prompt_encoder"), root.child("mask_decoder"));
    let mut net = DeSamDecoder::load(&prompts, &decoder, &config);
    let entries = loader.finish("DeSAM's decoder", is_unused)?;
    let epochs: usize = fixture.setting("/epochs")?;
    let rate: f64 = fixture.setting("/initial_lr")?;
    let power: f64 = fixture.setting("/poly_power")?;
    let skipped: Vec<String> = fixture.note_json("params_with_noise_level_grad")?;
    let train = batches(fixture, 'b', "gt");
    let validation = batches(fixture, 'v', "gt");
    let mut optimizer = adam();
    let (mut mask_calls, mut iou_calls) = (Vec::new(), Vec::new());
    let (mut train_losses, mut validation_losses) = (Vec::new(), Vec::new());
    for epoch in 0..epochs {
        let rate = rate * (1.0 - epoch as f64 / epochs as f64).powf(power);
        let start = mask_calls.len();
        for batch in &train {
            let BatchLoss { mask, iou } = run.losses(&net, batch)?;
            mask_calls.push(number(mask.clone().inner())?);
            let mut total = mask;
            if let Some(iou) = iou {
                iou_calls.push(number(iou.clone().inner())?);
                total = total + iou * run.loss.iou;
            }
            let gradients = GradientsParams::from_grads(total.backward(), &net);
            if mask_calls.len() == 1 {
                let prefix = "out/grad_step0/";
                let of = (&net, entries.as_slice());
                compare_gradients(check, fixture, prefix, of, &gradients, &skipped)?;
            }
            net = optimizer.step(rate, net, gradients);
        }
        // The authors divide by one less than the number of batches.
        let mean = |calls: &[f32]| calls.iter().sum::<f32>() / (calls.len() as f32 - 1.0);
        train_losses.push(mean(&mask_calls[start..]));
        let start = mask_calls.len();
        for batch in &validation {
            mask_calls.push(number(run.losses(&net, batch)?.mask.inner())?);
        }
        validation_losses.push(mean(&mask_calls[start..]));
    }
    for (name, found) in [
        ("out/dicece_call_values", mask_calls),
        ("out/iou_call_values", iou_calls),
        ("out/train_epoch_loss", train_losses),
        ("out/val_epoch_loss", validation_losses),
    ] {
        if fixture.contains(name) {
            check.values(fixture, name, &[found.len()], &found, Limit::MaxAbs(LOSS))?;
        }
    }
    let of = (&net, entries.as_slice());
    compare_values(check, fixture, "out/w_final/", of, &skipped, WEIGHTS)
}

/// A batch of AutoSAM's training: the frozen encoder's embedding, and the labels.
struct LabelledBatch {
    embedding: Tensor<4>,
    labels: Tensor<3, Int>,
}

fn autosam_training(
    fixture: &Fixture,
    device: &Device,
    check: &mut Check,
) -> Result<(), ParityError> {
    let device = &device.clone().autodiff();
    let loader = Loader::new(fixture.weights("w/"), device).with_trainable(is_trained);
    let (mut net, entries) = AutoSam::load_with(loader, &autosam::config(fixture)?)?;
    compare_trained(fixture, check, &entries)?;
    let rate: f64 = fixture.note_json("lr")?;
    let skipped: Vec<String> = fixture.note_json("params_with_noise_level_grad")?;
    let data = batches(fixture, 'b', "image")
        .iter()
        .map(|batch| {
            let image = fixture.tensor(&format!("in/{batch}.image"), device)?;
            let labels = format!("in/{batch}.label");
            Ok(LabelledBatch {
                embedding: net.encode(image, &Trace::off()).detach(),
                labels: autosam_processing::labels(fixture, &labels, device)?,
            })
        })
        .collect::<Result<Vec<_>, ParityError>>()?;
    let epochs = fixture.host("out/val_loss")?.data.len();
    let mut optimizer = adam();
    let (mut train_losses, mut validation_losses) = (Vec::new(), Vec::new());
    for _ in 0..epochs {
        for batch in &data {
            let found = net.decode(batch.embedding.clone(), &Trace::off());
            let loss = Loss::of(found.logits, batch.labels.clone()).total();
            train_losses.push(number(loss.clone().inner())?);
            let gradients = GradientsParams::from_grads(loss.backward(), &net);
            if train_losses.len() == 1 {
                let prefix = "out/grad_step0/";
                let of = (&net, entries.as_slice());
                compare_gradients(check, fixture, prefix, of, &gradients, &skipped)?;
            }
            net = optimizer.step(rate, net, gradients);
        }
        let Some(first) = data.first() else { continue };
        let logits = net.decode(first.embedding.clone(), &Trace::off()).logits;
        let truth = one_hot(first.labels.clone(), logits.dims()[1]);
        let dice = soft_dice(activation::softmax(logits, 1), truth);
        validation_losses.push(number(dice.inner())?);
    }
    for (name, found) in [
        ("out/train_loss", train_losses),
        ("out/val_loss", validation_losses),
    ] {
        check.values(fixture, name, &[found.len()], &found, Limit::MaxAbs(LOSS))?;
    }
    let of = (&net, entries.as_slice());
    compare_values(check, fixture, "out/w_final/", of, &skipped, WEIGHTS)
}

/// Whether the parameters that we train are those that the authors do.
fn compare_trained(
    fixture: &Fixture,
    check: &mut Check,
    entries: &[ParamEntry],
) -> Result<(), ParityError> {
    let expected: Vec<String> = fixture.note_json("trainable")?;
    let ours = entries.iter().filter(|entry| is_trained(&entry.name));
    let unexpected = ours.filter(|e| !expected.contains(&e.name)).count();
    let missing = expected.iter().filter(|name| !is_trained(name)).count();
    let off = (unexpected + missing) as f64;
    check.number("parameters trained by one side only", 0.0, off, 0.0);
    Ok(())
}
