//! Recordings of nnU-Net's stages on arrays.

use burn::tensor::Device;
use half::f16;
use serde::Deserialize;
use serde_json::Value;

use crate::models::checkpoint::HostTensor;
use crate::models::nnunet::arrays::crop::NonZero;
use crate::models::nnunet::arrays::importance::importance_map;
use crate::models::nnunet::arrays::labels::{Heads, LabelsFromLogits};
use crate::models::nnunet::arrays::normalize::Normalization;
use crate::models::nnunet::arrays::postprocess::keep_largest_component;
use crate::models::nnunet::arrays::windows::{padding, window_starts};

use super::{Check, Fixture, Kind, Limit, ParityError};

pub(super) const KINDS: &[Kind] = &[
    ("nnunet_gaussian", gaussian),
    ("nnunet_steps", steps),
    ("nnunet_crop", crop),
    ("nnunet_normalize", normalize),
    ("nnunet_labels", labels),
    ("nnunet_postprocess", postprocess),
];

pub(super) const EXACT: Limit = Limit::MaxAbs(0.0);

/// Share of entries that may be off by one unit in half precision: products that lie midway between two.
const MIDPOINTS: f64 = 0.005;

fn gaussian(f: &Fixture, _: &Device, check: &mut Check) -> Result<(), ParityError> {
    #[derive(Deserialize)]
    struct Case {
        tile: Vec<usize>,
        stored: String,
    }
    for (n, case) in f.setting::<Vec<Case>>("/cases")?.into_iter().enumerate() {
        let map = importance_map(&case.tile);
        if case.stored == "whole" {
            importance(f, check, &format!("out/{n}"), &map)?;
            continue;
        }
        let middle: Vec<usize> = case.tile.iter().map(|side| side / 2).collect();
        for (axis, &side) in case.tile.iter().enumerate() {
            let place = |k| {
                let mut place = middle.clone();
                place[axis] = k;
                map[offset(&case.tile, &place)]
            };
            let line: Vec<f16> = (0..side).map(place).collect();
            importance(f, check, &format!("out/{n}.line{axis}"), &line)?;
        }
        let shortest = case.tile.iter().copied().min().unwrap_or(0);
        let place = |k| map[offset(&case.tile, &vec![k; case.tile.len()])];
        let diagonal: Vec<f16> = (0..shortest).map(place).collect();
        importance(f, check, &format!("out/{n}.diagonal"), &diagonal)?;
    }
    Ok(())
}

fn offset(shape: &[usize], place: &[usize]) -> usize {
    let axes = shape.iter().zip(place);
    axes.fold(0, |offset, (side, at)| offset * side + at)
}

/// Exact but for few entries, and those by one unit.
fn importance(
    f: &Fixture,
    check: &mut Check,
    name: &str,
    found: &[f16],
) -> Result<(), ParityError> {
    let expected = f.host(name)?;
    let as_units = HostTensor::new(expected.shape.clone(), half_units(&expected.data));
    let found: Vec<f32> = found.iter().map(|v| v.to_f32()).collect();
    let found = half_units(&found);
    let shape = &expected.shape;
    check.host(name, &as_units, shape, &found, Limit::MaxAbs(1.0));
    check.share_equal(name, &as_units, &found, MIDPOINTS);
    Ok(())
}

/// Numbers in half precision as their places among all such numbers: neighbours differ by 1.
pub(super) fn half_units(values: &[f32]) -> Vec<f32> {
    let unit = |&value: &f32| {
        let size = f32::from(f16::from_f32(value.abs()).to_bits());
        if value < 0.0 { -size } else { size }
    };
    values.iter().map(unit).collect()
}

