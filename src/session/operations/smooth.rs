//! Smooths labels.

use super::parameter::LENGTH;
use super::{Kind, Operation, OperationError, Parameter, Values};
use crate::session::document::Edit;
use crate::volume::Grid;
use crate::volume::morphology::Crop;

/// `smooth`
pub static OPERATION: Operation = Operation {
    id: "smooth",
    title: "Smooth",
    step: "smooth",
    hint: "Smooth a label, or several: one after another, or jointly so that no gaps open between them",
    key: Some("Ctrl+B"),
    previews_at_once: false,
    own_parameters: &[
        Parameter::optional("label", Kind::Label, "the label to change"),
        Parameter::optional("labels", Kind::Labels, "or the labels to change"),
        Parameter::required(
            "method",
            Kind::Choice(&["median", "opening", "closing", "gaussian", "joint"]),
            "how",
        ),
        Parameter::required(
            "mm",
            LENGTH,
            "radius of the ball, or standard deviation of the Gaussian",
        ),
    ],
    check,
    apply,
};

fn check(values: &Values) -> Result<(), OperationError> {
    if values.has("label") == values.has("labels") {
        return Err(OperationError::new("smooth needs either label= or labels="));
    }
    Ok(())
}

fn apply(edit: &mut Edit<'_>, values: &Values) -> Result<(), OperationError> {
    let mut labels = edit.labels_named(values, "label")?;
    labels.extend(edit.labels_named(values, "labels")?);
    let mm = values.need_number("mm")?;
    let method = values.need_word("method")?;
    if method == "joint" {
        return smooth_jointly(edit, &labels, mm);
    }
    for label in labels {
        if let Some(crop) = edit.crop(label) {
            edit.replace(label, &smoothed(&crop, edit.grid(), method, mm));
        }
    }
    Ok(())
}

fn smoothed(crop: &Crop, grid: &Grid, method: &str, mm: f64) -> Crop {
    match method {
        "median" => crop.median(grid, mm),
        "opening" => crop.shrunk(grid, mm).grown(grid, mm),
        "closing" => crop.grown(grid, mm).shrunk(grid, mm),
        _ => Crop {
            bounds: crop.bounds,
            voxels: crop
                .gaussian(grid, mm, crop.bounds)
                .into_iter()
                .map(|share| u8::from(share >= 0.5))
                .collect(),
        },
    }
}

/// Gives each voxel to the label, or to what is none of them, that has most of a Gaussian there; of equals to the first.
fn smooth_jointly(
    edit: &mut Edit<'_>,
    labels: &[u16],
    sigma_mm: f64,
) -> Result<(), OperationError> {
    edit.one_layer(labels)?;
    let crops: Vec<(u16, Crop)> = labels
        .iter()
        .filter_map(|&label| Some((label, edit.crop(label)?)))
        .collect();
    let bounds = crops.iter().map(|(_, crop)| crop.bounds);
    let Some(bounds) = bounds.reduce(|a, b| a.union(b)) else {
        return Ok(());
    };
    let voxels = bounds.size().iter().product();
    let mut best = vec![(0u16, 0f32); voxels];
    let mut rest = vec![1f32; voxels];
    for (label, crop) in &crops {
        let shares = crop.gaussian(edit.grid(), sigma_mm, bounds);
        for ((best, rest), share) in best.iter_mut().zip(&mut rest).zip(shares) {
            *rest -= share;
            if share > best.1 {
                *best = (*label, share);
            }
        }
    }
    let values: Vec<u16> = best
        .into_iter()
        .zip(rest)
        .map(|((label, share), rest)| if share >= rest { label } else { 0 })
        .collect();
    edit.replace_several(labels, bounds, &values)
}
