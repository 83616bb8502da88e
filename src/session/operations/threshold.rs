//! Makes a label of the voxels of the scan between two values.

use super::parameter::{NEW_LABEL, SCAN_VALUE, WITHIN};
use super::{Kind, Operation, OperationError, Parameter, Values};
use crate::session::document::Edit;

/// `threshold`
pub static OPERATION: Operation = Operation {
    id: "threshold",
    title: "Threshold",
    step: "threshold",
    hint: "Make a label of the voxels of the scan between two values",
    key: Some("Ctrl+T"),
    previews_at_once: false,
    own_parameters: &[
        NEW_LABEL,
        Parameter::required("low", SCAN_VALUE, "the lowest value, included"),
        Parameter::required("high", SCAN_VALUE, "the highest value, included"),
        WITHIN,
        Parameter::optional("invert", Kind::Flag, "the voxels outside of that instead"),
    ],
    check,
    apply,
};

fn check(values: &Values) -> Result<(), OperationError> {
    let (low, high) = (values.need_number("low")?, values.need_number("high")?);
    if low > high {
        let text =
            format!("threshold: low={low} is above high={high}; give the lower value as low");
        return Err(OperationError::new(text));
    }
    Ok(())
}

fn apply(edit: &mut Edit<'_>, values: &Values) -> Result<(), OperationError> {
    let range = values.need_number("low")?..=values.need_number("high")?;
    let is_inverted = values.is_set("invert");
    let within = edit.labels_named(values, "within")?.first().copied();
    let is_wanted = |value: f64| range.contains(&value) != is_inverted && !value.is_nan();
    let mut result = edit.scan().mask_where(is_wanted);
    if let Some(within) = within {
        let labels = edit.labels_with(within);
        result.keep_offsets(edit.grid().dims, |offset| labels.voxels[offset] == within);
    }
    let label = edit.label(values, "label")?;
    edit.replace(label, &result);
    Ok(())
}
