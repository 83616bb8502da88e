//! Recordings of AutoSAM's networks.

use burn::tensor::{Device, Tensor, activation};

use crate::models::autosam::{
    AutoSam, AutoSamConfig, CnnHead, CnnHeadConfig, HeadConfig, LinearHeadConfig, VitHeadConfig,
    full_names,
};
use crate::models::checkpoint::{Loader, WeightMap};
use crate::models::trace::{Recorder, Trace};

use super::slice_nets::{Sizes, checkpoint_of, forward_of, opened};
use super::{Check, Fixture, Kind, ParityError};

/// The kinds of this file.
pub(super) const KINDS: &[Kind] = &[
    ("autosam_vit", end_to_end),
    ("autosam_cnn", end_to_end),
    ("autosam_linear", end_to_end),
    ("autosam_cnn_variants", variants),
    ("autosam_vit_ckpt_forward", forward_pass),
    ("autosam_cnn_ckpt_forward", forward_pass),
    ("autosam_linear_ckpt_forward", forward_pass),
    ("autosam_vit_checkpoint", checkpoint),
    ("autosam_cnn_checkpoint", checkpoint),
    ("autosam_linear_checkpoint", checkpoint),
];

const TOLERANCE: f64 = 1e-4;
const IOU: f64 = 1e-5;

/// The sizes that a recording states; its file name says which head it is of.
pub(super) fn config(fixture: &Fixture) -> Result<AutoSamConfig, ParityError> {
    let sizes = Sizes::of(fixture)?;
    let classes: usize = fixture.setting("/num_classes")?;
    let width_in = sizes.prompt_embed_dim;
    let stem = fixture.stem();
    let head = if stem.contains("_cnn") {
        let depth: usize = fixture.setting("/cnn_num_depth")?;
        let last: usize = fixture.setting("/cnn_top_channel")?;
        HeadConfig::Cnn(CnnHeadConfig {
            classes,
            width_in,
            width: last << depth,
            depth,
        })
    } else if stem.contains("_linear") {
        HeadConfig::Linear(LinearHeadConfig {
            classes,
            width_in,
            upscaling: sizes.upscaling(),
        })
    } else {
        HeadConfig::Vit(VitHeadConfig {
            classes,
            masks: sizes.num_multimask_outputs + 1,
            transformer: sizes.transformer(),
            upscaling: sizes.upscaling(),
            iou_depth: sizes.iou_head_depth,
            iou_width: sizes.iou_head_hidden_dim,
        })
    };
    Ok(AutoSamConfig {
        encoder: sizes.encoder(),
        head,
        input_side: fixture.setting("/input_size")?,
    })
}

fn end_to_end(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    run(fixture, fixture.weights("w/"), device, check)
}

