//! Recordings of nnInteractive's stages around its network.

use burn::tensor::Device;
use half::f16;
use serde::Deserialize;
use serde_json::Value;

use crate::models::checkpoint::HostTensor;
use crate::models::nninteractive::ball::Ball;
use crate::models::nninteractive::border::goes_on;
use crate::models::nninteractive::boxes::covering_boxes;
use crate::models::nninteractive::capabilities::{Capabilities, PromptKind};
use crate::models::nninteractive::channels::{Channel, Gaze, Prompts, Shape};
use crate::models::nninteractive::pool::{extreme, window_of_zoom};
use crate::models::nninteractive::session::normalise;
use crate::models::nninteractive::view::{Patch, View};

use super::nnunet_arrays::{EXACT, half_units, three};
use super::{Check, Fixture, Kind, Limit, ParityError};

pub(super) const KINDS: &[Kind] = &[
    ("nninteractive_points", points),
    ("nninteractive_pool", pool),
    ("nninteractive_prompts", prompts),
    ("nninteractive_renormalise", renormalise),
    ("nninteractive_input", input),
    ("nninteractive_border", border),
    ("nninteractive_boxes", boxes),
];

fn points(f: &Fixture, _: &Device, check: &mut Check) -> Result<(), ParityError> {
    #[derive(Deserialize)]
    struct Placement {
        position: [f64; 3],
        intensity: f64,
    }
    const BALL: &str = "out/ball";
    for name in f.names(BALL) {
        let not_understood = |_| ParityError::NotUnderstood(format!("{name} says no radius"));
        let radius: usize = name[BALL.len()..].parse().map_err(not_understood)?;
        let found: Vec<f32> = Ball::new(radius)
            .shares()
            .iter()
            .map(|&v| v as f32)
            .collect();
        check.values(f, name, &[2 * radius + 1; 3], &found, Limit::MaxAbs(1e-7))?;
    }
    let ball = Ball::new(f.setting("/radius")?);
    let mut channel = Channel::default();
    for (n, placement) in f
        .setting::<Vec<Placement>>("/placements")?
        .iter()
        .enumerate()
    {
        let name = format!("out/after{n}");
        let dims = three(&f.host(&name)?.shape)?;
        let centre = placement.position.map(|at| at.round_ties_even() as i64);
        channel.put_ball(&ball, centre, dims, placement.intensity);
        check.values(f, &name, &dims, &as_f32(&channel.whole(dims)), EXACT)?;
    }
    Ok(())
}

fn as_f32(values: &[f16]) -> Vec<f32> {
    values.iter().map(|v| v.to_f32()).collect()
}

fn halves(tensor: &HostTensor) -> Vec<f16> {
    tensor.data.iter().map(|&v| f16::from_f32(v)).collect()
}

fn pool(f: &Fixture, _: &Device, check: &mut Check) -> Result<(), ParityError> {
    let image = f.host("in/x")?;
    let dims = three(&image.shape)?;
    let values = halves(&image);
    let channels = || values.chunks(dims.iter().product::<usize>().max(1));
    for name in f.expectations() {
        let not_understood = || ParityError::NotUnderstood(format!("{name} says no window"));
        let (kind, window) = name["out/".len()..].split_at(3);
        let window = window.parse().map_err(|_no_number| not_understood())?;
        let larger: fn(f16, f16) -> f16 = match kind {
            "max" => f16::max,
            "min" => f16::min,
            _ => return Err(not_understood()),
        };
        let found = channels().flat_map(|values| extreme(values, dims, window, larger));
        let found: Vec<f16> = found.collect();
        check.values(f, &name, &image.shape, &as_f32(&found), EXACT)?;
    }
    for (zoom, window) in f.setting::<Vec<(f64, usize)>>("/odd_kernel_of_zoom")? {
        let found = window_of_zoom(zoom) as f64;
        check.number(&format!("window of zoom {zoom}"), window as f64, found, 0.0);
    }
    Ok(())
}

/// A step of a session, as recordings describe it.
#[derive(Deserialize)]
pub(super) struct Step {
    pub kind: String,
    #[serde(rename = "where")]
    pub place: Option<Value>,
    #[serde(default)]
    pub positive: bool,
}

