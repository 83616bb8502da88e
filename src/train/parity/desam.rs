//! Recordings of DeSAM's network.

use burn::tensor::{Device, Tensor, TensorData};

use crate::models::checkpoint::{Loader, WeightMap};
use crate::models::desam::{
    Candidate, DeSam, DeSamConfig, DeSamDecoderConfig, ImageFeatures, PimmConfig, Prim,
    encoder_input, finished, is_unused, passing, without_overlaps,
};
use crate::models::sam::{ImageEncoder, NoAdaptation, PromptEncoder, PromptFrame, Prompts};
use crate::models::trace::{Recorder, Trace};

use super::desam_processing::{Column, RECORDS, SelectionRun, Slack};
use super::slice_nets::{Sizes, checkpoint_of, forward_of, opened};
use super::{Check, Fixture, Kind, Limit, ParityError};

/// The kinds of this file.
pub(super) const KINDS: &[Kind] = &[
    ("desam_encoder", encoder),
    ("desam_prim", prim),
    ("desam_e2e_grid", end_to_end),
    ("desam_e2e_box", end_to_end),
    ("desam_real_geometry", end_to_end),
    ("desam_ckpt_forward", forward_pass),
    ("desam_model_best", checkpoint),
];

const ENCODER: f64 = 1e-4;
const LOGITS: f64 = 2e-4;
const IOU: f64 = 1e-5;
const MEAN: [f32; 3] = [123.675, 116.28, 103.53];
const STD: [f32; 3] = [58.395, 57.12, 57.375];

/// The sizes that a recording states.
pub(super) fn config(fixture: &Fixture) -> Result<DeSamConfig, ParityError> {
    let sizes = Sizes::of(fixture)?;
    let encoder = sizes.encoder();
    let stages: usize = fixture.setting("/sam_features_length")?;
    let mut feature_blocks = sizes.global_attn_indexes.clone();
    feature_blocks.pop();
    Ok(DeSamConfig {
        feature_blocks,
        decoder: DeSamDecoderConfig {
            prompt: sizes.prompt(),
            prim: sizes.decoder(),
            pimm: PimmConfig {
                encoder_width: encoder.width,
                width: sizes.prompt_embed_dim,
                stages,
            },
            image_side: encoder.image_side,
            grid: encoder.grid(),
        },
        encoder,
        pixel_mean: MEAN,
        pixel_std: STD,
    })
}

/// Points (x, y) in pixels of the encoder's image, one prompt each, all marked as inside.
pub(super) fn point_prompts(points: Tensor<2>) -> Prompts {
    let rows = points.dims()[0];
    let labels = Tensor::ones([rows, 1], &points.device());
    Prompts {
        points: Some((points.reshape([rows, 1, 2]), labels)),
        ..Prompts::default()
    }
}

fn encoder(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let config = config(fixture)?;
    let loader = Loader::new(fixture.weights("w/image_encoder."), device);
    let network = ImageEncoder::load(&loader.root(), &config.encoder);
    loader.finish("SAM's image encoder", |_| false)?;
    let recorder = Recorder::default();
    let images = fixture.tensor("in/image", device)?;
    let trace = recorder.trace().child("image_encoder");
    let encoded = network.forward_with(images, &config.feature_blocks, &NoAdaptation, &trace);
    check.activations(fixture, "mid/", recorder, ENCODER)?;
    check.tensor(fixture, "out/embedding", encoded.embedding, ENCODER)?;
    for (n, block) in encoded.blocks.into_iter().enumerate() {
        let feature = block.permute([0, 3, 1, 2]);
        check.tensor(fixture, &format!("out/feat{n}"), feature, ENCODER)?;
    }
    Ok(())
}

fn prim(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let config = config(fixture)?.decoder;
    let loader = Loader::new(fixture.weights("w/"), device).with_fresh(0, is_unused);
    let prompts = PromptEncoder::load(&loader.root().child("prompt_encoder"), &config.prompt);
    let prim = Prim::load(&loader.root().child("mask_decoder"), &config.prim);
    loader.finish("PRIM", |name| is_unused(name) || name.contains(".pimm."))?;
    let frame = PromptFrame {
        image: [config.image_side; 2],
        grid: [config.grid; 2],
    };
    let image: Tensor<4> = fixture.tensor("in/image_embedding", device)?;
    let positions = prompts.dense_positions(frame.grid);
    check.tensor(fixture, "mid/dense_pe", positions.clone(), 2e-5)?;
    let points = |places: Tensor<3>, labels: Tensor<2>| Prompts {
        points: Some((places, labels)),
        ..Prompts::default()
    };
    let places = fixture.tensor("in/point_coords", device)?;
    let many: Tensor<3> = fixture.tensor("in/point_coords_many", device)?;
    let inside = Tensor::ones([many.dims()[0], many.dims()[1]], device);
    let cases = [
        (
            "",
            "points",
            points(places, fixture.tensor("in/point_labels", device)?),
        ),
        ("many_", "many", points(many, inside)),
        (
            "box_",
            "boxes",
            Prompts {
                boxes: Some(fixture.tensor("in/boxes", device)?),
                ..Prompts::default()
            },
        ),
    ];
    for (place, sparse, prompt) in cases {
        let recorder = Recorder::default();
        let trace = match place {
            "" => recorder.trace(),
            _ => Trace::off(),
        };
        let embedded = prompts.forward(prompt, frame, &Trace::off());
        if let Some(tokens) = embedded.sparse.clone() {
            check.if_recorded(fixture, &format!("mid/sparse_{sparse}"), tokens, 2e-5)?;
        }
        if place.is_empty() {
            check.if_recorded(fixture, "mid/dense", embedded.dense.clone(), 2e-5)?;
        }
        let image = match place {
            "many_" => image.clone().narrow(0, 0, 1),
            _ => image.clone(),
        };
        let found = prim.forward(&image, &positions, embedded, &trace.child("mask_decoder"));
        let name = |part: &str| format!("out/{place}{part}");
        let first = found.ious.clone().narrow(1, 0, 1);
        check.if_recorded(fixture, &name("iou_all"), found.ious, IOU)?;
        check.if_recorded(fixture, &name("iou_pred"), first, IOU)?;
        check.tensor(fixture, &name("mask_embedding"), found.mask_embedding, 1e-4)?;
        check.activations(fixture, "mid/", recorder, 1e-4)?;
    }
    Ok(())
}

