//! Leaves of a label what lies in a box.

use super::parameter::LABEL;
use super::{Kind, Operation, OperationError, Parameter, Values, unchecked};
use crate::session::document::Edit;
use crate::volume::morphology::Crop;

/// `crop`
pub static OPERATION: Operation = Operation {
    id: "crop",
    title: "Crop label",
    step: "crop label",
    hint: "Remove all voxels of a label that lie outside a box",
    key: None,
    previews_at_once: false,
    own_parameters: &[LABEL, Parameter::required("box", Kind::Box, "what stays")],
    check: unchecked,
    apply,
};

fn apply(edit: &mut Edit<'_>, values: &Values) -> Result<(), OperationError> {
    let label = edit.label(values, "label")?;
    let kept = values.need_voxel_box("box")?;
    if let Some(crop) = edit.crop(label) {
        let left = kept.intersection(crop.bounds);
        let left = left.map_or_else(|| Crop::empty(crop.bounds), |b| crop.moved_to(b));
        edit.replace(label, &left);
    }
    Ok(())
}
