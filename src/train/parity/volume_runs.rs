//! Recordings of whole-volume procedures of the volume networks, and their checkpoint files.

use burn::tensor::{Device, Tensor, TensorData};

use crate::geometry::Affine;
use crate::models::autoprosam::AutoProSamNet;
use crate::models::checkpoint::{HostTensor, WeightMap};
use crate::models::sliding_window::{Blend, SlidingWindow};
use crate::models::threedsam::{ThreedsamNet, canonical, crop_start, prepare};
use crate::models::trace::Trace;
use crate::models::volumes::IntensityRange;
use crate::volume::metrics::Agreement;
use crate::volume::{Grid, Mask, VolumeArray};

use super::check::read;
use super::recorded::{classes, compare_outputs, foreground};
use super::volume_metrics::{dice_of_classes, mean_of_present};
use super::volume_nets::{autoprosam_config, threedsam_config};
use super::{Check, Fixture, Kind, Limit, ParityError};

/// Largest deviation of a whole procedure.
const WHOLE: f64 = 1e-4;
/// Of a number that one class of few voxels may move.
const METRIC: f64 = 1e-3;

pub(super) const KINDS: &[Kind] = &[
    ("3dsam_preprocess", preprocess),
    ("3dsam_volume_test", click_volume),
    ("3dsam_auto_volume_test", sliding_volume),
    ("autoprosam_sliding_window", multi_class_volume),
    ("3dsam_click_last", click_checkpoint),
    ("3dsam_auto_last", sliding_checkpoint),
    ("autoprosam_best", multi_class_checkpoint),
];

/// A recorded volume, whatever axes of length 1 precede it.
pub(super) fn volume(f: &Fixture, name: &str) -> Result<VolumeArray, ParityError> {
    let host = f.host(name)?;
    let [.., d, h, w] = host.shape[..] else {
        return Err(ParityError::NotUnderstood(format!("{name} is no volume")));
    };
    Ok(VolumeArray::new([d, h, w], host.data))
}

/// A mask on a grid of this spacing along its recorded axes.
pub(super) fn mask(
    volume: &VolumeArray,
    spacing_mm: [f64; 3],
    inside: impl Fn(f32) -> bool,
) -> Mask {
    let [d, h, w] = volume.dims;
    let [sd, sh, sw] = spacing_mm;
    let affine = Affine::from_spacing([sw, sh, sd], [0.0; 3]);
    Mask {
        grid: Grid::new([w, h, d], affine),
        voxels: volume.values.iter().map(|&v| u8::from(inside(v))).collect(),
    }
}

fn preprocess(f: &Fixture, _: &Device, check: &mut Check) -> Result<(), ParityError> {
    let names: Vec<String> = f
        .names("in/")
        .filter_map(|name| name.strip_prefix("in/")?.strip_suffix(".array_as_stored"))
        .map(str::to_owned)
        .collect();
    for case in names {
        let setting = |name: &str| format!("/cases/{case}/{name}");
        let axes: [usize; 3] = f.setting(&setting("spatial_index"))?;
        let target_mm: [f64; 3] = f.setting(&setting("target_spacing"))?;
        let target_class: f32 = f.setting(&setting("target_class"))?;
        let intensity = IntensityRange {
            clip: f.setting(&setting("range"))?,
            mean: f.setting(&setting("mean"))?,
            std: f.setting(&setting("std"))?,
        };
        let zooms = f.host(&format!("in/{case}.zooms_as_stored"))?.data;
        let spacing: [f32; 3] = axes.map(|a| zooms[a]);
        let scan = volume(f, &format!("in/{case}.array_as_stored"))?.transposed(axes, [false; 3]);
        let found = prepare(&scan, spacing.map(f64::from), target_mm, &intensity);
        let [d, h, w] = found.dims;
        let limit = Limit::MaxAbs(2e-5);
        let image = format!("out/{case}.img_dhw");
        check.values(f, &image, &[1, d, h, w], &found.values, limit)?;
        let label = volume(f, &format!("in/{case}.label_as_stored"))?.transposed(axes, [false; 3]);
        let truth: Vec<f32> = label
            .values
            .iter()
            .map(|&v| f32::from(u8::from(v == target_class)))
            .collect();
        let name = format!("out/{case}.seg_dhw");
        check.values(f, &name, &label.dims, &truth, Limit::MaxAbs(0.0))?;
        let name = format!("out/{case}.spacing_dhw");
        check.values(f, &name, &[3], &spacing, Limit::MaxAbs(1e-6))?;
    }
    Ok(())
}

