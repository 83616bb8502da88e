//! What commands write: where they may, and what is said of it.

use std::path::Path;

use crate::cli::LayersArg;
use crate::io::{check_distinct, check_keeps, check_output};
use crate::volume::{Grid, LabelLayers, LabelTable};

use super::Refusal;

/// Whether label maps and scans can be written to `results` without losing any of the `inputs` that the command reads,
/// asked before anything is read.
pub(super) fn check_results(results: &[&Path], inputs: &[&Path]) -> Result<(), Refusal> {
    for result in results {
        check_output(result)?;
        check_keeps(result, inputs)?;
    }
    Ok(check_distinct(results)?)
}

/// The layers that are to be written.
pub(super) fn asked_layers(
    layers: &LabelLayers,
    table: &LabelTable,
    asked: LayersArg,
) -> Result<(LabelLayers, LabelTable), Refusal> {
    let LayersArg::One(number) = asked else {
        return Ok((layers.clone(), table.clone()));
    };
    let one = table.layers().get(number).and_then(|layer| {
        let alone = table.of_layer(layer.id)?;
        let mut kept = layers.clone();
        kept.follow(&alone);
        Some((kept, alone))
    });
    one.ok_or_else(|| {
        let count = table.layers().len();
        Refusal::Usage(format!(
            "there is no layer {number}; there are {count}, counted from 0, the lowest"
        ))
    })
}

/// What other programs will make of a file on this grid, where that is nothing.
pub(super) fn export_doubts(grid: &Grid) -> Option<String> {
    grid.is_sheared().then(|| {
        "the voxel axes are not at right angles (sheared), and so they are in what was written: ITK (3D Slicer, \
         SimpleITK) will refuse it; `convert --right-angles` gives a scan that it takes, to work on instead"
            .to_owned()
    })
}