impl Step {
    /// What is drawn; masks are in the recording under the step's number.
    pub fn shape(&self, f: &Fixture, n: usize) -> Result<Shape, ParityError> {
        let not_understood = || ParityError::NotUnderstood(format!("step {n} is not understood"));
        let place = self.place.clone().ok_or_else(not_understood)?;
        let corners = || {
            let corners: Result<[[f64; 2]; 3], _> = serde_json::from_value(place.clone());
            corners
                .map(|c| c.map(rounded))
                .map_err(|_other| not_understood())
        };
        let mask = || -> Result<_, ParityError> {
            let part = corners()?.map(|[first, end]| first as usize..end as usize);
            let mask = f.host(&format!("in/{n}.mask"))?;
            Ok((
                part,
                mask.data.iter().map(|&m| u8::from(m != 0.0)).collect(),
            ))
        };
        match self.kind.as_str() {
            "point" => {
                let point = serde_json::from_value(place.clone());
                let point: [f64; 3] = point.map_err(|_other| not_understood())?;
                Ok(Shape::Point(rounded(point)))
            }
            "bbox" => Ok(Shape::Box(corners()?)),
            "scribble" => mask().map(|(part, mask)| Shape::Scribble(part, mask)),
            "lasso" => mask().map(|(part, mask)| Shape::Lasso(part, mask)),
            _ => Err(not_understood()),
        }
    }
}

fn rounded<const N: usize>(place: [f64; N]) -> [i64; N] {
    place.map(|at| at.round_ties_even() as i64)
}

fn prompts(f: &Fixture, _: &Device, check: &mut Check) -> Result<(), ParityError> {
    #[derive(Deserialize)]
    struct Outcome {
        refused: Option<String>,
        intensity: f64,
        center: Option<[i64; 3]>,
        zoom: Option<f64>,
    }
    let model: String = f.setting("/model")?;
    let capabilities = Capabilities::of_folder(&f.beside(&model))?;
    said(f, check, &capabilities)?;
    let mut image = f.host("in/image")?;
    let dims = three(&image.shape)?;
    normalise(&mut image.data, dims).map_err(ParityError::NotUnderstood)?;
    let [a, b, c] = dims;
    let limit = Limit::MaxAbs(1e-5);
    check.values(f, "mid/normalised_image", &[1, a, b, c], &image.data, limit)?;
    let patch = f.setting("/patch_size")?;
    let mut prompts = Prompts::new(dims, &capabilities);
    let outcomes: Vec<Outcome> = f.setting("/steps")?;
    for (n, step) in f.setting::<Vec<Step>>("/steps")?.iter().enumerate() {
        let outcome = &outcomes[n];
        let found = prompts.add(&step.shape(f, n)?, step.positive, &capabilities, patch);
        let refused = |refused: bool| f64::from(u8::from(refused));
        let name = format!("step {n} is refused");
        check.number(
            &name,
            refused(outcome.refused.is_some()),
            refused(found.is_err()),
            0.0,
        );
        check.number(
            &format!("intensity {n}"),
            outcome.intensity,
            prompts.intensity(),
            1e-6,
        );
        if let (Some(centre), Some(zoom)) = (outcome.center, outcome.zoom) {
            let gaze = found.ok().flatten();
            check_gaze(check, n, Gaze { centre, zoom }, gaze);
        }
    }
    stored(
        f,
        check,
        &prompts,
        0..capabilities.channels,
        dims,
        Limit::MaxAbs(1.0),
    )
}

fn check_gaze(check: &mut Check, n: usize, expected: Gaze, found: Option<Gaze>) {
    let numbers = |gaze: Gaze| -> Vec<f32> {
        let centre = gaze.centre.iter().map(|&at| at as f32);
        centre.chain([gaze.zoom as f32]).collect()
    };
    let found = found.map(numbers).unwrap_or_default();
    let expected = HostTensor::new([4], numbers(expected));
    let shape = [found.len()];
    check.host(
        &format!("centre and zoom {n}"),
        &expected,
        &shape,
        &found,
        EXACT,
    );
}

