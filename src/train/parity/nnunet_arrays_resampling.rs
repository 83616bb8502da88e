//! Recordings of the ways of nnU-Net and TotalSegmentator from one spacing to another.

use burn::tensor::Device;
use half::f16;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::geometry::Affine;
use crate::models::checkpoint::HostTensor;
use crate::models::nnunet::arrays::resampling::{
    Change, Resampling, resampled_data, resampled_labels, resampled_logits,
};
use crate::models::nnunet::arrays::totalseg::{crop_box, cut_to_whole, zoom, zoomed, zoomed_dims};
use crate::models::nnunet::pipeline::Axes;
use crate::models::nnunet::stage::Reader;
use crate::models::ops::Spline;

use super::nnunet_arrays::{EXACT, half_units, labels_of, three};
use super::{Check, Fixture, Kind, Limit, ParityError};

pub(super) const KINDS: &[Kind] = &[
    ("nnunet_resample", resample),
    ("nnunet_totalseg_resample", totalseg),
];

/// Interpolated values so close to a whole number may be cut to the one or the other.
const NEAR_WHOLE: f64 = 1e-6;

#[derive(Deserialize)]
struct Case {
    name: String,
    function: String,
    kwargs: Map<String, Value>,
    new_shape: [usize; 3],
    current_spacing: [f64; 3],
    new_spacing: [f64; 3],
    separate_z: bool,
    axis: Option<usize>,
}

fn resample(f: &Fixture, _: &Device, check: &mut Check) -> Result<(), ParityError> {
    for case in f.setting::<Vec<Case>>("/cases")? {
        let how =
            Resampling::named(&case.function, &case.kwargs).map_err(ParityError::NotUnderstood)?;
        one_case(f, check, &case, how)?;
    }
    shapes(f, check)?;
    rules(f, check)
}

fn one_case(
    f: &Fixture,
    check: &mut Check,
    case: &Case,
    how: Resampling,
) -> Result<(), ParityError> {
    let name = format!("in/{}", case.name);
    let image = f.host(&name)?;
    let change = Change {
        from: three(&image.shape)?,
        to: case.new_shape,
        from_mm: case.current_spacing,
        to_mm: case.new_spacing,
    };
    let axis = change.separate_axis(how.separate_z);
    let expected = case.axis.filter(|_| case.separate_z);
    check_axis(check, &format!("{} axis", case.name), expected, axis);
    let is_labels = case.kwargs.get("is_seg").and_then(Value::as_bool) == Some(true);
    let is_half = f.file().is_half(&name);
    let voxels = change.from.iter().product::<usize>().max(1);
    let channel = |values: &[f32]| -> Vec<f32> {
        if is_labels {
            let labels = resampled_labels(&labels_of(values), &change, how);
            labels.into_iter().map(f32::from).collect()
        } else if is_half {
            let logits: Vec<f16> = values.iter().map(|&v| f16::from_f32(v)).collect();
            resampled_logits(&logits, &change, how)
        } else {
            resampled_data(values.to_vec(), &change, how)
        }
    };
    let found: Vec<f32> = image.data.chunks(voxels).flat_map(channel).collect();
    let out = format!("out/{}", case.name);
    let [a, b, c] = change.to;
    let shape = [image.shape[0], a, b, c];
    if !f.file().is_half(&out) {
        let limit = if is_labels {
            EXACT
        } else {
            Limit::MaxAbs(1e-6)
        };
        return check.values(f, &out, &shape, &found, limit);
    }
    let expected = f.host(&out)?;
    let expected = HostTensor::new(expected.shape.clone(), half_units(&expected.data));
    check.host(
        &out,
        &expected,
        &shape,
        &half_units(&found),
        Limit::MaxAbs(1.0),
    );
    Ok(())
}

fn check_axis(check: &mut Check, name: &str, expected: Option<usize>, found: Option<usize>) {
    let number = |axis: Option<usize>| axis.map_or(-1.0, |axis| axis as f64);
    check.number(name, number(expected), number(found), 0.0);
}

fn shapes(f: &Fixture, check: &mut Check) -> Result<(), ParityError> {
    #[derive(Deserialize)]
    struct Shape {
        shape: [usize; 3],
        old_spacing: [f64; 3],
        new_spacing: [f64; 3],
        new_shape: [usize; 3],
    }
    for (n, case) in f.setting::<Vec<Shape>>("/new_shapes")?.iter().enumerate() {
        let found = Change::to_spacing(case.shape, case.old_spacing, case.new_spacing).to;
        let as_values = |shape: [usize; 3]| shape.map(|length| length as f32).to_vec();
        let expected = HostTensor::new([3], as_values(case.new_shape));
        check.host(
            &format!("new shape {n}"),
            &expected,
            &[3],
            &as_values(found),
            EXACT,
        );
    }
    Ok(())
}

