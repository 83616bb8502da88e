//! Recordings of MA-SAM's network and checkpoint files.

use std::collections::BTreeSet;
use std::path::PathBuf;

use burn::tensor::{Device, Tensor};

use crate::models::checkpoint::{Loader, ParamEntry, WeightMap};
use crate::models::masam::{Adaptation, AdapterPlaces, MaSam, MasamConfig, Mode, names, tables};
use crate::models::sam::ImageEncoder;
use crate::models::trace::{Recorder, Trace};

use super::check::read;
use super::sam::activations;
use super::sam_sizes::Sizes;
use super::sam_whole::{is_expectation, partner, same_tensors};
use super::{Check, Fixture, Kind, Limit, ParityError};

pub(super) const KINDS: &[Kind] = &[
    ("masam_encoder", encoder),
    ("masam_auto", automatic),
    ("masam_bbox", boxes),
    ("masam_base_sam", base),
    ("masam_small", adapted),
];

const TOLERANCE: f64 = 1e-4;
/// Elements of a class map that may differ: near ties.
const ALLOWED_TIES: f64 = 2e-3;

pub(super) fn config_of(fixture: &Fixture) -> Result<MasamConfig, ParityError> {
    Ok(MasamConfig {
        sam: Sizes::of(fixture)?.sam(),
        rank: fixture.setting("/rank")?,
        scale: fixture.setting("/scale")?,
        adapter_width: fixture.setting("/adapter_channels")?,
        adapters: AdapterPlaces::BOTH,
        slices: fixture.setting("/slices")?,
    })
}

pub(super) fn load(
    weights: WeightMap,
    config: &MasamConfig,
    device: &Device,
) -> Result<(MaSam, Vec<ParamEntry>), ParityError> {
    let loader = Loader::new(names::renamed(weights), device).with_trainable(names::is_trained);
    let network = MaSam::load(&loader.root(), config);
    Ok((network, loader.finish("MA-SAM", |_| false)?))
}

fn encoder(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let config = config_of(fixture)?;
    let loader = Loader::new(names::renamed(fixture.weights("w/")), device);
    let scope = loader.root().child("image_encoder");
    let image_encoder = ImageEncoder::load(&scope, &config.sam.encoder);
    let adaptation = Adaptation::load(&scope, &config);
    loader.finish("MA-SAM's image encoder", |_| false)?;
    let images: Tensor<4> = fixture.tensor("in/images", device)?;
    let run = |slices: usize, trace: &Trace<'_>| {
        let adaptation = adaptation.on_slices(slices, Mode::Inference);
        image_encoder
            .forward_with(images.clone(), &[], &adaptation, trace)
            .embedding
    };
    let recorder = Recorder::default();
    let embeddings = run(config.slices, &recorder.trace());
    activations(fixture, check, recorder, |name| {
        let name = name.replace(".qkv.qkv", ".qkv.base");
        name.replace("ImageEncoderViT.", "")
            .replace(".Block", "")
            .replace(".Attention", "")
    })?;
    check.tensor(fixture, "out/image_embeddings", embeddings, TOLERANCE)?;
    let alone = run(1, &Trace::off());
    check.tensor(fixture, "out/image_embeddings_d1", alone, TOLERANCE)
}

/// Class logits and what the network thinks of them, with the activations that are recorded.
fn run(
    fixture: &Fixture,
    device: &Device,
    check: &mut Check,
    network: &MaSam,
    boxes: Option<&str>,
) -> Result<(Tensor<4>, Tensor<2>), ParityError> {
    let volumes: Tensor<5> = fixture.tensor("in/batched_input", device)?;
    let slices = volumes.dims()[1];
    let boxes = match boxes {
        Some(name) => Some(fixture.tensor::<3>(name, device)?.flatten(0, 1)),
        None => None,
    };
    let recorder = Recorder::default();
    let trace = recorder.trace();
    let embeddings = network.embed(
        volumes.flatten(0, 1),
        slices,
        Mode::Inference,
        &Trace::off(),
    );
    trace.keep("image_encoder", &embeddings);
    let decoded = network.decode(embeddings, boxes, &trace);
    activations(fixture, check, recorder, str::to_owned)?;
    Ok((decoded.logits, decoded.iou))
}

fn automatic(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let (network, _) = load(fixture.weights("w/"), &config_of(fixture)?, device)?;
    let (logits, iou) = run(fixture, device, check, &network, None)?;
    check.tensor(fixture, "out/iou_predictions", iou, TOLERANCE)?;
    check.tensor(fixture, "out/low_res_logits", logits.clone(), TOLERANCE)?;
    let classes: Vec<f32> = logits
        .argmax(1)
        .into_data()
        .iter::<i64>()
        .map(|class| class as f32)
        .collect();
    let expected = fixture.host("out/argmax")?;
    check.share_equal("out/argmax", &expected, &classes, ALLOWED_TIES);
    Ok(())
}

