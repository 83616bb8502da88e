//! Set logic between labels.

use super::parameter::NEW_LABEL;
use super::{Kind, Operation, OperationError, Parameter, Values};
use crate::session::document::Edit;
use crate::volume::morphology::Crop;

/// `logic`
pub static OPERATION: Operation = Operation {
    id: "logic",
    title: "Logic",
    step: "logic",
    hint: "Copy, add, subtract or intersect with another label, or invert",
    key: None,
    previews_at_once: false,
    own_parameters: &[
        NEW_LABEL,
        Parameter::required(
            "op",
            Kind::Choice(&["copy", "add", "subtract", "intersect", "invert"]),
            "what becomes of the label",
        ),
        Parameter::optional(
            "with",
            Kind::OtherLabel,
            "the other label; none where it is inverted",
        ),
    ],
    check,
    apply,
};

fn check(values: &Values) -> Result<(), OperationError> {
    let op = values.need_word("op")?;
    match (op == "invert", values.has("with")) {
        (false, false) => Err(OperationError::new(format!("logic op={op} needs with="))),
        (true, true) => Err(OperationError::new("logic op=invert takes no with=")),
        _ => Ok(()),
    }
}

fn apply(edit: &mut Edit<'_>, values: &Values) -> Result<(), OperationError> {
    let op = values.need_word("op")?;
    let with = edit.labels_named(values, "with")?.first().copied();
    let label = edit.label(values, "label")?;
    let own = edit.crop(label);
    let other = with.and_then(|w| edit.crop(w));
    let everywhere = (op == "invert").then_some(edit.grid().bounds());
    let bounds = [own.as_ref(), other.as_ref()]
        .into_iter()
        .flatten()
        .map(|c| c.bounds);
    let Some(bounds) = bounds.chain(everywhere).reduce(|a, b| a.union(b)) else {
        return Ok(());
    };
    let [own, other] = [own, other].map(|crop| crop.unwrap_or_else(|| Crop::empty(bounds)));
    let keep: fn(bool, bool) -> bool = match op {
        "copy" => |_, other| other,
        "add" => |own, other| own || other,
        "subtract" => |own, other| own && !other,
        "intersect" => |own, other| own && other,
        _ => |own, _| !own,
    };
    edit.replace(label, &own.combined(&other, keep));
    Ok(())
}