/// Image to classes with these weights.
fn run(
    fixture: &Fixture,
    weights: WeightMap,
    device: &Device,
    check: &mut Check,
) -> Result<(), ParityError> {
    let (net, _) = AutoSam::load(weights, &config(fixture)?, device)?;
    let image: Tensor<4> = if fixture.contains("in/image_channel0") {
        let channel: Tensor<2> = fixture.tensor("in/image_channel0", device)?;
        let [height, width] = channel.dims();
        channel
            .reshape([1, 1, height, width])
            .expand([1, 3, height, width])
    } else {
        fixture.tensor("in/image", device)?
    };
    let recorder = Recorder::default();
    let trace = recorder.trace();
    let embedding = net.encode(image, &trace);
    check.if_recorded(fixture, "mid/embedding", embedding.clone(), TOLERANCE)?;
    let [images, width, height, across] = embedding.dims();
    let flat: Tensor<3> = embedding.clone().reshape([images, width, height * across]);
    let mean: Tensor<2> = flat.mean_dim(2).squeeze_dim(2);
    check.if_recorded(fixture, "out/embedding_gap", mean, TOLERANCE)?;
    let found = net.decode(embedding, &trace);
    let [_, classes, side, _] = found.logits.dims();
    let rows = images * classes;
    if let Some(iou) = found.iou {
        let column = iou.clone().reshape([rows, 1]);
        check.if_recorded(fixture, "out/iou_pred", column, IOU)?;
        check.if_recorded(fixture, "out/iou_pred_view", iou, IOU)?;
    }
    let raw = found.logits.clone().reshape([rows, 1, side, side]);
    check.if_recorded(fixture, "out/masks_raw", raw, TOLERANCE)?;
    let share = activation::softmax(found.logits.clone(), 1);
    check.if_recorded(fixture, "out/softmax", share, TOLERANCE)?;
    check.tensor(fixture, "out/logits", found.logits.clone(), TOLERANCE)?;
    if fixture.contains("out/argmax") {
        let logits = super::check::read(found.logits)?;
        compare_classes(fixture, check, &logits, [images, classes, side])?;
    }
    let kept = recorder.into_kept();
    if let Some((_, values)) = kept.get("low_res_logits").cloned() {
        let low: Tensor<1> = values;
        let low_side = ((low.dims()[0] / rows) as f64).sqrt().round() as usize;
        let low = low.reshape([rows, 1, low_side, low_side]);
        check.if_recorded(fixture, "mid/low_res_masks", low, TOLERANCE)?;
    }
    check.kept(fixture, "mid/", kept, TOLERANCE)
}

/// The highest class of each pixel, but where the two highest are too near to tell.
fn compare_classes(
    fixture: &Fixture,
    check: &mut Check,
    logits: &[f32],
    [images, classes, side]: [usize; 3],
) -> Result<(), ParityError> {
    let expected = fixture.host("out/argmax")?;
    let plane = side * side;
    let tolerance = check.allowed(TOLERANCE) as f32;
    let mut found = Vec::with_capacity(images * plane);
    for place in 0..images * plane {
        let (image, pixel) = (place / plane, place % plane);
        let logit = |class: usize| logits[(image * classes + class) * plane + pixel];
        let best = (0..classes).fold(0, |best, c| if logit(c) > logit(best) { c } else { best });
        let wanted = expected.data.get(place).copied().unwrap_or(-1.0);
        let known = (0.0..classes as f32).contains(&wanted);
        let near = known && logit(best) - logit(wanted as usize) < tolerance;
        found.push(if near { wanted } else { best as f32 });
    }
    let limit = super::Limit::MaxAbs(0.0);
    check.host(
        "out/argmax",
        &expected,
        &[images, side, side],
        &found,
        limit,
    );
    Ok(())
}

/// The CNN head alone, at each depth.
fn variants(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let names: Vec<String> = fixture.names("in/").map(str::to_owned).collect();
    for name in names {
        let name = name.trim_start_matches("in/");
        let weights = fixture.weights(&format!("w/{name}."));
        let HeadConfig::Cnn(config) = HeadConfig::infer(&weights)? else {
            return Err(ParityError::NotUnderstood(format!(
                "{name} is not a CNN head"
            )));
        };
        let loader = Loader::new(weights, device);
        let head = CnnHead::load(&loader.root(), &config);
        loader.finish("AutoSAM's CNN head", |_| false)?;
        let embedding = fixture.tensor(&format!("in/{name}"), device)?;
        let logits = head.forward(embedding, &Trace::off());
        check.tensor(fixture, &format!("out/{name}"), logits, 2e-5)?;
    }
    Ok(())
}

/// The recorded forward pass of a checkpoint file.
fn forward_pass(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let file = opened(check, &checkpoint_of(fixture)?)?;
    let decoder = full_names(WeightMap::of_file(&file, ""));
    run(fixture, fixture.weights("w/").with(decoder), device, check)
}

/// A checkpoint file, and its recorded forward pass.
fn checkpoint(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let forward = forward_of(fixture.path())?;
    let file = opened(check, fixture.path())?;
    let decoder = full_names(WeightMap::of_file(&file, ""));
    run(&forward, forward.weights("w/").with(decoder), device, check)
}