/// An image through everything to the mask that is scored.
fn end_to_end(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let run = SelectionRun::of(fixture)?;
    let (net, _) = DeSam::load(fixture.weights("w/"), &config(fixture)?, device)?;
    let features = encoded_image(fixture, device, check, &net, run.side)?;
    let whole_box = fixture.stem().starts_with("desam_e2e_box");
    let (logits, ious) = decoded(fixture, device, check, &net, &features, &run, whole_box)?;
    let upscaled = run.upscaled(&logits);
    let plane = run.side * run.side;
    let picks = fixture
        .host("out/picked_points")
        .map(|t| t.data)
        .unwrap_or_default();
    let picked = |maps: &[f32]| -> Vec<f32> {
        let map = |&p: &f32| maps[p as usize * plane..][..plane].to_vec();
        picks.iter().flat_map(map).collect()
    };
    let shape = |n: usize| [n, 1, run.side, run.side];
    let limit = Limit::MaxAbs(LOGITS);
    for (name, maps, shape) in [
        (
            "out/low_res_logits",
            logits.clone(),
            shape(ious.len()).to_vec(),
        ),
        (
            "out/upscaled_logits",
            upscaled.clone(),
            shape(ious.len()).to_vec(),
        ),
        (
            "out/low_res_logits_pick",
            picked(&logits),
            shape(picks.len()).to_vec(),
        ),
        (
            "out/upscaled_logits_pick0",
            picked(&upscaled).into_iter().take(plane).collect(),
            vec![1, run.side, run.side],
        ),
    ] {
        if fixture.contains(name) {
            check.values(fixture, name, &shape, &maps, limit)?;
        }
    }
    // One box gives one mask; the authors decode the same box for every point of the grid and drop the copies.
    let scores = if whole_box { vec![1.0] } else { ious };
    let filtered = passing(&upscaled, &scores, run.side, &run.config);
    let copies: Vec<Candidate> = match (whole_box, filtered.first()) {
        (true, Some(one)) => (0..run.points.len())
            .map(|prompt| Candidate {
                prompt,
                ..one.clone()
            })
            .collect(),
        _ => filtered,
    };
    let columns = [
        ("out/iou_after_filter", Column::Iou),
        ("out/points_after_filter", Column::Point),
    ];
    let slack = Slack {
        logits: &upscaled,
        tolerance: check.allowed(LOGITS) as f32,
    };
    run.compare(check, fixture, &copies, &columns, Some(&slack))?;
    let records = finished(without_overlaps(copies, &run.config), run.side, &run.config);
    run.compare(check, fixture, &records, RECORDS, Some(&slack))?;
    if fixture.contains("out/num_masks") {
        let count = [records.len() as f32];
        check.values(fixture, "out/num_masks", &[1], &count, Limit::MaxAbs(0.0))?;
    }
    run.compare_final(check, fixture, &records, Some(&slack))
}

/// The recorded image, prepared and encoded.
fn encoded_image(
    fixture: &Fixture,
    device: &Device,
    check: &mut Check,
    net: &DeSam,
    side: usize,
) -> Result<ImageFeatures, ParityError> {
    let colour = fixture.contains("in/image");
    let image = fixture.host(if colour { "in/image" } else { "in/image_u8" })?;
    let pixels: Vec<u8> = image.data.iter().map(|&v| v as u8).collect();
    let image_side: usize = fixture.setting("/img_size")?;
    let channels = if colour { 3 } else { 1 };
    let (input, planes) = encoder_input(&pixels, channels, (side, image_side), MEAN, STD);
    let shape = [1, 3, image_side, image_side];
    if fixture.contains("mid/resized_u8") {
        let planes: Vec<f32> = planes.into_iter().map(f32::from).collect();
        let exact = Limit::MaxAbs(0.0);
        check.values(fixture, "mid/resized_u8", &shape, &planes, exact)?;
    }
    if fixture.contains("mid/input_image") {
        let limit = Limit::MaxAbs(2e-5);
        check.values(fixture, "mid/input_image", &shape, &input, limit)?;
    }
    let input = Tensor::<4>::from_data(TensorData::new(input, shape), device);
    let features = net.encode(input, &Trace::off());
    compare_features(fixture, check, &features)?;
    Ok(features)
}

