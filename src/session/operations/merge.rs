//! Makes one label of several.

use super::{Kind, Operation, OperationError, Parameter, Values, unchecked};
use crate::session::edit::Edit;

/// `merge`
pub static OPERATION: Operation = Operation {
    id: "merge",
    title: "Merge labels",
    step: "merge labels",
    hint: "Give all voxels of several labels to one, old or new; the others leave the list",
    key: None,
    own_parameters: &[
        Parameter::required("labels", Kind::Labels, "the labels to merge"),
        Parameter::required(
            "into",
            Kind::NewLabel,
            "the label that gets them, or a new one's value or name",
        ),
    ],
    check: unchecked,
    apply,
};

fn apply(edit: &mut Edit<'_>, values: &Values) -> Result<(), OperationError> {
    let merged = edit.labels_named(values, "labels")?;
    let into = edit.label(values, "into")?;
    let bounds = merged
        .iter()
        .filter_map(|&label| edit.crop(label))
        .map(|crop| crop.bounds);
    if let Some(bounds) = bounds.reduce(|a, b| a.union(b)) {
        edit.write(
            bounds,
            |_, old| if merged.contains(&old) { into } else { old },
        );
    }
    for label in merged {
        edit.replace_label(label, into);
    }
    Ok(())
}
