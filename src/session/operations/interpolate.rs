//! Fills the slices between drawn ones.

use super::parameter::{LABEL, PLANE};
use super::{Operation, OperationError, Values, unchecked};
use crate::session::document::Edit;

/// `interpolate`
pub static OPERATION: Operation = Operation {
    id: "interpolate",
    title: "Interpolate between slices",
    step: "interpolate",
    hint: "Fill the empty slices between those that a label is drawn in",
    key: Some("Ctrl+I"),
    previews_at_once: true,
    own_parameters: &[LABEL, PLANE],
    check: unchecked,
    apply,
};

fn apply(edit: &mut Edit<'_>, values: &Values) -> Result<(), OperationError> {
    let label = edit.label(values, "label")?;
    let axis = edit.axis_of(values.need_plane("plane")?);
    if let Some(crop) = edit.crop(label) {
        edit.add(label, &crop.interpolated(edit.grid(), axis));
    }
    Ok(())
}
