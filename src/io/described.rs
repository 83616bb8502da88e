//! What is said of a scan whose format says nothing of its modality: voxels that are no numbers, and what was guessed.

use std::path::Path;

use crate::volume::ImageVolume;

use super::nifti::guess_modality;
use super::{IoError, OpenOptions, ScanInfo, TimeAxis, Warning};

/// What the reader found out.
pub(super) struct Found {
    /// Number of frames.
    pub frames: usize,
    /// Voxel type as stored.
    pub dtype: &'static str,
    /// What is known of time, where that is the third axis.
    pub time: Option<TimeAxis>,
}

/// Checks all voxels, settles the modality, and adds to `info` what is found.
///
/// # Errors
/// No voxel is a finite number.
pub(super) fn described(
    path: &Path,
    image: ImageVolume,
    found: &Found,
    options: &OpenOptions,
    mut info: ScanInfo,
) -> Result<(ScanInfo, Option<ImageVolume>), IoError> {
    let grid = *image.grid();
    let (value_range, non_finite) = image.finite_range();
    if non_finite == grid.len() {
        return Err(IoError::damaged(path, "no voxel is a finite number"));
    }
    if non_finite > 0 {
        info.warnings
            .push(Warning::NotFinite { voxels: non_finite });
    }
    let modality = options.modality.unwrap_or_else(|| guess_modality(&image));
    if options.modality.is_none() {
        info.warnings
            .push(Warning::ModalityGuessed { guess: modality });
    }
    let info = ScanInfo {
        dims: Some(grid.dims),
        frames: Some(found.frames),
        frame: options.frame.unwrap_or(0),
        spacing_mm: Some(grid.spacing_mm()),
        affine: Some(grid.affine.to_rows()),
        dtype: Some(found.dtype.to_owned()),
        modality: Some(modality),
        modality_guessed: options.modality.is_none(),
        time: found.time,
        value_range,
        ..info
    };
    Ok((info, Some(image.with_modality(modality))))
}
