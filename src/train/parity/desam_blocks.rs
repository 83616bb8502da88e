//! Recordings of PIMM, its blocks and DeSAM's losses.

use burn::tensor::{Device, Tensor};

use crate::models::checkpoint::{Loader, WeightMap};
use crate::models::desam::{
    ChannelGate, ContextBlock, GatedResidual, IouError, LossConfig, Pimm, PimmConfig, UpBlock,
    cross_entropy, dice_loss, iou_loss, mask_loss,
};
use crate::models::trace::Recorder;

use super::{Check, Fixture, Kind, ParityError};

/// The kinds of this file.
pub(super) const KINDS: &[Kind] = &[
    ("desam_units", units),
    ("desam_pimm", pimm),
    ("desam_losses", losses),
];

const MODULE: f64 = 2e-5;
/// Of the whole of PIMM; the specification allows twice as much for its logits.
const PIMM: f64 = 1e-4;

/// Length of an axis of a tensor of `weights`.
fn length(weights: &WeightMap, name: &str, axis: usize) -> Result<usize, ParityError> {
    let shape = weights.shape(name).unwrap_or_default();
    shape.get(axis).copied().ok_or_else(|| {
        ParityError::NotUnderstood(format!("its weights lack a {name} with {} axes", axis + 1))
    })
}

fn units(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let weights = fixture.weights("w/");
    let loader = Loader::new(weights.clone(), device);
    let (root, recorder) = (loader.root(), Recorder::default());
    let input = |name: &str| fixture.tensor::<4>(name, device);

    let gate = ChannelGate::load(&root.child("se"), length(&weights, "se.fc.0.weight", 1)?);
    check.tensor(fixture, "out/se", gate.forward(input("in/se")?), MODULE)?;
    for name in ["res_diff", "res_same"] {
        let conv = format!("{name}.conv1.conv.weight");
        let [to, from] = [0, 1].map(|axis| length(&weights, &conv, axis));
        let block = GatedResidual::load(&root.child(name), from?, to?);
        let trace = recorder.trace().child(name);
        let found = block.forward(input(&format!("in/{name}"))?, &trace);
        check.tensor(fixture, &format!("out/{name}"), found, MODULE)?;
    }
    let conv = "preup.block_init.conv1.conv.weight";
    let [to, from] = [0, 1].map(|axis| length(&weights, conv, axis));
    let doublings = (0..)
        .take_while(|n| weights.contains(&format!("preup.residual_block.{n}.0.conv.weight")))
        .count();
    let block = ContextBlock::load(&root.child("preup"), from?, to?, doublings);
    let found = block.forward(input("in/preup")?, &recorder.trace().child("preup"));
    check.tensor(fixture, "out/preup", found, MODULE)?;
    let conv = "up.transp_conv.conv.weight";
    let [from, to] = [0, 1].map(|axis| length(&weights, conv, axis));
    let block = UpBlock::load(&root.child("up"), from?, to?);
    let skip = block.skip_terms(&input("in/up_skip")?);
    let found = block.forward(input("in/up")?, &skip, &recorder.trace().child("up"));
    check.tensor(fixture, "out/up", found, MODULE)?;
    check.activations(fixture, "mid/", recorder, MODULE)?;
    loader.finish("DeSAM's blocks", |_| false)?;
    Ok(())
}

