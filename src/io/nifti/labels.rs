//! Reading a NIfTI label map.

use std::path::Path;

use crate::io::whole::{label_map, named};
use crate::io::{IoError, LabelTarget, Labels, Quoted, Warning};
use crate::util::JobContext;

use super::caret;
use super::file::{NiftiFile, Part};
use super::placement;
use super::volume::{read_part, rescale};

/// Reads a map of whole numbers from 0 to 65535 in any stored type, with the names it carries.
pub(in crate::io) fn open_labels(
    path: &Path,
    _: Option<&LabelTarget>,
    ctx: &JobContext,
) -> Result<Labels, IoError> {
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
    let labels = label_map(path, grid, stored, rescale)?;
    let table = caret::find(&file.extensions).unwrap_or_else(|reason| {
        warnings.push(Warning::LabelNames {
            reason: Quoted(reason),
        });
        None
    });
    let table = named(table.unwrap_or_default(), &labels);
    Ok(Labels::plain(labels.into(), table, warnings))
}
