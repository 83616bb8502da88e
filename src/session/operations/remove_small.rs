//! Removes the small pieces of a label.

use super::parameter::{CONNECTIVITY, LABEL, VOXELS};
use super::{Kind, Operation, OperationError, Parameter, Values};
use crate::session::document::Edit;

/// `remove_small`
pub static OPERATION: Operation = Operation {
    id: "remove_small",
    title: "Remove small islands",
    step: "remove small islands",
    hint: "Remove the pieces of a label that are smaller than this",
    key: None,
    previews_at_once: false,
    own_parameters: &[
        LABEL,
        Parameter::optional("min_ml", VOLUME, "pieces of less volume go"),
        Parameter::optional("min_voxels", VOXELS, "or pieces of fewer voxels"),
        CONNECTIVITY,
    ],
    check,
    apply,
};

const VOLUME: Kind = Kind::Number {
    unit: "ml",
    min: 0.0,
    max: f64::INFINITY,
};

fn check(values: &Values) -> Result<(), OperationError> {
    if values.has("min_ml") == values.has("min_voxels") {
        return Err(OperationError::new(
            "remove_small needs either min_ml= or min_voxels=",
        ));
    }
    Ok(())
}

fn apply(edit: &mut Edit<'_>, values: &Values) -> Result<(), OperationError> {
    /// A piece of just the volume asked for stays, whatever the rounding.
    const ROUNDING: f64 = 1e-9;
    let label = edit.label(values, "label")?;
    let Some(crop) = edit.crop(label) else {
        return Ok(());
    };
    let voxel_ml = edit.grid().affine.voxel_volume_mm3() / 1000.0;
    let in_ml = |ml: f64| ml / voxel_ml * (1.0 - ROUNDING);
    let least = values
        .number("min_voxels")
        .or(values.number("min_ml").map(in_ml));
    let least = least.unwrap_or(0.0);
    let islands = crop.islands(values.connectivity());
    let sizes = islands.sizes();
    edit.replace(
        label,
        &islands.kept(&crop, |rank| sizes[rank] as f64 >= least),
    );
    Ok(())
}
