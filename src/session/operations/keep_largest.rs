//! Leaves a label its largest piece.

use super::parameter::{CONNECTIVITY, LABEL};
use super::{Operation, OperationError, Values, unchecked};
use crate::session::document::Edit;

/// `keep_largest`
pub static OPERATION: Operation = Operation {
    id: "keep_largest",
    title: "Keep largest island",
    step: "keep largest island",
    hint: "Remove all of the active label but its largest piece",
    key: Some("Ctrl+E"),
    previews_at_once: false,
    own_parameters: &[LABEL, CONNECTIVITY],
    check: unchecked,
    apply,
};

fn apply(edit: &mut Edit<'_>, values: &Values) -> Result<(), OperationError> {
    let label = edit.label(values, "label")?;
    if let Some(crop) = edit.crop(label) {
        let islands = crop.islands(values.connectivity());
        edit.replace(label, &islands.kept(&crop, |rank| rank == 0));
    }
    Ok(())
}
