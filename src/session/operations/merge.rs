//! Makes one label of several.

use super::{Kind, Operation, OperationError, Parameter, Values, unchecked};
use crate::session::document::Edit;
use crate::volume::morphology::Crop;

/// `merge`
pub static OPERATION: Operation = Operation {
    id: "merge",
    title: "Merge labels",
    step: "merge labels",
    hint: "Give all voxels of several labels to one, old or new; the others leave the list",
    key: None,
    previews_at_once: false,
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
    let layer = edit.table().layer_of(into);
    let is_beside = |edit: &Edit<'_>, label: u16| edit.table().layer_of(label) == layer;
    let (beside, elsewhere): (Vec<u16>, Vec<u16>) = merged
        .iter()
        .copied()
        .partition(|&label| is_beside(edit, label));
    let bounds = beside
        .iter()
        .filter_map(|&label| edit.crop(label))
        .map(|crop| crop.bounds);
    if let Some(bounds) = bounds.reduce(|a, b| a.union(b)) {
        edit.write(layer, bounds, |_, old| {
            if beside.contains(&old) { into } else { old }
        });
    }
    for label in elsewhere {
        if let Some(crop) = edit.crop(label) {
            // What does not become the one label's stays with the other.
            edit.add(into, &crop);
            let now = Crop::of_label_in(edit.labels_with(into), into, crop.bounds);
            edit.replace(label, &crop.combined(&now, |had, given| had && !given));
        }
    }
    for label in merged {
        edit.replace_label(label, into);
    }
    Ok(())
}