fn said(f: &Fixture, check: &mut Check, found: &Capabilities) -> Result<(), ParityError> {
    let mut number = |name: &str, found: f64| -> Result<(), ParityError> {
        let expected: f64 = f.setting(&format!("/{name}"))?;
        check.number(name, expected, found, 1e-9);
        Ok(())
    };
    number("channels", found.channels as f64)?;
    number("point_radius", found.point_radius as f64)?;
    number("decay", found.decay)?;
    number("channel_mapping/prev_seg", found.previous as f64)?;
    let thickness: Vec<f32> = f.setting("/scribble_thickness")?;
    let expected = HostTensor::new([thickness.len()], thickness);
    let own = found.scribble_thickness.map(|side| side as f32);
    check.host("scribble_thickness", &expected, &[3], &own, EXACT);
    let kinds = [
        (PromptKind::Point, "points"),
        (PromptKind::Scribble, "scribble"),
        (PromptKind::Lasso, "lasso"),
        (PromptKind::FlatBox, "bbox2d"),
        (PromptKind::Box, "bbox3d"),
    ];
    for (kind, name) in kinds {
        let supported: bool = f.setting(&format!("/supported/{name}"))?;
        let pair: Vec<f32> = f.setting(&format!("/channel_mapping/{name}"))?;
        let expected = if supported { pair } else { Vec::new() };
        let expected = HostTensor::new([expected.len()], expected);
        let own = found
            .pair(kind)
            .map(|pair| pair.map(|at| at as f32).to_vec());
        let own = own.unwrap_or_default();
        check.host(
            &format!("channels of {name}"),
            &expected,
            &[own.len()],
            &own,
            EXACT,
        );
    }
    Ok(())
}

/// Channels as they are stored, and as the network sees them; half precision is compared in its units where the limit is
/// one of them.
fn stored(
    f: &Fixture,
    check: &mut Check,
    prompts: &Prompts,
    channels: std::ops::Range<usize>,
    dims: [usize; 3],
    limit: Limit,
) -> Result<(), ParityError> {
    let [a, b, c] = dims;
    let shape = [channels.len(), a, b, c];
    let all = prompts.channels()[channels]
        .iter()
        .flat_map(|channel| channel.whole(dims));
    let all: Vec<f16> = all.collect();
    let seen: Vec<f16> = all.iter().map(|&value| prompts.seen(value)).collect();
    for (name, found) in [("out/stored", all), ("out/for_network", seen)] {
        let expected = f.host(name)?;
        let found = as_f32(&found);
        if let Limit::MaxAbs(_) = limit {
            let expected = HostTensor::new(expected.shape.clone(), half_units(&expected.data));
            check.host(name, &expected, &shape, &half_units(&found), limit);
        } else {
            check.host(name, &expected, &shape, &found, limit);
        }
    }
    Ok(())
}

fn renormalise(f: &Fixture, _: &Device, check: &mut Check) -> Result<(), ParityError> {
    #[derive(Deserialize)]
    struct Point {
        position: [f64; 3],
        positive: bool,
        intensity: f64,
    }
    let dims: [usize; 3] = f.setting("/shape")?;
    let capabilities = Capabilities {
        decay: f.setting("/decay")?,
        point_radius: f.setting("/radius")?,
        ..Capabilities::default()
    };
    let mut prompts = Prompts::new(dims, &capabilities);
    for (n, point) in f.setting::<Vec<Point>>("/steps")?.iter().enumerate() {
        let shape = Shape::Point(rounded(point.position));
        let added = prompts.add(&shape, point.positive, &capabilities, dims);
        added.map_err(ParityError::NotUnderstood)?;
        let found = prompts.intensity() / point.intensity;
        check.number(&format!("intensity {n}"), 1.0, found, 1e-6);
    }
    let [first, last] = capabilities.pair(PromptKind::Point).unwrap_or_default();
    stored(
        f,
        check,
        &prompts,
        first..last + 1,
        dims,
        Limit::RelMax(2e-3),
    )
}

fn input(f: &Fixture, _: &Device, check: &mut Check) -> Result<(), ParityError> {
    #[derive(Deserialize)]
    struct Case {
        center: [i64; 3],
        zoom: f64,
        scaled_size: [usize; 3],
        #[serde(rename = "box")]
        corners: [[i64; 2]; 3],
    }
    let capabilities = Capabilities::default();
    let mut image = f.host("in/image")?;
    let dims = three(&image.shape)?;
    normalise(&mut image.data, dims).map_err(ParityError::NotUnderstood)?;
    let voxels = dims.iter().product::<usize>().max(1);
    let given = halves(&f.host("in/stored")?);
    let given: Vec<Channel> = given
        .chunks(voxels)
        .map(|c| Channel::of_whole(c.to_vec(), dims))
        .collect();
    let mask = Patch {
        start: [0; 3],
        dims,
        voxels: given[capabilities.previous]
            .values()
            .iter()
            .map(|v| u8::from(*v != f16::ZERO))
            .collect(),
    };
    let prompts = Prompts::of_channels(dims, given, f.setting("/intensity")?);
    let patch: [usize; 3] = f.setting("/patch_size")?;
    for (n, case) in f.setting::<Vec<Case>>("/cases")?.iter().enumerate() {
        let gaze = Gaze {
            centre: case.center,
            zoom: case.zoom,
        };
        let view = View::of(gaze, patch);
        let numbers = |size: [usize; 3], corners: [[i64; 2]; 3]| -> Vec<f32> {
            let corners = corners.as_flattened().iter().map(|&at| at as f32);
            size.iter()
                .map(|&side| side as f32)
                .chain(corners)
                .collect()
        };
        let expected = HostTensor::new([9], numbers(case.scaled_size, case.corners));
        let found = numbers(view.size, view.corners());
        check.host(&format!("size and box {n}"), &expected, &[9], &found, EXACT);
        let input = view.input((&image.data, dims), &prompts, &mask, &capabilities);
        two_limits(f, check, &format!("out/{n}.input"), &input, view.len())?;
        let previous: Vec<f32> = view.nearest(&mask).into_iter().map(f32::from).collect();
        check.values(f, &format!("out/{n}.previous"), &patch, &previous, EXACT)?;
    }
    Ok(())
}

