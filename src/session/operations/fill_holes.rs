//! Gives a label the background that it encloses.

use super::parameter::LABEL;
use super::{Kind, Operation, OperationError, Parameter, Values, unchecked};
use crate::session::document::Edit;

/// `fill_holes`
pub static OPERATION: Operation = Operation {
    id: "fill_holes",
    title: "Fill holes",
    step: "fill holes",
    hint: "Fill what the active label encloses in 3D, or in the slices of a plane",
    key: Some("Ctrl+H"),
    previews_at_once: false,
    own_parameters: &[
        LABEL,
        Parameter::optional("plane", Kind::Plane, "slice by slice in this plane"),
    ],
    check: unchecked,
    apply,
};

fn apply(edit: &mut Edit<'_>, values: &Values) -> Result<(), OperationError> {
    let label = edit.label(values, "label")?;
    let Some(crop) = edit.crop(label) else {
        return Ok(());
    };
    let filled = match values.plane("plane") {
        Some(plane) => crop.holes_filled_across(edit.axis_of(plane)),
        None => crop.holes_filled(),
    };
    edit.add(label, &filled);
    Ok(())
}
