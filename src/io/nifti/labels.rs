//! Reading a NIfTI label map.

use std::path::Path;

use rayon::prelude::*;

use crate::io::IoError;
use crate::util::JobContext;
use crate::volume::{LabelMap, LabelTable, Rescale, VoxelData};

use super::caret;
use super::file::{NiftiFile, Part};
use super::placement;
use super::volume::{read_part, rescale};

/// How far a rescaled value may be from a whole number.
const WHOLE: f64 = 1e-3;

/// Reads a map of whole numbers from 0 to 65535 in any stored type, with the names it carries.
pub(in crate::io) fn open_labels(
    path: &Path,
    ctx: &JobContext,
) -> Result<(LabelMap, LabelTable, Vec<String>), IoError> {
    let mut file = NiftiFile::open(path)?;
    if file.frames > 1 {
        return Err(IoError::several_frames(path, file.frames));
    }
    if file.stored_type.is_color() {
        return Err(IoError::not_labels(path, "its voxels are colours"));
    }
    let (grid, mut warnings) = placement::read(&file.header, file.dims)
        .map_err(|reason| IoError::damaged(path, reason))?;
    let rescale = rescale(&file.header, file.stored_type).map_err(|r| IoError::damaged(path, r))?;
    let stored = read_part(&mut file, Part::Frame(0), ctx)?;
    warnings.append(&mut file.warnings);
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
    let table = caret::find(&file.extensions).unwrap_or_else(|reason| {
        warnings.push(format!("its label names cannot be read ({reason})"));
        None
    });
    let labels = LabelMap { grid, voxels };
    let mut table = table.unwrap_or_default();
    for (value, _) in labels.counts() {
        if table.get(value).is_none_or(|l| l.name.is_empty()) {
            table.add(value, &format!("label_{value}"));
        }
    }
    Ok((labels, table, warnings))
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
