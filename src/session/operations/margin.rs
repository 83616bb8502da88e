//! Grows or shrinks a label by a length.

use super::parameter::{LABEL, MAX_MM, WITHIN};
use super::{Kind, Operation, OperationError, Parameter, Values, unchecked};
use crate::session::document::Edit;

/// `margin`
pub static OPERATION: Operation = Operation {
    id: "margin",
    title: "Margin",
    step: "margin",
    hint: "Grow a label by a length, or shrink it by a negative one",
    key: Some("Ctrl+M"),
    previews_at_once: false,
    own_parameters: &[
        LABEL,
        Parameter::required("mm", SIGNED_LENGTH, "how far; negative shrinks"),
        WITHIN,
    ],
    check: unchecked,
    apply,
};

const SIGNED_LENGTH: Kind = Kind::Number {
    unit: "mm",
    min: -MAX_MM,
    max: MAX_MM,
};

fn apply(edit: &mut Edit<'_>, values: &Values) -> Result<(), OperationError> {
    let label = edit.label(values, "label")?;
    let mm = values.need_number("mm")?;
    let within = edit.labels_named(values, "within")?.first().copied();
    let Some(crop) = edit.crop(label) else {
        return Ok(());
    };
    if mm < 0.0 {
        edit.replace(label, &crop.shrunk(edit.grid(), -mm));
        return Ok(());
    }
    let mut grown = crop.grown(edit.grid(), mm);
    if let Some(within) = within {
        let labels = edit.labels_with(within);
        grown.keep_offsets(edit.grid().dims, |offset| labels.voxels[offset] == within);
    }
    edit.add(label, &grown);
    Ok(())
}
