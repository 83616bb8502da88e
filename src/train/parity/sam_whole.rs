//! Recordings of the whole of SAM: its forward pass, its predictor and its checkpoint files.

use std::path::PathBuf;

use burn::tensor::{Device, Tensor, TensorData};
use serde::Deserialize;

use crate::models::checkpoint::{HostTensor, Loader, WeightMap};
use crate::models::ops::pil_resize_bilinear;
use crate::models::sam::{DecodedMasks, Prompts, Sam, SamConfig, scale_places};

use super::check::read;
use super::sam_sizes::Sizes;
use super::{Check, Fixture, Kind, Limit, ParityError};

pub(super) const KINDS: &[Kind] = &[("sam_e2e", end_to_end), ("sam_small", checkpoint)];

const TOLERANCE: f64 = 1e-4;
/// Elements of a mask that may lie on the other side of the threshold: those whose logit is nearly 0.
const ALLOWED_FLIPS: f64 = 1e-3;

fn load(weights: WeightMap, config: &SamConfig, device: &Device) -> Result<Sam, ParityError> {
    let loader = Loader::new(weights, device);
    let network = Sam::load(&loader.root(), config);
    loader.finish("SAM", |_| false)?;
    Ok(network)
}

fn end_to_end(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let config = Sizes::of(fixture)?.sam();
    let network = load(fixture.weights("w/"), &config, device)?;
    batch(fixture, device, check, &config, &network)?;
    predictor(fixture, device, check, &config, &network)?;
    for n in 0.. {
        let (input, output) = (
            format!("in/resize.{n}.hwc_u8"),
            format!("out/resize.{n}.hwc_u8"),
        );
        if !fixture.contains(&input) {
            return Ok(());
        }
        let (pixels, size) = resized(&fixture.host(&input)?, &config);
        let pixels: Vec<f32> = pixels.iter().map(|&v| f32::from(v)).collect();
        check.values(
            fixture,
            &output,
            &[size[0], size[1], 3],
            &pixels,
            Limit::MaxAbs(0.0),
        )?;
    }
    Ok(())
}

/// An 8-bit image of rows of interleaved channels at the network's size.
fn resized(image: &HostTensor, config: &SamConfig) -> (Vec<u8>, [usize; 2]) {
    let from = [image.shape[0], image.shape[1]];
    let to = config.resized(from);
    let pixels: Vec<u8> = image.data.iter().map(|&v| v as u8).collect();
    (pil_resize_bilinear(&pixels, from, image.shape[2], to), to)
}

#[derive(Deserialize)]
struct RecordNote {
    original_size: [usize; 2],
}

/// `Sam.forward` on images of different sizes and prompts.
fn batch(
    fixture: &Fixture,
    device: &Device,
    check: &mut Check,
    config: &SamConfig,
    network: &Sam,
) -> Result<(), ParityError> {
    let records: Vec<RecordNote> = fixture.note_json("records")?;
    let mut sizes = Vec::new();
    let mut images = Vec::new();
    for n in 0..records.len() {
        let image: Tensor<3> = fixture.tensor(&format!("in/fwd.{n}.image"), device)?;
        let [_, height, width] = image.dims();
        sizes.push([height, width]);
        images.push(config.prepare(image.unsqueeze()));
    }
    let images = Tensor::cat(images, 0);
    check.tensor(fixture, "mid/preprocessed", images.clone(), 2e-5)?;
    let embeddings = network.embed(images);
    check.tensor(
        fixture,
        "mid/image_embeddings",
        embeddings.clone(),
        TOLERANCE,
    )?;
    for (n, record) in records.iter().enumerate() {
        let prompts = record_prompts(fixture, device, &format!("in/fwd.{n}."))?;
        let decoded = network.decode(embeddings.clone().narrow(0, n, 1), prompts, config.frame());
        for (mode, multimask) in [("multi", true), ("single", false)] {
            let chosen = decoded.clone().select(multimask);
            let whole = config.restore(chosen.logits.clone(), sizes[n], record.original_size);
            let name = |part: &str| format!("out/{mode}.{n}.{part}");
            check.tensor(fixture, &name("iou_predictions"), chosen.iou, TOLERANCE)?;
            check.tensor(fixture, &name("low_res_logits"), chosen.logits, TOLERANCE)?;
            check.tensor(fixture, &name("mask_logits"), whole.clone(), TOLERANCE)?;
            if fixture.contains(&name("masks")) {
                let mask: Vec<f32> = read(whole)?.iter().map(|&v| f32::from(v > 0.0)).collect();
                let expected = fixture.host(&name("masks"))?;
                check.share_equal(&name("masks"), &expected, &mask, ALLOWED_FLIPS);
            }
        }
    }
    Ok(())
}