/// The image, which comes first, is closer than averages in half precision.
fn two_limits(
    f: &Fixture,
    check: &mut Check,
    name: &str,
    found: &[f32],
    of_image: usize,
) -> Result<(), ParityError> {
    let expected = f.host(name)?;
    check.host(name, &expected, &expected.shape, found, Limit::MaxAbs(6e-3));
    let image = HostTensor::new([of_image], expected.data[..of_image].to_vec());
    let found = &found[..of_image];
    check.host(
        &format!("{name} (image)"),
        &image,
        &[of_image],
        found,
        Limit::MaxAbs(1e-6),
    );
    Ok(())
}

fn border(f: &Fixture, _: &Device, check: &mut Check) -> Result<(), ParityError> {
    #[derive(Deserialize)]
    struct Case {
        new: usize,
        old: usize,
        face: (usize, i64),
        #[serde(default)]
        disjoint: bool,
        zoom_on: bool,
    }
    let patch: [usize; 3] = f.setting("/size")?;
    for (n, case) in f.setting::<Vec<Case>>("/cases")?.iter().enumerate() {
        let (axis, end) = case.face;
        let at = if end < 0 { patch[axis] - 1 } else { 0 };
        let on_face = |offset: &usize| {
            let place = [
                offset / patch[1] / patch[2],
                offset / patch[2] % patch[1],
                offset % patch[2],
            ];
            place[axis] == at
        };
        let face: Vec<usize> = (0..patch.iter().product()).filter(on_face).collect();
        let mask = |set: &[usize]| {
            let mut mask = vec![0u8; patch.iter().product()];
            set.iter().for_each(|&offset| mask[offset] = 1);
            mask
        };
        let old = if case.disjoint {
            &face[face.len() - case.old..]
        } else {
            &face[..case.old]
        };
        let found = goes_on(&mask(&face[..case.new]), &mask(old), patch);
        let number = |yes: bool| f64::from(u8::from(yes));
        check.number(
            &format!("zoom on {n}"),
            number(case.zoom_on),
            number(found),
            0.0,
        );
    }
    Ok(())
}

fn boxes(f: &Fixture, _: &Device, check: &mut Check) -> Result<(), ParityError> {
    #[derive(Deserialize)]
    struct Case {
        shape: [usize; 3],
        patch: [usize; 3],
        ellipsoids: Vec<[[f64; 3]; 2]>,
        voxels: usize,
    }
    for (n, case) in f.setting::<Vec<Case>>("/cases")?.iter().enumerate() {
        let [_, rows, columns] = case.shape;
        let is_set = |offset: usize| {
            let place = [
                offset / columns / rows,
                offset / columns % rows,
                offset % columns,
            ];
            case.ellipsoids.iter().any(|[centre, radius]| {
                let away = |d: usize| ((place[d] as f64 - centre[d]) / radius[d]).powi(2);
                (0..3).map(away).sum::<f64>() <= 1.0
            })
        };
        let voxels = case.shape.iter().product();
        let map: Vec<u8> = (0..voxels).map(|offset| u8::from(is_set(offset))).collect();
        let set = map.iter().filter(|&&m| m != 0).count();
        check.number(&format!("voxels {n}"), case.voxels as f64, set as f64, 0.0);
        let found = covering_boxes(&map, case.shape, case.patch);
        let corners = found.iter().flat_map(|start| {
            (0..3).flat_map(|d| [start[d] as f32, (start[d] + case.patch[d] as i64) as f32])
        });
        let corners: Vec<f32> = corners.collect();
        let shape = [found.len(), 3, 2];
        check.values(f, &format!("out/{n}"), &shape, &corners, EXACT)?;
    }
    Ok(())
}
