//! Takes a label's voxels away.

use super::parameter::LABEL;
use super::{Kind, Operation, OperationError, Parameter, Values, unchecked};
use crate::session::document::Edit;

/// `clear`
pub static OPERATION: Operation = Operation {
    id: "clear",
    title: "Clear label",
    step: "clear label",
    hint: "Remove all voxels of the active label; the label stays",
    key: None,
    previews_at_once: false,
    own_parameters: &[
        LABEL,
        Parameter::optional("box", Kind::Box, "only in this box"),
    ],
    check: unchecked,
    apply,
};

fn apply(edit: &mut Edit<'_>, values: &Values) -> Result<(), OperationError> {
    let label = edit.label(values, "label")?;
    edit.erase(label, values.voxel_box("box"));
    Ok(())
}