fn record_prompts(
    fixture: &Fixture,
    device: &Device,
    prefix: &str,
) -> Result<Prompts, ParityError> {
    let name = |part: &str| format!("{prefix}{part}");
    let has = |part: &str| fixture.contains(&name(part));
    let mut prompts = Prompts::default();
    if has("point_coords") {
        let places = fixture.tensor(&name("point_coords"), device)?;
        prompts.points = Some((places, fixture.tensor(&name("point_labels"), device)?));
    }
    if has("boxes") {
        prompts.boxes = Some(fixture.tensor(&name("boxes"), device)?);
    }
    if has("mask_inputs") {
        prompts.masks = Some(fixture.tensor(&name("mask_inputs"), device)?);
    }
    Ok(prompts)
}

/// `SamPredictor`: an 8-bit image of any size, points and a box, then the best mask fed back.
fn predictor(
    fixture: &Fixture,
    device: &Device,
    check: &mut Check,
    config: &SamConfig,
    network: &Sam,
) -> Result<(), ParityError> {
    let image = fixture.host("in/pred.image_hwc_u8")?;
    let original = [image.shape[0], image.shape[1]];
    let (pixels, size) = resized(&image, config);
    let pixels: Vec<f32> = pixels.iter().map(|&v| f32::from(v)).collect();
    let shape = [size[0], size[1], 3];
    let exact = Limit::MaxAbs(0.0);
    check.values(fixture, "mid/pred.resized_hwc_u8", &shape, &pixels, exact)?;
    let rows = Tensor::<3>::from_data(TensorData::new(pixels, shape), device);
    let image = config.prepare(rows.permute([2, 0, 1]).unsqueeze());
    let embedding = network.embed(image);
    check.tensor(fixture, "mid/pred.features", embedding.clone(), TOLERANCE)?;

    let places = fixture.host("in/pred.point_coords")?;
    let count = places.shape[0];
    let places = scale_places(&places.data, original, size);
    let close = Limit::MaxAbs(2e-5);
    check.values(
        fixture,
        "mid/pred.coords_model_frame",
        &[count, 2],
        &places,
        close,
    )?;
    let corners = scale_places(&fixture.host("in/pred.box")?.data, original, size);
    check.values(
        fixture,
        "mid/pred.box_model_frame",
        &[1, 4],
        &corners,
        close,
    )?;
    let labels = fixture.host("in/pred.point_labels")?.data;
    let places = Tensor::<3>::from_data(TensorData::new(places, [1, count, 2]), device);
    let labels = Tensor::<2>::from_data(TensorData::new(labels, [1, count]), device);
    let points = Some((places, labels));

    let first = Prompts {
        points: points.clone(),
        boxes: Some(Tensor::from_data(TensorData::new(corners, [1, 4]), device)),
        masks: None,
    };
    let decoded = network
        .decode(embedding.clone(), first, config.frame())
        .select(true);
    let iou = read(decoded.iou.clone())?;
    let best = (0..iou.len()).fold(0, |best, n| if iou[n] > iou[best] { n } else { best });
    check.values(fixture, "mid/pred.best_index", &[1], &[best as f32], exact)?;
    predicted(fixture, check, config, ("pred", &decoded), [size, original])?;
    let again = Prompts {
        points,
        boxes: None,
        masks: Some(decoded.logits.narrow(1, best, 1)),
    };
    let decoded = network
        .decode(embedding, again, config.frame())
        .select(false);
    predicted(
        fixture,
        check,
        config,
        ("pred2", &decoded),
        [size, original],
    )
}