fn boxes(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let (network, _) = load(fixture.weights("w/"), &config_of(fixture)?, device)?;
    let (logits, iou) = run(fixture, device, check, &network, Some("in/boxes"))?;
    check.tensor(fixture, "out/iou_predictions", iou, TOLERANCE)?;
    check.tensor(fixture, "out/low_res_logits", logits, TOLERANCE)?;
    let volumes: Tensor<5> = fixture.tensor("in/batched_input", device)?;
    let slices = volumes.dims()[1];
    let boxes: Tensor<3> = fixture.tensor("in/boxes_same", device)?;
    let trace = Trace::off();
    let embeddings = network.embed(volumes.flatten(0, 1), slices, Mode::Inference, &trace);
    let same = network.decode(embeddings, Some(boxes.flatten(0, 1)), &trace);
    check.tensor(fixture, "out/same.iou_predictions", same.iou, TOLERANCE)?;
    check.tensor(fixture, "out/same.low_res_logits", same.logits, TOLERANCE)
}

/// The plain SAM file beneath an adapted one: its position tables at the smaller size, and what is taken over.
fn base(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let expected = Fixture::open(&partner(fixture, "masam_small", true)?)?;
    let config = config_of(&expected)?;
    let side = config.sam.encoder.image_side;
    let resampled = tables::resample_positions(&fixture.weights(""), side)?;
    for name in expected.names("eff/") {
        let ours = names::ours(name.strip_prefix("eff/").unwrap_or(name));
        let table = resampled.weights.read(&ours)?;
        let limit = Limit::MaxAbs(2e-5);
        check.values(&expected, name, &table.shape, &table.data, limit)?;
    }
    let start = tables::starting_weights(resampled.weights.clone(), &config.sam.decoder);
    let buffers: Vec<String> = start
        .names()
        .filter(|name| name.ends_with("gaussian_matrix"))
        .map(str::to_owned)
        .collect();
    let loader = Loader::new(start, device).with_fresh(1, |_| true);
    let _network = MaSam::load(&loader.root(), &config);
    let entries = loader.finish("MA-SAM", |_| false)?;
    let list = |wanted: &dyn Fn(&ParamEntry) -> bool| -> BTreeSet<String> {
        let entries = entries.iter().filter(|entry| wanted(entry));
        entries.map(|entry| entry.name.clone()).collect()
    };
    let stated = |keys: &[&str]| -> Result<BTreeSet<String>, ParityError> {
        let lists = keys
            .iter()
            .map(|key| expected.note_json::<Vec<String>>(key));
        Ok(lists
            .collect::<Result<Vec<_>, _>>()?
            .concat()
            .into_iter()
            .collect())
    };
    let interpolated: BTreeSet<String> = resampled.interpolated.iter().cloned().collect();
    let mut copied = list(&|e| e.loaded && !interpolated.contains(&e.name));
    copied.extend(buffers);
    let random = list(&|e| !e.loaded && !e.name.contains("FacT"));
    for (name, ours, theirs) in [
        ("interpolated", interpolated, stated(&["interpolated"])?),
        (
            "copied",
            copied,
            stated(&[
                "taken_from_sam_unchanged",
                "copied_from_sam_despite_the_exclusion_list",
            ])?,
        ),
        ("left at random", random, stated(&["left_at_random_init"])?),
    ] {
        let odd = ours.symmetric_difference(&theirs).count();
        check.number(
            &format!("tensors in one list of {name} only"),
            0.0,
            odd as f64,
            0.0,
        );
    }
    forward_files(
        fixture.path().to_owned(),
        &partner(fixture, "masam_small", false)?,
        &expected,
        device,
        check,
    )
}

/// What MA-SAM's authors save: every tensor, then the forward pass on the base file beside it.
fn adapted(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    if is_expectation(fixture) {
        return expected(fixture, device, check);
    }
    let expected = Fixture::open(&partner(fixture, "masam_small", true)?)?;
    same_tensors(&expected, "pth/", &fixture.weights(""), check)?;
    let base = partner(fixture, "masam_base_sam", false)?;
    forward_files(base, fixture.path(), &expected, device, check)
}

fn forward_files(
    base: PathBuf,
    adapted: &std::path::Path,
    expected: &Fixture,
    device: &Device,
    check: &mut Check,
) -> Result<(), ParityError> {
    let (base, adapted) = (Fixture::open(&base)?, Fixture::open(adapted)?);
    forward(
        &base.weights(""),
        adapted.weights(""),
        expected,
        device,
        check,
    )
}

fn forward(
    base: &WeightMap,
    adapted: WeightMap,
    expected: &Fixture,
    device: &Device,
    check: &mut Check,
) -> Result<(), ParityError> {
    let config = config_of(expected)?;
    let side = config.sam.encoder.image_side;
    let base = tables::resample_positions(base, side)?.weights;
    let base = base.renamed(|name| name.starts_with("image_encoder.").then(|| name.to_owned()));
    let (network, _) = load(base.with(names::renamed(adapted)), &config, device)?;
    let (logits, iou) = run(expected, device, check, &network, None)?;
    check.tensor(expected, "out/iou_predictions", iou, TOLERANCE)?;
    check.tensor(expected, "out/low_res_logits", logits, TOLERANCE)
}

/// The recording itself: its forward pass with its own copy of the adapted weights.
fn expected(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let base = Fixture::open(&partner(fixture, "masam_base_sam", false)?)?;
    forward(
        &base.weights(""),
        fixture.weights("pth/"),
        fixture,
        device,
        check,
    )
}

/// A loss in main memory.
pub(super) fn number(loss: Tensor<1>) -> Result<f64, ParityError> {
    Ok(read(loss)?.first().copied().map_or(f64::NAN, f64::from))
}
