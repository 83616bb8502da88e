//! Lets labels grow over the scan until they meet.

use super::parameter::WITHIN;
use super::{Kind, Operation, OperationError, Parameter, Values};
use crate::session::document::Edit;
use crate::volume::grow_cut::GrowCut;

/// `grow_from_seeds`
pub static OPERATION: Operation = Operation {
    id: "grow_from_seeds",
    title: "Grow from seeds",
    step: "grow from seeds",
    hint: "Let labels grow over the scan until they meet, along paths on which its values change least",
    key: None,
    previews_at_once: false,
    own_parameters: &[
        Parameter::required("labels", Kind::Labels, "the labels that grow, at least two"),
        WITHIN,
        Parameter::optional(
            "smoothness",
            COST,
            "what a millimetre of a path costs, in values of the scan: more keeps labels near their seeds",
        ),
    ],
    check,
    apply,
};

const COST: Kind = Kind::Number {
    unit: "",
    min: 0.0,
    max: 1e6,
};

fn check(values: &Values) -> Result<(), OperationError> {
    if values.labels("labels").len() < 2 {
        return Err(OperationError::new(
            "grow_from_seeds needs two labels or more, such as labels=1,2",
        ));
    }
    Ok(())
}

fn apply(edit: &mut Edit<'_>, values: &Values) -> Result<(), OperationError> {
    let growing = edit.labels_named(values, "labels")?;
    let within = edit.labels_named(values, "within")?.first().copied();
    edit.one_layer(&growing)?;
    let seeds = growing.first().copied().unwrap_or_default();
    let voxels = &edit.labels_with(seeds).voxels;
    let mut grown: Vec<u16> = voxels.clone();
    for voxel in &mut grown {
        *voxel *= u16::from(growing.contains(voxel));
    }
    let within = within.map(|label| (label, &edit.labels_with(label).voxels));
    let is_within = |offset: usize| within.is_none_or(|(label, voxels)| voxels[offset] == label);
    let is_open = |(offset, &old): (usize, &u16)| edit.may_take(old) && is_within(offset);
    let is_open: Vec<bool> = voxels.iter().enumerate().map(is_open).collect();
    let cut = GrowCut {
        scan: edit.scan(),
        is_open: &is_open,
        cost_per_mm: values.number("smoothness").unwrap_or(0.0),
    };
    cut.grow(&mut grown);
    let bounds = edit.grid().bounds();
    edit.replace_several(&growing, bounds, &grown)
}