fn steps(f: &Fixture, _: &Device, check: &mut Check) -> Result<(), ParityError> {
    #[derive(Deserialize)]
    struct Case {
        image: Vec<usize>,
        tile: Vec<usize>,
        step: f64,
    }
    #[derive(Deserialize)]
    struct Padded {
        shape: Vec<usize>,
        patch: Vec<usize>,
        inside: Vec<[f32; 2]>,
    }
    for (n, case) in f.setting::<Vec<Case>>("/cases")?.iter().enumerate() {
        let starts = window_starts(&case.image, &case.tile, case.step);
        for (axis, starts) in starts.iter().enumerate() {
            let name = format!("out/{n}.axis{axis}");
            let found: Vec<f32> = starts.iter().map(|&s| s as f32).collect();
            check.values(f, &name, &[found.len()], &found, EXACT)?;
        }
    }
    for (n, case) in f.setting::<Vec<Padded>>("/padding")?.iter().enumerate() {
        let inside = padding(&case.shape, &case.patch);
        let found: Vec<f32> = inside
            .iter()
            .flat_map(|r| [r.start as f32, r.end as f32])
            .collect();
        let shape = [inside.len(), 2];
        let expected = HostTensor::new([case.inside.len(), 2], case.inside.concat());
        check.host(&format!("padding {n}"), &expected, &shape, &found, EXACT);
    }
    Ok(())
}

pub(super) fn three(shape: &[usize]) -> Result<[usize; 3], ParityError> {
    let last = shape.last_chunk::<3>().copied();
    last.ok_or_else(|| ParityError::NotUnderstood("an image has less than three axes".to_owned()))
}

pub(super) fn labels_of(values: &[f32]) -> Vec<i16> {
    values.iter().map(|&v| v as i16).collect()
}

fn crop(f: &Fixture, _: &Device, check: &mut Check) -> Result<(), ParityError> {
    let cases: Vec<Value> = f.setting("/cases")?;
    for n in 0..cases.len() {
        let image = f.host(&format!("in/{n}"))?;
        let dims = three(&image.shape)?;
        let voxels = dims.iter().product::<usize>().max(1);
        let channels: Vec<Vec<f32>> = image.data.chunks(voxels).map(<[f32]>::to_vec).collect();
        let part = NonZero::of(&channels, dims);
        let mask: Vec<f32> = part.mask.iter().map(|&m| f32::from(m)).collect();
        check.values(f, &format!("out/{n}.mask"), &dims, &mask, EXACT)?;
        let inner = [0, 1, 2].map(|axis| part.bounds[axis].len());
        let shape = |channels: usize| [channels, inner[0], inner[1], inner[2]];
        let data: Vec<f32> = channels.iter().flat_map(|c| part.cropped(c)).collect();
        let count = channels.len();
        check.values(f, &format!("out/{n}.data"), &shape(count), &data, EXACT)?;
        let previous = labels_of(&f.host(&format!("in/{n}.previous"))?.data);
        let of_stage = [("seg", None), ("previous_seg", Some(previous.as_slice()))];
        for (name, previous) in of_stage {
            let found: Vec<f32> = part.labels(previous).into_iter().map(f32::from).collect();
            check.values(f, &format!("out/{n}.{name}"), &shape(1), &found, EXACT)?;
        }
        let bounds: Vec<[f32; 2]> = f.setting(&format!("/cases/{n}/bbox"))?;
        let expected = HostTensor::new([bounds.len(), 2], bounds.concat());
        let found: Vec<f32> = part
            .bounds
            .iter()
            .flat_map(|r| [r.start as f32, r.end as f32])
            .collect();
        check.host(&format!("box {n}"), &expected, &[3, 2], &found, EXACT);
    }
    Ok(())
}

