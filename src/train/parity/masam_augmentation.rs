//! Recordings of MA-SAM's augmentation.

use burn::tensor::Device;
use serde_json::Value;

use crate::models::checkpoint::HostTensor;
use crate::models::masam::Intensity;
use crate::models::masam::intensity::scale_window;
use crate::train::slices::masam::augment::{Operation, Sample, rotated, turned_and_flipped};

use super::masam_pipeline::slices_last;
use super::{Check, Fixture, Kind, Limit, ParityError};

pub(super) const KINDS: &[Kind] = &[
    ("masam_bbox_aug", box_augmentation),
    ("masam_augment", augmentation),
];

const EXACT: Limit = Limit::MaxAbs(0.0);
const CLOSE: Limit = Limit::MaxAbs(2e-5);
/// One grey level of 8-bit images, with room for rounding.
const GREY_LEVEL: Limit = Limit::MaxAbs(1.001 / 255.0);

fn box_augmentation(fixture: &Fixture, _: &Device, check: &mut Check) -> Result<(), ParityError> {
    let boxes = fixture.host("in/box")?;
    let size = fixture.host("in/label")?.shape;
    let (size, slices) = ([size[0], size[1]], boxes.shape[1]);
    let corners = [0, 1, 2, 3].map(|n| f64::from(boxes.data[n * slices]));
    for name in fixture.names("out/rot") {
        let case = name
            .strip_prefix("out/")
            .and_then(|n| n.strip_suffix(".box"));
        let case = case.unwrap_or(name);
        let found = if let Some(degrees) = case.strip_prefix("rotate.") {
            rotated(corners, size, number(degrees)?)
        } else {
            let parts: Vec<&str> = case.split('.').collect();
            let part = |n: usize, prefix: &str| {
                number(
                    parts
                        .get(n)
                        .and_then(|p| p.strip_prefix(prefix))
                        .unwrap_or(""),
                )
            };
            let (turns, axis) = (part(1, "k")? as usize, part(2, "axis")? as usize);
            turned_and_flipped(corners, size, turns, axis)
        };
        let values: Vec<f32> = found
            .iter()
            .flat_map(|&v| std::iter::repeat_n(v as f32, slices))
            .collect();
        check.values(fixture, name, &[4, slices], &values, CLOSE)?;
    }
    let mut window = fixture.host("in/norm.hu")?;
    Intensity::PANCREAS.apply(&mut window.data);
    scale_window(&mut window.data);
    check.values(
        fixture,
        "out/norm.image",
        &window.shape,
        &window.data,
        CLOSE,
    )?;
    // Normalising leaves the box as it is.
    check.values(fixture, "out/norm.prompt", &boxes.shape, &boxes.data, EXACT)
}

fn number(text: &str) -> Result<f64, ParityError> {
    text.parse::<f64>()
        .map_err(|e| ParityError::NotUnderstood(format!("a case's number '{text}': {e}")))
}

fn augmentation(fixture: &Fixture, _: &Device, check: &mut Check) -> Result<(), ParityError> {
    let (image, label) = (fixture.host("in/aug.image")?, fixture.host("in/aug.label")?);
    let cases: serde_json::Map<String, Value> = fixture.note_json("parameters")?;
    let plain = sample(&image, &label);
    for (case, parameters) in &cases {
        let mut sample = plain.clone();
        apply(case, parameters, &mut sample)?;
        let slices = sample.images.len();
        let shape = [sample.size[0], sample.size[1], slices];
        let images = slices_last(&sample.images.concat(), slices);
        let name = format!("out/aug.{case}.image");
        check.values(fixture, &name, &shape, &images, GREY_LEVEL)?;
        let labels: Vec<f32> = sample
            .labels
            .concat()
            .iter()
            .map(|&l| f32::from(l))
            .collect();
        let labels = slices_last(&labels, slices);
        check.values(
            fixture,
            &format!("out/aug.{case}.label"),
            &shape,
            &labels,
            EXACT,
        )?;
    }
    Ok(())
}

fn sample(image: &HostTensor, label: &HostTensor) -> Sample {
    let slices = image.shape[2];
    let plane = |array: &HostTensor, slice: usize| -> Vec<f32> {
        array
            .data
            .iter()
            .skip(slice)
            .step_by(slices)
            .copied()
            .collect()
    };
    let labels = |slice| plane(label, slice).iter().map(|&v| v as u8).collect();
    Sample {
        size: [image.shape[0], image.shape[1]],
        images: (0..slices).map(|slice| plane(image, slice)).collect(),
        labels: (0..slices).map(labels).collect(),
    }
}

fn apply(case: &str, parameters: &Value, sample: &mut Sample) -> Result<(), ParityError> {
    let number = |key: &str| {
        parameters.get(key).and_then(Value::as_f64).ok_or_else(|| {
            ParityError::NotUnderstood(format!("its case {case} lacks the number {key}"))
        })
    };
    let operation = match case.split('.').next().unwrap_or_default() {
        "posterize" => Operation::Posterize(number("v")?),
        "contrast" => Operation::Contrast(number("v")?),
        "brightness" => Operation::Brightness(number("v")?),
        "sharpness" => Operation::Sharpness(number("v")?),
        "shear_x" => Operation::ShearX(number("v")?),
        "shear_y" => Operation::ShearY(number("v")?),
        "translate_x" => Operation::TranslateX(number("v")?),
        "translate_y" => Operation::TranslateY(number("v")?),
        "scale" => Operation::Scale(number("v")?),
        "identity" => Operation::Identity,
        "adjust_light" => {
            sample.adjust_light(number("gamma")?);
            return Ok(());
        }
        "rotate" => {
            sample.rotate(number("angle")?);
            return Ok(());
        }
        "rot_flip" => {
            sample.turn_and_flip(number("k")? as usize, number("axis")? as usize);
            return Ok(());
        }
        _ => {
            let reason = format!("it has no augmentation of the name {case}");
            return Err(ParityError::NotUnderstood(reason));
        }
    };
    operation.apply(sample);
    Ok(())
}
