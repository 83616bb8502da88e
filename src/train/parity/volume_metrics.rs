//! Recordings of the volume networks' losses and metrics.

use burn::tensor::{Device, Tensor};

use crate::models::losses::{
    DiceCe, balanced_dice_per_class, cross_entropy, dice_ce, dice_per_class, one_hot,
};
use crate::volume::metrics::Agreement;
use crate::volume::surface::SurfaceDistances;

use super::check::read;
use super::recorded::classes;
use super::volume_runs::{mask, volume};
use super::{Check, Fixture, Kind, ParityError};

pub(super) const KINDS: &[Kind] = &[("losses_metrics", losses_metrics)];

fn losses_metrics(f: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    for (name, expected) in f.config().as_object().into_iter().flatten() {
        let Some(expected) = expected.as_f64() else {
            continue;
        };
        if let Some(found) = loss_named(f, device, name)? {
            check.number(name, expected, found, 1e-5);
        }
    }
    let (logits, targets) = class_volumes(f, device, 5)?;
    let found = dice_per_class(logits, targets);
    check.tensor(f, "out/dice_loss_per_class5", found, 1e-5)?;
    class_dice(f, check)?;
    surface_metrics(f, check)
}

fn class_volumes(
    f: &Fixture,
    device: &Device,
    classes: usize,
) -> Result<(Tensor<5>, Tensor<5>), ParityError> {
    let logits = f.tensor(&format!("in/logits{classes}"), device)?;
    let labels = f.tensor(&format!("in/label{classes}"), device)?;
    Ok((logits, one_hot(labels, classes)))
}

/// The losses that the header names, by the start of their names.
fn loss_named(f: &Fixture, device: &Device, name: &str) -> Result<Option<f64>, ParityError> {
    let number = |loss: Tensor<1>| -> Result<Option<f64>, ParityError> {
        Ok(read(loss)?.first().map(|&v| f64::from(v)))
    };
    let labels = |classes: usize| f.tensor::<5>(&format!("in/label{classes}"), device);
    let logits = |classes: usize| f.tensor::<5>(&format!("in/logits{classes}"), device);
    if name.starts_with("DiceCE_nobg") {
        return number(dice_ce(logits(2)?, labels(2)?, DiceCe::TARGET));
    }
    if name.starts_with("DiceCE_bg") {
        return number(dice_ce(logits(5)?, labels(5)?, DiceCe::ALL_CLASSES));
    }
    let (two, targets) = class_volumes(f, device, 2)?;
    if name.starts_with("Dice_nobg") {
        return number(dice_per_class(two, targets).narrow(0, 1, 1));
    }
    if name.starts_with("CE_only") {
        return number(cross_entropy(two, targets));
    }
    if name.starts_with("repo DiceLoss") {
        let (five, targets) = class_volumes(f, device, 5)?;
        return number(balanced_dice_per_class(five, targets).mean());
    }
    Ok(None)
}

/// MONAI's DiceMetric: a class that is absent does not count, and is -1 in the header.
fn class_dice(f: &Fixture, check: &mut Check) -> Result<(), ParityError> {
    let expected: Vec<f64> = f.setting("/DiceMetric_per_class (nan->-1)")?;
    let found = classes(&f.host("in/logits5")?);
    let truth = f.host("in/label5")?.data;
    let dice = dice_of_classes(&found, &truth, expected.len());
    for (class, (expected, found)) in expected.iter().zip(&dice).enumerate() {
        check.number(&format!("Dice of class {class}"), *expected, *found, 1e-5);
    }
    let mean: f64 = f.setting("/DiceMetric_mean")?;
    check.number("mean Dice", mean, mean_of_present(&dice), 1e-5);
    Ok(())
}

/// Dice of each class, -1 where the truth has none of it.
pub(super) fn dice_of_classes(found: &[f32], truth: &[f32], classes: usize) -> Vec<f64> {
    let dice = (0..classes).map(|class| {
        let of_class = |values: &[f32]| -> Vec<u8> {
            values
                .iter()
                .map(|&v| u8::from(v == class as f32))
                .collect()
        };
        let truth = of_class(truth);
        if truth.iter().all(|&v| v == 0) {
            return -1.0;
        }
        crate::volume::metrics::dice(&of_class(found), &truth)
    });
    dice.collect()
}

/// The mean over classes that are present.
pub(super) fn mean_of_present(dice: &[f64]) -> f64 {
    let present: Vec<f64> = dice.iter().copied().filter(|d| *d >= 0.0).collect();
    present.iter().sum::<f64>() / present.len().max(1) as f64
}

fn surface_metrics(f: &Fixture, check: &mut Check) -> Result<(), ParityError> {
    let spacing_mm: [f64; 3] = f.setting("/spacing_mm")?;
    let truth = mask(&volume(f, "in/mask_gt")?, spacing_mm, |v| v > 0.0);
    let pred = mask(&volume(f, "in/mask_pred")?, spacing_mm, |v| v > 0.0);
    let tolerances: std::collections::BTreeMap<String, f64> = f.setting("/nsd")?;
    for (tolerance, expected) in tolerances {
        let tolerance_mm = tolerance.parse().map_err(|e| {
            ParityError::NotUnderstood(format!("{tolerance} is no tolerance in mm: {e}"))
        })?;
        let found = Agreement::between(&pred, &truth, tolerance_mm).nsd;
        check.number(&format!("NSD at {tolerance} mm"), expected, found, 1e-6);
    }
    let agreement = Agreement::between(&pred, &truth, 1.0);
    let hd95: f64 = f.setting("/hd95")?;
    check.number("HD95", hd95, agreement.hd95_mm.unwrap_or(f64::NAN), 1e-5);
    let dice: f64 = f.setting("/volume_dice")?;
    check.number("Dice", dice, agreement.dice, 1e-6);
    let [to_pred, to_truth]: [f64; 2] = f.setting("/asd")?;
    let expected = (to_pred + to_truth) / 2.0;
    let found = agreement.assd_mm.unwrap_or(f64::NAN);
    check.number("ASSD", expected, found, 1e-5);
    if let Some(surfaces) = SurfaceDistances::between(&pred, &truth) {
        let means = [
            surfaces.truth_to_pred.mean_mm(),
            surfaces.pred_to_truth.mean_mm(),
        ];
        check.number("distance truth to prediction", to_pred, means[0], 1e-5);
        check.number("distance prediction to truth", to_truth, means[1], 1e-5);
    }
    Ok(())
}
