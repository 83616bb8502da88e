//! Mirrors a label along an axis of the patient.

use super::parameter::LABEL;
use super::{Kind, Operation, OperationError, Parameter, Values};
use crate::geometry::Orientation;
use crate::session::document::Edit;
use crate::volume::morphology::Crop;

/// `mirror`
pub static OPERATION: Operation = Operation {
    id: "mirror",
    title: "Mirror",
    step: "mirror",
    hint: "Make a label its mirror image, along the voxel axis nearest to an axis of the patient",
    key: None,
    previews_at_once: false,
    own_parameters: &[
        LABEL,
        Parameter::required("axis", Kind::Choice(&AXES), "the axis that is turned round"),
        Parameter::optional(
            "about",
            INDEX,
            "the index along it that stays, or halfway between two; the middle of the volume where it is left out",
        ),
    ],
    check,
    apply,
};

/// In the order of RAS.
const AXES: [&str; 3] = ["left_right", "anterior_posterior", "superior_inferior"];

const INDEX: Kind = Kind::Number {
    unit: "",
    min: -0.5,
    max: 1e6,
};

fn check(values: &Values) -> Result<(), OperationError> {
    let about = values.number("about").unwrap_or(0.0);
    if (2.0 * about).fract() != 0.0 {
        let text = format!(
            "mirror: about={about} is not allowed; give a voxel index, or halfway between two"
        );
        return Err(OperationError::new(text));
    }
    Ok(())
}

fn apply(edit: &mut Edit<'_>, values: &Values) -> Result<(), OperationError> {
    let label = edit.label(values, "label")?;
    let axis = values.need_word("axis")?;
    let ras = AXES.iter().position(|&a| a == axis).unwrap_or(0);
    let dims = edit.grid().dims;
    let axis = Orientation::of(&edit.grid().affine).voxel_axis_of(ras);
    let ends = dims[axis] as i64 - 1;
    let sum = values
        .number("about")
        .map_or(ends, |about| (2.0 * about) as i64);
    if let Some(crop) = edit.crop(label) {
        let mirrored = crop.mirrored(axis, sum);
        let inside = mirrored.bounds.clipped(dims);
        let inside = inside.map_or_else(|| Crop::empty(crop.bounds), |b| mirrored.moved_to(b));
        edit.replace(label, &inside);
    }
    Ok(())
}