/// `out/SCHEME.whole` is of the image (or the colours), `.mask` within the labels, `.constant` of the constant image.
fn normalize(f: &Fixture, _: &Device, check: &mut Check) -> Result<(), ParityError> {
    let intensities = Some(f.setting("/intensity_properties")?);
    let labels = labels_of(&f.host("in/seg")?.data);
    for name in f.expectations() {
        let unknown = || ParityError::NotUnderstood(format!("{name} names no known scheme"));
        let inner = name.strip_prefix("out/").unwrap_or(&name);
        let (scheme, of) = inner.split_once('.').ok_or_else(unknown)?;
        let normalization = Normalization::named(scheme, intensities).ok_or_else(unknown)?;
        let (input, labels) = match (of, normalization) {
            ("constant", _) => ("in/constant", None),
            ("mask", _) => ("in/image", Some(labels.as_slice())),
            (_, Normalization::RgbTo01) => ("in/rgb", None),
            _ => ("in/image", None),
        };
        let mut image = f.host(input)?;
        normalization.apply(&mut image.data, labels);
        check.values(f, &name, &image.shape, &image.data, Limit::MaxAbs(2e-6))?;
    }
    Ok(())
}

fn labels(f: &Fixture, _: &Device, check: &mut Check) -> Result<(), ParityError> {
    let cases: Vec<Value> = f.setting("/cases")?;
    for n in 0..cases.len() {
        let order: Option<Vec<u16>> = f.setting(&format!("/cases/{n}/regions_class_order"))?;
        let count: usize = f.setting(&format!("/cases/{n}/heads"))?;
        let heads = order.map_or(Heads::Classes(count), Heads::Regions);
        check.number(
            &format!("heads {n}"),
            count as f64,
            heads.count() as f64,
            0.0,
        );
        let logits = f.host(&format!("in/{n}.logits"))?;
        let name = format!("out/{n}.probabilities");
        let dims = three(&logits.shape)?;
        let voxels = dims.iter().product::<usize>();
        let found = probabilities(&heads, &logits.data, voxels);
        check.values(f, &name, &logits.shape, &found, Limit::MaxAbs(1e-6))?;
        let mut labels = LabelsFromLogits::new(heads, voxels);
        logits
            .data
            .chunks(voxels.max(1))
            .for_each(|l| labels.add(l));
        let found: Vec<f32> = labels.finish().into_iter().map(f32::from).collect();
        check.values(f, &format!("out/{n}.segmentation"), &dims, &found, EXACT)?;
    }
    Ok(())
}

/// Voxel by voxel, as the pipeline has them; recordings have one head after the other.
fn probabilities(heads: &Heads, logits: &[f32], voxels: usize) -> Vec<f32> {
    let mut all = logits.to_vec();
    for voxel in 0..voxels {
        let mut of_voxel: Vec<f32> = logits.iter().skip(voxel).step_by(voxels).copied().collect();
        heads.activate(&mut of_voxel);
        let places = all.iter_mut().skip(voxel).step_by(voxels);
        places.zip(of_voxel).for_each(|(to, from)| *to = from);
    }
    all
}

fn postprocess(f: &Fixture, _: &Device, check: &mut Check) -> Result<(), ParityError> {
    #[derive(Deserialize)]
    struct Case {
        name: String,
        kwargs: Vec<Step>,
    }
    #[derive(Deserialize)]
    struct Step {
        labels_or_regions: Members,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Members {
        One(u16),
        Several(Vec<u16>),
    }
    let inputs: Vec<String> = f.names("in/").map(str::to_owned).collect();
    for case in f.setting::<Vec<Case>>("/cases")? {
        for input in &inputs {
            let image = f.host(input)?;
            let dims = three(&image.shape)?;
            let mut labels: Vec<u16> = image.data.iter().map(|&v| v as u16).collect();
            for step in &case.kwargs {
                let members = match &step.labels_or_regions {
                    Members::One(label) => std::slice::from_ref(label),
                    Members::Several(labels) => labels,
                };
                keep_largest_component(&mut labels, dims, members);
            }
            let found: Vec<f32> = labels.into_iter().map(f32::from).collect();
            let name = format!("out/{}.{}", &input["in/".len()..], case.name);
            check.values(f, &name, &dims, &found, EXACT)?;
        }
    }
    Ok(())
}
