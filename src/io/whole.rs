//! From the numbers of a file to labels: whole ones from 0 to 65535, each with a name.

use std::path::Path;

use rayon::prelude::*;

use crate::volume::{Grid, LabelMap, LabelTable, Rescale, VoxelData};

use super::IoError;

/// How far a rescaled value may be from a whole number.
const WHOLE: f64 = 1e-3;

/// The label map that voxels of any type are.
///
/// # Errors
/// The first voxel that is no whole number from 0 to 65535.
pub(super) fn label_map(
    path: &Path,
    grid: Grid,
    stored: VoxelData,
    rescale: Rescale,
) -> Result<LabelMap, IoError> {
    let voxels = whole_numbers(stored, rescale).map_err(|(offset, value)| {
        let [i, j, k] = grid.voxel_at(offset).0;
        IoError::not_labels(
            path,
            format!(
                "the value {value} at voxel {i},{j},{k} is no whole number from 0 to 65535; give a \
                 label map, not an image"
            ),
        )
    })?;
    Ok(LabelMap { grid, voxels })
}

/// The labels in 8 bit; `None` where one does not fit.
pub(super) fn in_bytes(labels: &LabelMap) -> Option<Vec<u8>> {
    let narrow = labels.voxels.iter().map(|&v| u8::try_from(v).ok());
    narrow.collect()
}

/// The table with a name for every value of the map.
pub(super) fn named(mut table: LabelTable, labels: &LabelMap) -> LabelTable {
    for (value, _) in labels.counts() {
        if table.get(value).is_none_or(|l| l.name.is_empty()) {
            table.add(value, &format!("label_{value}"));
        }
    }
    table
}

/// The voxels as labels, or the offset and value of the first one that is none.
fn whole_numbers(stored: VoxelData, rescale: Rescale) -> Result<Vec<u16>, (usize, f64)> {
    match stored {
        VoxelData::U16(v) if rescale == Rescale::IDENTITY => Ok(v),
        VoxelData::U8(v) if rescale == Rescale::IDENTITY => {
            Ok(v.into_iter().map(u16::from).collect())
        }
        other => {
            let label = |offset: usize| {
                let value = rescale.apply(other.stored(offset));
                let whole = value.round();
                let sound = (value - whole).abs() <= WHOLE && (0.0..=65535.0).contains(&whole);
                if sound {
                    Ok(whole as u16)
                } else {
                    Err((offset, value))
                }
            };
            let labels: Option<Vec<u16>> = (0..other.len())
                .into_par_iter()
                .map(|offset| label(offset).ok())
                .collect();
            // The first voxel that is no label is looked for only when there is one.
            labels.map_or_else(|| (0..other.len()).map(label).collect(), Ok)
        }
    }
}