fn compare_features(
    fixture: &Fixture,
    check: &mut Check,
    features: &ImageFeatures,
) -> Result<(), ParityError> {
    for (n, feature) in features.features.iter().enumerate() {
        check.if_recorded(fixture, &format!("mid/feat{n}"), feature.clone(), ENCODER)?;
    }
    let last = format!("mid/feat{}", features.features.len());
    check.if_recorded(fixture, &last, features.embedding.clone(), ENCODER)?;
    if fixture.contains("mid/embedding") {
        let embedding = features.embedding.clone();
        let shape = fixture.host("mid/embedding")?.shape;
        if let [channels, ..] = shape[..]
            && shape.len() == 3
        {
            // Of the one large recording only every so many channels are kept.
            let [_, all, height, width] = embedding.dims();
            let groups = embedding.reshape([channels, all / channels, height, width]);
            let kept: Tensor<3> = groups.narrow(1, 0, 1).squeeze_dim(1);
            check.tensor(fixture, "mid/embedding", kept, ENCODER)?;
        } else {
            check.tensor(fixture, "mid/embedding", embedding, ENCODER)?;
        }
    }
    Ok(())
}

/// Logits and IoU of every point of the grid, or of the whole box.
fn decoded(
    fixture: &Fixture,
    device: &Device,
    check: &mut Check,
    net: &DeSam,
    features: &ImageFeatures,
    run: &SelectionRun,
    whole_box: bool,
) -> Result<(Vec<f32>, Vec<f32>), ParityError> {
    let decoder = net.decoder();
    let image = decoder.prepare(features, &Trace::off());
    let scale = run.image_side as f32 / run.side as f32;
    let chunk = (run.points.len() as f64).sqrt() as usize;
    let (mut logits, mut ious, mut sparse) = (Vec::new(), Vec::new(), Vec::new());
    let mut prompts = Vec::new();
    if whole_box {
        prompts.push(decoder.whole_box(1, device));
    } else {
        for points in run.points.chunks(chunk.max(1)) {
            let places: Vec<f32> = points.iter().flatten().map(|v| v * scale).collect();
            let places = TensorData::new(places, [points.len(), 2]);
            prompts.push(point_prompts(Tensor::from_data(places, device)));
        }
    }
    for prompts in prompts {
        let recorder = Recorder::default();
        let found = decoder.decode(&image, prompts, &recorder.trace().child("mid"));
        logits.extend(super::check::read(found.logits)?);
        ious.extend(super::check::read(found.iou)?);
        if let Some((_, tokens)) = recorder.into_kept().remove("mid.sparse") {
            sparse.extend(super::check::read(tokens)?);
        }
    }
    let count = ious.len();
    for name in ["out/iou_pred", "out/iou_pred_all"] {
        if fixture.contains(name) {
            check.values(fixture, name, &[count, 1], &ious, Limit::MaxAbs(IOU))?;
        }
    }
    if fixture.contains("mid/sparse") {
        let width = sparse.len() / (2 * count);
        let limit = Limit::MaxAbs(2e-5);
        check.values(fixture, "mid/sparse", &[count, 2, width], &sparse, limit)?;
    }
    Ok((logits, ious))
}

/// The recorded forward pass of a checkpoint file.
fn forward_pass(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let file = opened(check, &checkpoint_of(fixture)?)?;
    run_forward(fixture, WeightMap::of_file(&file, ""), device, check)
}

/// A checkpoint file, and its recorded forward pass.
fn checkpoint(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let forward = forward_of(fixture.path())?;
    let file = opened(check, fixture.path())?;
    run_forward(&forward, WeightMap::of_file(&file, ""), device, check)
}

fn run_forward(
    fixture: &Fixture,
    weights: WeightMap,
    device: &Device,
    check: &mut Check,
) -> Result<(), ParityError> {
    let (net, _) = DeSam::load(weights, &config(fixture)?, device)?;
    let features = net.encode(fixture.tensor("in/image", device)?, &Trace::off());
    compare_features(fixture, check, &features)?;
    let decoder = net.decoder();
    let image = decoder.prepare(&features, &Trace::off());
    let points: Tensor<3> = fixture.tensor("in/points", device)?;
    let found = decoder.decode(&image, point_prompts(points.squeeze_dim(1)), &Trace::off());
    check.tensor(fixture, "out/mask_logits", found.logits, LOGITS)?;
    check.tensor(fixture, "out/iou_pred", found.iou, IOU)?;
    let found = decoder.decode(&image, decoder.whole_box(1, device), &Trace::off());
    check.if_recorded(fixture, "out/box_mask_logits", found.logits, LOGITS)
}
