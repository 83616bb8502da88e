//! Copies a label from one slice to another.

use super::parameter::{LABEL, PLANE};
use super::{Kind, Operation, OperationError, Parameter, Values, unchecked};
use crate::session::document::Edit;

/// `copy_slice`
pub static OPERATION: Operation = Operation {
    id: "copy_slice",
    title: "Copy slice",
    step: "copy slice",
    hint: "Make a label in one slice what it is in another",
    key: None,
    previews_at_once: false,
    own_parameters: &[
        LABEL,
        PLANE,
        Parameter::required("from", Kind::Slice, "the slice to copy"),
        Parameter::required("to", Kind::Slice, "the slice that becomes like it"),
    ],
    check: unchecked,
    apply,
};

fn apply(edit: &mut Edit<'_>, values: &Values) -> Result<(), OperationError> {
    let label = edit.label(values, "label")?;
    let axis = edit.axis_of(values.need_plane("plane")?);
    let (from, to) = (values.need_slice("from")?, values.need_slice("to")?);
    if let Some(crop) = edit.crop(label) {
        let mut slice = crop.moved_to(crop.bounds.slice(axis, from));
        slice.bounds = slice.bounds.slice(axis, to);
        edit.replace_there(label, &slice);
    }
    Ok(())
}