fn predicted(
    fixture: &Fixture,
    check: &mut Check,
    config: &SamConfig,
    (name, decoded): (&str, &DecodedMasks),
    [size, original]: [[usize; 2]; 2],
) -> Result<(), ParityError> {
    let whole = config.restore(decoded.logits.clone(), size, original);
    let out = |part: &str| format!("out/{name}.{part}");
    check.tensor(
        fixture,
        &out("iou"),
        decoded.iou.clone().squeeze_dim::<1>(0),
        TOLERANCE,
    )?;
    check.tensor(
        fixture,
        &out("low_res"),
        decoded.logits.clone().squeeze_dim::<3>(0),
        TOLERANCE,
    )?;
    check.tensor(
        fixture,
        &out("mask_logits"),
        whole.squeeze_dim::<3>(0),
        TOLERANCE,
    )
}

/// A SAM file: every tensor against those of the `.._pth_expected` recording beside it, then its forward pass.
fn checkpoint(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    if is_expectation(fixture) {
        return expected(fixture, device, check);
    }
    let expected = Fixture::open(&partner(fixture, "sam_small", true)?)?;
    let weights = fixture.weights("");
    same_tensors(&expected, "w/", &weights, check)?;
    forward(&expected, weights, device, check)
}

/// Whether a recording is of what a checkpoint file holds, wherever its name says so.
pub(super) fn is_expectation(fixture: &Fixture) -> bool {
    fixture.stem().contains(EXPECTED)
}

fn expected(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    forward(fixture, fixture.weights("w/"), device, check)
}

fn forward(
    expected: &Fixture,
    weights: WeightMap,
    device: &Device,
    check: &mut Check,
) -> Result<(), ParityError> {
    let config = Sizes::of(expected)?.sam();
    let network = load(weights, &config, device)?;
    let image = config.prepare(expected.tensor("in/image", device)?);
    let embedding = network.embed(image);
    let prompts = record_prompts(expected, device, "in/")?;
    let decoded = network
        .decode(embedding, prompts, config.frame())
        .select(true);
    check.tensor(expected, "out/iou", decoded.iou, TOLERANCE)?;
    check.tensor(expected, "out/low_res_logits", decoded.logits, TOLERANCE)
}

/// What the name of a recording of what a checkpoint file holds has beside the file's.
const EXPECTED: &str = "_pth_expected";

/// The file of `kind` in a recording's folder that belongs to it: the checkpoint file, or where `expected` the recording of
/// what it holds. Of several the one whose name has the same additions to its kind.
pub(super) fn partner(
    fixture: &Fixture,
    kind: &str,
    expected: bool,
) -> Result<PathBuf, ParityError> {
    let stem = |path: &PathBuf| {
        let name = super::file_name(path);
        name.split('.').next().unwrap_or_default().to_owned()
    };
    let folder = fixture.beside("");
    let mut files = super::recordings(&folder)?;
    files.retain(|path| {
        let stem = stem(path);
        stem.starts_with(kind) && stem.contains(EXPECTED) == expected
    });
    let own = addition(&fixture.stem());
    let same = files.iter().find(|path| addition(&stem(path)) == own);
    same.or(files.first()).cloned().ok_or_else(|| {
        let ending = if expected { EXPECTED } else { "" };
        ParityError::NotUnderstood(format!("there is no file {kind}{ending} beside it"))
    })
}

/// What a file's name says beside its kind.
fn addition(stem: &str) -> String {
    ["masam_base_sam", "masam_small", "sam_small", EXPECTED]
        .iter()
        .fold(stem.to_owned(), |stem, known| stem.replacen(known, "", 1))
}

/// Compares the tensors of a checkpoint with the recorded ones, which must have the same names.
pub(super) fn same_tensors(
    expected: &Fixture,
    prefix: &str,
    weights: &WeightMap,
    check: &mut Check,
) -> Result<(), ParityError> {
    let mut count = 0;
    for name in expected.names(prefix) {
        let tensor = weights.read(name.strip_prefix(prefix).unwrap_or(name))?;
        check.values(
            expected,
            name,
            &tensor.shape,
            &tensor.data,
            Limit::MaxAbs(0.0),
        )?;
        count += 1;
    }
    check.number(
        "tensors in the file",
        f64::from(count),
        weights.names().count() as f64,
        0.0,
    );
    Ok(())
}
