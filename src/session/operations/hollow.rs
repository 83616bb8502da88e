//! Makes a shell of a label.

use super::parameter::{LABEL, LENGTH};
use super::{Kind, Operation, OperationError, Parameter, Values, unchecked};
use crate::session::document::Edit;

/// `hollow`
pub static OPERATION: Operation = Operation {
    id: "hollow",
    title: "Hollow",
    step: "hollow",
    hint: "Make a shell of a label, inside its surface, outside, or half and half",
    key: None,
    previews_at_once: false,
    own_parameters: &[
        LABEL,
        Parameter::required("mm", LENGTH, "thickness of the shell"),
        Parameter::required(
            "side",
            Kind::Choice(&["inside", "outside", "centre"]),
            "of the surface",
        ),
    ],
    check: unchecked,
    apply,
};

fn apply(edit: &mut Edit<'_>, values: &Values) -> Result<(), OperationError> {
    let label = edit.label(values, "label")?;
    let mm = values.need_number("mm")?;
    let (outwards, inwards) = match values.need_word("side")? {
        "inside" => (0.0, mm),
        "outside" => (mm, 0.0),
        _ => (mm / 2.0, mm / 2.0),
    };
    if let Some(crop) = edit.crop(label) {
        let (outer, inner) = (
            crop.grown(edit.grid(), outwards),
            crop.shrunk(edit.grid(), inwards),
        );
        edit.replace(
            label,
            &outer.combined(&inner, |outer, inner| outer && !inner),
        );
    }
    Ok(())
}
