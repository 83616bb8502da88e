//! Makes labels of the pieces of a label.

use super::parameter::{CONNECTIVITY, LABEL, VOXELS};
use super::{Operation, OperationError, Parameter, Values, unchecked};
use crate::session::document::Edit;

/// `split_islands`
pub static OPERATION: Operation = Operation {
    id: "split_islands",
    title: "Split islands",
    step: "split islands",
    hint: "Make a label of each piece of a label; the largest stays what it is",
    key: None,
    previews_at_once: false,
    own_parameters: &[
        LABEL,
        CONNECTIVITY,
        Parameter::optional(
            "min_voxels",
            VOXELS,
            "pieces of fewer voxels stay what they are",
        ),
    ],
    check: unchecked,
    apply,
};

fn apply(edit: &mut Edit<'_>, values: &Values) -> Result<(), OperationError> {
    let label = edit.label(values, "label")?;
    let Some(crop) = edit.crop(label) else {
        return Ok(());
    };
    let least = values.number("min_voxels").unwrap_or(1.0);
    let islands = crop.islands(values.connectivity());
    let others = islands.sizes().iter().skip(1);
    let count = others.take_while(|&&voxels| voxels as f64 >= least).count();
    let begun = edit.begin_labels_like(label, count)?;
    let value_of = |rank: usize| match rank.checked_sub(1) {
        Some(n) => begun.get(n).copied().unwrap_or(label),
        None => label,
    };
    edit.replace_several(&[label], crop.bounds, &islands.painted(&crop, value_of))
}