/// The checkpoint that a recording names, beside it.
fn checkpoint_weights(f: &Fixture) -> Result<WeightMap, ParityError> {
    let named: String = f.setting("/checkpoint")?;
    let name = named.split_whitespace().next().unwrap_or_default();
    let file = Fixture::open(&f.beside(name))?;
    Ok(canonical(WeightMap::of_file(file.file(), "")))
}

fn click_volume(f: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let weights = checkpoint_weights(f)?;
    let config = threedsam_config(f)?;
    let net = ThreedsamNet::from_weights(weights, &config, device)?;
    let scan = volume(f, "in/img")?;
    let side = net.crop_side();
    let clicks = f.host("in/click_voxels_dwh")?;
    let clicks: Vec<[i64; 3]> = clicks
        .data
        .as_chunks::<3>()
        .0
        .iter()
        .map(|&[d, w, h]| [d as i64, h as i64, w as i64])
        .collect();
    let start = crop_start(&clicks, side);
    let crop = scan.cut(start, [side; 3], 0.0);
    let limit = Limit::MaxAbs(0.0);
    check.values(
        f,
        "mid/img_patch",
        &[1, 1, side, side, side],
        &crop.values,
        limit,
    )?;
    let points: Vec<[f32; 3]> = clicks
        .iter()
        .map(|&[d, h, w]| [d - start[0], w - start[2], h - start[1]].map(|v| v as f32))
        .collect();
    let shape = [points.len(), 1, 3];
    let shape = if points.len() == 1 { [1, 1, 3] } else { shape };
    check.values(
        f,
        "mid/points_in_crop",
        &shape,
        points.as_flattened(),
        limit,
    )?;
    let features = net.encode(crop_tensor(&crop, device), &Trace::off());
    let logits = net.decode(&features, &points, &Trace::off());
    let shape = logits.dims().to_vec();
    let probability = foreground(&HostTensor::new(shape, read(logits)?));
    let mut pasted = VolumeArray::filled(scan.dims, 0.0);
    pasted.paste(&VolumeArray::new([side; 3], probability), start);
    let [d, h, w] = scan.dims;
    let limit = Limit::MaxAbs(WHOLE);
    check.values(f, "mid/seg_pred", &[1, d, h, w], &pasted.values, limit)?;
    let truth = volume(f, "in/seg_original_grid")?;
    let resized = pasted.resized(truth.dims);
    let [d, h, w] = truth.dims;
    check.values(
        f,
        "out/final_prob",
        &[1, 1, d, h, w],
        &resized.values,
        limit,
    )?;
    let found: Vec<f32> = resized
        .values
        .iter()
        .map(|&p| f32::from(u8::from(p > 0.5)))
        .collect();
    check.share_equal("out/mask", &f.host("out/mask")?, &found, 1e-4);
    volume_metrics(f, check, &resized, &truth)
}

fn crop_tensor(crop: &VolumeArray, device: &Device) -> Tensor<5> {
    let [d, h, w] = crop.dims;
    Tensor::from_data(
        TensorData::new(crop.values.clone(), [1, 1, d, h, w]),
        device,
    )
}

/// Dice and surface Dice of the thresholded probability, as the test scripts report them.
fn volume_metrics(
    f: &Fixture,
    check: &mut Check,
    probability: &VolumeArray,
    truth: &VolumeArray,
) -> Result<(), ParityError> {
    let spacing = f.host("in/spacing")?.data;
    let spacing_mm: [f64; 3] = std::array::from_fn(|d| f64::from(spacing[d]));
    let pred = mask(probability, spacing_mm, |p| p > 0.5);
    let truth = mask(truth, spacing_mm, |v| v > 0.5);
    let agreement = Agreement::between(&pred, &truth, f.setting("/nsd_tolerance")?);
    let (dice, nsd): (f64, f64) = (f.setting("/dice")?, f.setting("/nsd")?);
    check.number("Dice", dice, agreement.dice, METRIC);
    check.number("NSD", nsd, agreement.nsd, METRIC);
    Ok(())
}