fn pimm(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let config = PimmConfig {
        encoder_width: fixture.setting("/embed_dim")?,
        width: fixture.setting("/prompt_embed_dim")?,
        stages: fixture.setting("/sam_features_length")?,
    };
    let loader = Loader::new(fixture.weights("w/mask_decoder.pimm."), device);
    let pimm = Pimm::load(&loader.root(), &config);
    loader.finish("PIMM", |_| false)?;
    let features = (0..config.stages)
        .map(|n| fixture.tensor::<4>(&format!("in/feat{n}"), device))
        .collect::<Result<Vec<_>, _>>()?;
    let recorder = Recorder::default();
    let trace = recorder.trace();
    let context = pimm.image_context(&features, &trace);
    let logits = pimm.forward(
        fixture.tensor("in/mask_embedding", device)?,
        &context,
        &trace,
    );
    check.tensor(fixture, "out/mask_logits", logits, PIMM)?;
    let kept = recorder.into_kept();
    for n in 1..config.stages {
        let name = format!("out/deep_supervision_{n}");
        let head = format!("seg_outputs.{}", config.stages - 2 - n);
        if let (true, Some((shape, values))) = (fixture.contains(&name), kept.get(&head)) {
            let shape: [usize; 4] = std::array::from_fn(|axis| shape[axis]);
            check.tensor(fixture, &name, values.clone().reshape(shape), PIMM)?;
        }
    }
    check.kept(fixture, "mid/mask_decoder.pimm.", kept, PIMM)
}

/// Whether the MONAI of a recording computes a cross-entropy for a single channel; 1.1.0, which the authors pin, does
/// not.
pub(super) fn cross_entropy_weight(fixture: &Fixture) -> f64 {
    let pinned = fixture.note("monai").is_some_and(|v| v.starts_with("1.1."));
    if pinned { 0.0 } else { 1.0 }
}

fn losses(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let input = |name: &str| fixture.tensor::<4>(name, device);
    let (logits, truth) = (input("in/logits")?, input("in/gt")?);
    let iou = fixture.tensor::<2>("in/iou_pred", device)?;
    let target = fixture.tensor::<2>("in/iou_label", device)?;
    let code = LossConfig {
        cross_entropy: cross_entropy_weight(fixture),
        ..LossConfig::RELEASED
    };
    let entropy = cross_entropy(logits.clone(), truth.clone());
    let single = |error| iou_loss(iou.clone(), target.clone(), error);
    let mut terms =
        |name: &str, found: Tensor<1>| check.tensor(fixture, &format!("out/{name}"), found, 1e-5);
    terms("bce_mean", entropy.clone())?;
    terms("ce_part", entropy * code.cross_entropy)?;
    terms("dice", dice_loss(logits.clone(), truth.clone()))?;
    terms("dicece_value", mask_loss(logits, truth, &code))?;
    terms("l1", single(IouError::L1))?;
    terms("mse", single(IouError::Mse))?;
    let squared = LossConfig {
        iou_error: IouError::Mse,
        ..code
    };
    total(fixture, device, check, "total_code_default", &code)?;
    total(fixture, device, check, "total_code_mse_flag", &squared)?;
    let paper = LossConfig::PAPER;
    total(fixture, device, check, "total_paper_1_1_10", &paper)
}

/// A total and its gradients.
fn total(
    fixture: &Fixture,
    device: &Device,
    check: &mut Check,
    name: &str,
    config: &LossConfig,
) -> Result<(), ParityError> {
    let device = &device.clone().autodiff();
    let logits = fixture.tensor::<4>("in/logits", device)?.require_grad();
    let iou = fixture.tensor::<2>("in/iou_pred", device)?.require_grad();
    let truth = fixture.tensor("in/gt", device)?;
    let target = fixture.tensor("in/iou_label", device)?;
    let loss = mask_loss(logits.clone(), truth, config)
        + iou_loss(iou.clone(), target, config.iou_error) * config.iou;
    let gradients = loss.backward();
    check.tensor(fixture, &format!("out/{name}"), loss.inner(), 1e-5)?;
    let gone = || ParityError::NotUnderstood(format!("{name} gives no gradient"));
    let of_logits = logits.grad(&gradients).ok_or_else(gone)?;
    let of_iou = iou.grad(&gradients).ok_or_else(gone)?;
    check.gradient(fixture, &format!("out/{name}_grad_logits"), of_logits)?;
    check.gradient(fixture, &format!("out/{name}_grad_iou"), of_iou)
}
