//! The recording of MA-SAM's training: loss, learning rate, gradients and steps.

use burn::module::Module as _;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Tensor};

use crate::models::checkpoint::{HostTensor, ParamEntry, export};
use crate::models::masam::{MaSam, MasamLoss, Mode, masam_loss, names};
use crate::train::slices::masam::LearningRate;

use super::check::read;
use super::masam::{config_of, load, number};
use super::{Check, Fixture, Kind, Limit, ParityError};

pub(super) const KINDS: &[Kind] = &[("masam_train", training)];

const LOSS: f64 = 1e-5;
const GRADIENT: f64 = 1e-3;
/// Gradients that are rounding noise around 0.
const ZERO: f64 = 1e-5;
const STEPPED: f64 = 2e-5;
const STEPS: usize = 2;

fn training(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let device = &device.clone().autodiff();
    for name in ["plain", "ignore"] {
        loss(fixture, device, check, name)?;
    }
    learning_rate(fixture, check)?;
    steps(fixture, device, check)
}

fn loss(
    fixture: &Fixture,
    device: &Device,
    check: &mut Check,
    name: &str,
) -> Result<(), ParityError> {
    let logits: Tensor<4> = fixture.tensor("in/loss.logits", device)?;
    let logits = logits.require_grad();
    let labels = fixture.tensor(&format!("in/loss.{name}.labels"), device)?;
    let found = masam_loss(logits.clone(), labels);
    for (part, value) in [
        ("total", &found.total),
        ("ce", &found.cross_entropy),
        ("dice", &found.dice),
    ] {
        let value = [number(value.clone())? as f32];
        let name = format!("out/loss.{name}.{part}");
        check.values(fixture, &name, &[], &value, Limit::MaxAbs(LOSS))?;
    }
    let gradients = found.total.backward();
    let gradient = logits.grad(&gradients).ok_or_else(no_gradient)?;
    let name = format!("out/loss.{name}.grad_logits");
    let shape = gradient.dims();
    check.values(
        fixture,
        &name,
        &shape,
        &read(gradient)?,
        Limit::RelL2(GRADIENT),
    )
}

fn no_gradient() -> ParityError {
    ParityError::NotUnderstood("the loss has no gradient".to_owned())
}

/// As the recording states it: rate 0.0008, warm-up 250, 400 epochs of 126 iterations.
fn learning_rate(fixture: &Fixture, check: &mut Check) -> Result<(), ParityError> {
    let schedule = LearningRate {
        base: 0.0008,
        warmup: 250,
        iterations: 400 * 126,
        power: 7.0,
    };
    let iterations = fixture.host("out/lr.iteration")?.data;
    let rates: Vec<f32> = iterations
        .iter()
        .map(|&n| schedule.at(n as usize) as f32)
        .collect();
    check.values(
        fixture,
        "out/lr.value",
        &[rates.len()],
        &rates,
        Limit::MaxAbs(1e-9),
    )
}

/// Three evaluations with a step after each of the first two; the first one's gradients.
fn steps(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let (mut network, entries) = load(fixture.weights("w/"), &config_of(fixture)?, device)?;
    let mut optimizer = AdamWConfig::new()
        .with_weight_decay(0.1)
        .with_epsilon(1e-8)
        .init();
    let mut losses = Vec::new();
    for step in 0..=STEPS {
        let MasamLoss {
            total,
            cross_entropy,
            dice,
        } = evaluate(fixture, device, &network)?;
        for part in [total.clone(), cross_entropy, dice] {
            losses.push(number(part)? as f32);
        }
        if step == STEPS {
            break;
        }
        let gradients = GradientsParams::from_grads(total.backward(), &network);
        if step == 0 {
            compare_gradients(fixture, check, &entries, &gradients)?;
        }
        network = optimizer.step(8e-4, network, gradients);
    }
    let shape = [STEPS + 1, 3];
    let name = "out/losses_total_ce_dice";
    check.values(fixture, name, &shape, &losses, Limit::MaxAbs(1e-4))?;
    let after = export(&network.valid(), &entries);
    let prefix = "out/after2.";
    for name in fixture.names(prefix) {
        let tensor = after.read(&names::ours(name.strip_prefix(prefix).unwrap_or(name)))?;
        check.values(
            fixture,
            name,
            &tensor.shape,
            &tensor.data,
            Limit::MaxAbs(STEPPED),
        )?;
    }
    Ok(())
}

fn evaluate(fixture: &Fixture, device: &Device, network: &MaSam) -> Result<MasamLoss, ParityError> {
    let volumes = fixture.tensor("in/batched_input", device)?;
    let labels = fixture.tensor("in/labels", device)?;
    Ok(masam_loss(
        network.forward(volumes, None, Mode::Inference),
        labels,
    ))
}

fn compare_gradients(
    fixture: &Fixture,
    check: &mut Check,
    entries: &[ParamEntry],
    gradients: &GradientsParams,
) -> Result<(), ParityError> {
    let zero: Vec<String> = fixture.note_json("mathematically_zero_gradients")?;
    let prefix = "out/grad.";
    for name in fixture.names(prefix) {
        let theirs = name.strip_prefix(prefix).unwrap_or(name);
        let ours = names::ours(theirs);
        let found = entries
            .iter()
            .find(|entry| entry.name == ours)
            .and_then(|entry| gradient(gradients, entry, fixture.host(name).ok()?.shape.len()));
        let Some(found) = found else {
            return Err(ParityError::NotUnderstood(format!(
                "{theirs} has no gradient"
            )));
        };
        let limit = if zero.iter().any(|name| name == theirs) {
            Limit::MaxAbs(ZERO)
        } else {
            Limit::RelL2(GRADIENT)
        };
        check.values(fixture, name, &found.shape, &found.data, limit)?;
    }
    Ok(())
}

/// The gradient of a parameter of this rank, in the layout of checkpoints.
fn gradient(gradients: &GradientsParams, entry: &ParamEntry, rank: usize) -> Option<HostTensor> {
    fn host<const D: usize>(tensor: Tensor<D>) -> Option<HostTensor> {
        let shape = tensor.dims().to_vec();
        Some(HostTensor::new(shape, read(tensor).ok()?))
    }
    match rank {
        1 => host(gradients.get::<1>(entry.id)?),
        2 if entry.transposed => host(gradients.get::<2>(entry.id)?.transpose()),
        2 => host(gradients.get::<2>(entry.id)?),
        4 => host(gradients.get::<4>(entry.id)?),
        5 => host(gradients.get::<5>(entry.id)?),
        _ => None,
    }
}