fn sliding_volume(f: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let weights = checkpoint_weights(f)?;
    let config = threedsam_config(f)?;
    let net = ThreedsamNet::from_weights(weights, &config, device)?;
    let scan = volume(f, "in/img")?;
    let window = window(f)?;
    let found = window.run(&scan, |crop, _| {
        let features = net.encode(crop_tensor(&crop, device), &Trace::off());
        let logits = net.decode(&features, &[], &Trace::off());
        let shape = logits.dims().to_vec();
        Ok::<_, ParityError>(vec![foreground(&HostTensor::new(shape, read(logits)?))])
    })?;
    let truth = volume(f, "in/seg_original_grid")?;
    let [d, h, w] = truth.dims;
    for probability in &found {
        let resized = probability.resized(truth.dims);
        let name = "out/prob_on_original_grid";
        let limit = Limit::MaxAbs(WHOLE);
        check.values(f, name, &[1, 1, d, h, w], &resized.values, limit)?;
        volume_metrics(f, check, &resized, &truth)?;
    }
    Ok(())
}

fn window(f: &Fixture) -> Result<SlidingWindow, ParityError> {
    let [side, ..]: [usize; 3] = f.setting("/roi")?;
    Ok(SlidingWindow {
        side,
        overlap: f.setting("/overlap")?,
        blend: f.setting::<Blend>("/mode")?,
    })
}

fn multi_class_volume(f: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let weights = checkpoint_weights(f)?;
    let config = autoprosam_config(f)?;
    let net = AutoProSamNet::from_weights(weights, &config, device)?;
    let scan = volume(f, "in/img")?;
    let count = config.net.decoder.num_classes;
    let found = window(f)?.run(&scan, |crop, _| {
        let logits = net.forward(crop_tensor(&crop, device), &Trace::off());
        let values = read(logits)?;
        let voxels = values.len() / count;
        Ok::<_, ParityError>(values.chunks(voxels).map(<[f32]>::to_vec).collect())
    })?;
    let [d, h, w] = scan.dims;
    let values: Vec<f32> = found.into_iter().flat_map(|v| v.values).collect();
    let logits = HostTensor::new([1, count, d, h, w], values);
    let truth = volume(f, "in/label")?;
    let dice = dice_of_classes(&classes(&logits), &truth.values, count);
    let data = TensorData::new(logits.data, [1, count, d, h, w]);
    compare_outputs(f, check, Tensor::from_data(data, device), WHOLE)?;
    let expected = f.host("out/dice_per_class")?.data;
    for (class, (expected, found)) in expected.iter().zip(&dice).enumerate() {
        let name = format!("out/dice_per_class of class {class}");
        check.number(&name, f64::from(*expected), *found, METRIC);
    }
    let mean: f64 = f.setting("/mean_dice_incl_background")?;
    check.number("mean Dice", mean, mean_of_present(&dice), METRIC);
    Ok(())
}

fn click_checkpoint(f: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    of_checkpoint(f, device, check, "3dsam_volume_test", click_volume)
}

fn sliding_checkpoint(f: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    of_checkpoint(f, device, check, "3dsam_auto_volume_test", sliding_volume)
}

fn multi_class_checkpoint(
    f: &Fixture,
    device: &Device,
    check: &mut Check,
) -> Result<(), ParityError> {
    of_checkpoint(
        f,
        device,
        check,
        "autoprosam_sliding_window",
        multi_class_volume,
    )
}

/// Runs what the folder records for a checkpoint file.
fn of_checkpoint(
    f: &Fixture,
    device: &Device,
    check: &mut Check,
    kind: &str,
    runner: super::Runner,
) -> Result<(), ParityError> {
    let own = super::file_name(f.path());
    let folder = f.path().parent().unwrap_or(f.path());
    let mut found = false;
    for path in super::recordings(folder)? {
        if !super::file_name(&path).starts_with(kind) {
            continue;
        }
        let recording = Fixture::open(&path)?;
        let named: String = recording.setting("/checkpoint")?;
        if named.starts_with(&own) {
            runner(&recording, device, check)?;
            found = true;
        }
    }
    if found {
        return Ok(());
    }
    Err(ParityError::NotUnderstood(format!(
        "no {kind} in its folder names it as its checkpoint"
    )))
}
