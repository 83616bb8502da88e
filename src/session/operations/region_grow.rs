//! Gives a label the connected voxels of like value around one.

use super::parameter::{NEW_LABEL, SCAN_VALUE, connectivity};
use super::{Kind, Operation, OperationError, Parameter, Values};
use crate::session::document::Edit;
use crate::volume::components::Pieces;

/// `region_grow`
pub static OPERATION: Operation = Operation {
    id: "region_grow",
    title: "Region growing",
    step: "region growing",
    hint: "Give a label the voxels around one that are connected to it and of like value",
    key: None,
    previews_at_once: false,
    own_parameters: &[
        NEW_LABEL,
        Parameter::required("at", Kind::Voxel, "where it starts"),
        Parameter::optional("low", SCAN_VALUE, "the lowest value, included"),
        Parameter::optional("high", SCAN_VALUE, "the highest value, included"),
        Parameter::optional(
            "tolerance",
            TOLERANCE,
            "or how far values may be from the one where it starts",
        ),
        connectivity("6"),
    ],
    check,
    apply,
};

const TOLERANCE: Kind = Kind::Number {
    unit: "",
    min: 0.0,
    max: f64::INFINITY,
};

fn check(values: &Values) -> Result<(), OperationError> {
    let limits = [values.number("low"), values.number("high")];
    match (limits, values.has("tolerance")) {
        ([None, None], true) => Ok(()),
        ([Some(low), Some(high)], false) if low <= high => Ok(()),
        ([Some(low), Some(high)], false) => Err(OperationError::new(format!(
            "region_grow: low={low} is above high={high}; give the lower value as low"
        ))),
        _ => Err(OperationError::new(
            "region_grow needs either low= and high=, or tolerance=",
        )),
    }
}

fn apply(edit: &mut Edit<'_>, values: &Values) -> Result<(), OperationError> {
    let scan = edit.scan();
    let at = scan.grid().offset_of(values.need_voxel("at")?);
    let at = at.ok_or_else(|| OperationError::new("region_grow: at= is outside the scan"))?;
    let around = |tolerance: f64| (scan.value(at) - tolerance, scan.value(at) + tolerance);
    let (low, high) = match values.number("tolerance") {
        Some(tolerance) => around(tolerance),
        None => (values.need_number("low")?, values.need_number("high")?),
    };
    let mut region = scan.mask_where(|value| (low..=high).contains(&value));
    let pieces = Pieces::of(&region.voxels, region.dims(), values.connectivity());
    let start = pieces.at(at);
    region.voxels.fill(0);
    for (run, _) in pieces.runs().filter(|&(_, piece)| piece == start) {
        region.voxels[run.clone()].fill(1);
    }
    let label = edit.label(values, "label")?;
    edit.add(label, &region);
    Ok(())
}