fn rules(f: &Fixture, check: &mut Check) -> Result<(), ParityError> {
    #[derive(Deserialize)]
    struct Rule {
        current: [f64; 3],
        new: [f64; 3],
        separate: bool,
        axis: Option<usize>,
    }
    for (n, rule) in f
        .setting::<Vec<Rule>>("/separate_rules")?
        .iter()
        .enumerate()
    {
        let change = Change {
            from: [1; 3],
            to: [1; 3],
            from_mm: rule.current,
            to_mm: rule.new,
        };
        let expected = rule.axis.filter(|_| rule.separate);
        check_axis(
            check,
            &format!("separate rule {n}"),
            expected,
            change.separate_axis(None),
        );
    }
    Ok(())
}

fn spacing_mm(f: &Fixture, affine: &str) -> Result<[f32; 3], ParityError> {
    let rows: [[f64; 4]; 4] = f.setting(affine)?;
    let length = |axis: usize| {
        (0..3)
            .map(|row| rows[row][axis].powi(2))
            .sum::<f64>()
            .sqrt()
    };
    Ok([0, 1, 2].map(|axis| length(axis) as f32))
}

fn totalseg(f: &Fixture, _: &Device, check: &mut Check) -> Result<(), ParityError> {
    let canonical = f.host("mid/canonical")?;
    let dims = three(&canonical.shape)?;
    let axes = Axes::of_reader(Reader::ClosestRas, &affine(f)?);
    // Recordings have column, row, slice.
    let turned = Axes::exchanged([2, 1, 0]);
    let image = f.host("in/image")?;
    let stored = three(&image.shape)?;
    let [i, j, k] = stored;
    let read = axes.apply(turned.apply(image.data, stored), [k, j, i]);
    let [right, anterior, superior] = dims;
    let read = turned.apply(read, [superior, anterior, right]);
    check.values(f, "mid/canonical", &dims, &read, EXACT)?;
    let spacing_mm_of_canonical = spacing_mm(f, "/canonical_affine")?;
    for name in f.names("out/resampled_") {
        let unknown = || ParityError::NotUnderstood(format!("{name} says no spacing and order"));
        let (mm, order) = name["out/resampled_".len()..]
            .split_once("mm_order")
            .ok_or_else(unknown)?;
        let mm: f64 = mm.parse().map_err(|_no_number| unknown())?;
        let spline = match order {
            "0" => Spline::Nearest,
            "1" => Spline::Linear,
            _ => Spline::Cubic,
        };
        let to = zoomed_dims(dims, zoom(spacing_mm_of_canonical, mm));
        let found = zoomed(&canonical.data, dims, to, spline);
        whole_numbers(f, check, name, to, &found)?;
    }
    for name in f.names("in/labels_") {
        let labels = f.host(name)?;
        let found = zoomed(&labels.data, three(&labels.shape)?, dims, Spline::Nearest);
        let found: Vec<f32> = found.into_iter().map(|v| v as f32).collect();
        check.values(f, "out/labels_canonical", &dims, &found, EXACT)?;
        let back = axes.inverse();
        let found = back.apply(turned.apply(found, dims), [superior, anterior, right]);
        let found = turned.apply(found, [k, j, i]);
        check.values(f, "out/labels_original", &stored, &found, EXACT)?;
    }
    cropped(f, check)
}

fn affine(f: &Fixture) -> Result<Affine, ParityError> {
    let rows: [[f64; 4]; 4] = f.setting("/affine")?;
    Affine::from_rows(&rows).map_err(|e| ParityError::NotUnderstood(e.to_string()))
}

fn whole_numbers(
    f: &Fixture,
    check: &mut Check,
    name: &str,
    dims: [usize; 3],
    found: &[f64],
) -> Result<(), ParityError> {
    let expected = f.host(name)?;
    let cut = cut_to_whole(found);
    let near = |value: f64| (value - value.round()).abs() < NEAR_WHOLE;
    let values = cut.iter().zip(found).zip(&expected.data);
    let values = values.map(|((&cut, &found), &expected)| {
        let cut = cut as f32;
        let either = near(found) && (cut - expected).abs() <= 1.0;
        if either { expected } else { cut }
    });
    let values: Vec<f32> = values.collect();
    check.host(name, &expected, &dims, &values, EXACT);
    Ok(())
}

fn cropped(f: &Fixture, check: &mut Check) -> Result<(), ParityError> {
    let mask = f.host("in/crop_mask")?;
    let image = f.host("in/image")?;
    let dims = three(&image.shape)?;
    let inside: Vec<u8> = mask.data.iter().map(|&v| u8::from(v > 0.0)).collect();
    let margin_mm = f.setting("/crop/addon_mm")?;
    let found = crop_box(&inside, dims, margin_mm, spacing_mm(f, "/affine")?);
    let bounds: Vec<[f32; 2]> = f.setting("/crop/bbox")?;
    let expected = HostTensor::new([bounds.len(), 2], bounds.concat());
    let corners = found.iter().flat_map(|r| [r.start as f32, r.end as f32]);
    let corners: Vec<f32> = corners.collect();
    check.host("box of the crop", &expected, &[3, 2], &corners, EXACT);
    let shape = found.clone().map(|range| range.len());
    let part = crate::models::nnunet::arrays::crop::cut_out(&image.data, dims, &found);
    check.values(f, "out/cropped", &shape, &part, EXACT)
}
