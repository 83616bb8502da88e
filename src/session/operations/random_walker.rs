//! Gives a label what random walkers of a box come to first.

use super::parameter::LABEL;
use super::{Kind, Need, Operation, OperationError, Parameter, Values, unchecked};
use crate::geometry::VoxelBox;
use crate::session::document::Edit;
use crate::util::JobContext;
use crate::volume::morphology::{Crop, rows};
use crate::volume::random_walker::{RandomWalker, Seed};

/// `random_walker`
pub static OPERATION: Operation = Operation {
    id: "random_walker",
    title: "Random walker in a box",
    step: "random walker",
    hint: "Let a label grow in a box from what is drawn of it to where the scan's values change; other labels and the box's faces inside the scan are background",
    key: None,
    previews_at_once: false,
    own_parameters: &[
        LABEL,
        Parameter::required("box", Kind::Box, "around the target, with some background"),
        Parameter::new(
            "beta",
            BETA,
            Need::Default("130"),
            "how much differences of the values count, these being scaled to 0..1 in the box",
        ),
    ],
    check: unchecked,
    apply,
};

const BETA: Kind = Kind::Number {
    unit: "",
    min: 0.0,
    max: 1e6,
};

/// Voxels of a box at most: solving takes some 60 bytes for each.
const MOST_VOXELS: usize = 1 << 23;

fn apply(edit: &mut Edit<'_>, values: &Values) -> Result<(), OperationError> {
    let label = edit.label(values, "label")?;
    let grid = *edit.grid();
    let bounds = values.need_voxel_box("box")?.clipped(grid.dims);
    let bounds = bounds.ok_or_else(|| refusal("the box lies outside the scan"))?;
    let count: usize = bounds.size().iter().product();
    if count > MOST_VOXELS {
        return Err(refusal(&format!(
            "the box holds {count} voxels, more than {MOST_VOXELS}: draw it closer around the target"
        )));
    }
    let seeds = seeds(edit, label, bounds);
    if !seeds.contains(&Seed::Target) {
        return Err(refusal(
            "nothing of the label lies in the box: draw a little of it there first",
        ));
    }
    if !seeds.contains(&Seed::Background) {
        return Err(refusal(
            "the box holds no background: make it smaller than the scan, or draw another label beside the target",
        ));
    }
    let beta = values.need_number("beta")?;
    let walker = RandomWalker::new(
        &scaled_values(edit, bounds),
        bounds.size(),
        grid.spacing_mm(),
        beta,
    );
    let found = walker.probabilities(&seeds, &JobContext::silent());
    let found = found.map_err(|e| refusal(&e.to_string()))?;
    let voxels = found.iter().map(|&p| u8::from(p >= 0.5)).collect();
    edit.add(label, &Crop { bounds, voxels });
    Ok(())
}

fn refusal(reason: &str) -> OperationError {
    OperationError::new(format!("random_walker: {reason}"))
}

/// The label is the target; other labels of its layer and the faces of the box are background, but not where the scan
/// ends.
fn seeds(edit: &Edit<'_>, label: u16, bounds: VoxelBox) -> Vec<Seed> {
    let (labels, grid) = (edit.labels_with(label), edit.grid());
    let is_face = |voxel: [i64; 3]| {
        (0..3).any(|d| {
            let last = grid.dims[d] as i64 - 1;
            voxel[d] == bounds.min[d] && voxel[d] > 0
                || voxel[d] == bounds.max[d] && voxel[d] < last
        })
    };
    let seed = |offset: usize| match labels.voxels[offset] {
        own if own == label => Seed::Target,
        0 if !is_face(grid.voxel_at(offset).0) => Seed::None,
        _ => Seed::Background,
    };
    rows(grid.dims, bounds).flatten().map(seed).collect()
}

/// The scan's values in a box, from 0 to 1; what is no number is as the lowest.
fn scaled_values(edit: &Edit<'_>, bounds: VoxelBox) -> Vec<f32> {
    let scan = edit.scan();
    let offsets = rows(scan.grid().dims, bounds).flatten();
    let values: Vec<f64> = offsets.map(|offset| scan.value(offset)).collect();
    let finite = values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
        (low.min(v), high.max(v))
    });
    let scaled = |v: f64| match v.is_finite() && high > low {
        true => ((v - low) / (high - low)) as f32,
        false => 0.0,
    };
    values.into_iter().map(scaled).collect()
}
