//! Files in and out: NIfTI and DICOM scans, folders of pictures, label maps.
//!
//! What a file is, is decided by its content, never by its name. Every function here either gives
//! what the file says, with the doubts as [`ScanInfo::warnings`], or refuses with an [`IoError`].

pub mod atomic;
mod dicom;
mod error;
mod keep;
mod nifti;
mod pictures;
mod scan;
mod sniff;

pub use error::IoError;
pub use keep::{check_distinct, check_keeps};
pub use scan::{Assumed, OpenOptions, OtherObject, Scan, ScanInfo, SeriesInfo, TimeAxis};

use std::path::Path;

use crate::util::JobContext;
use crate::volume::{ImageVolume, LabelMap, LabelTable, Mask};

use sniff::{Content, sniff};

/// Opens one scan: a NIfTI file (or either file of an .hdr/.img pair), a DICOM file or a folder, or a folder of
/// pictures, which are the frames of a 2D+time scan.
///
/// # Errors
/// Whatever [`inspect`] refuses, and several image series when `options.series` chooses none.
pub fn open_scan(path: &Path, options: &OpenOptions, ctx: &JobContext) -> Result<Scan, IoError> {
    match inspect(path, options, ctx)? {
        (info, Some(image)) => Ok(Scan { image, info }),
        (info, None) => Err(IoError::SeveralSeries {
            path: path.to_owned(),
            series: info.series,
        }),
    }
}

/// Reads and checks a file or folder, all voxels included. The volume is `None`, and the voxel fields
/// of the info too, when there are several image series and `options.series` chooses none.
///
/// # Errors
/// Anything that is not a readable scan, with its reason; [`IoError::Cancelled`] on request.
pub fn inspect(
    path: &Path,
    options: &OpenOptions,
    ctx: &JobContext,
) -> Result<(ScanInfo, Option<ImageVolume>), IoError> {
    let content = sniff(path)?;
    if let Some(wanted) = options.series.clone().filter(|_| content != Content::Dicom) {
        return Err(IoError::NoSuchSeries {
            path: path.to_owned(),
            wanted,
            series: Vec::new(),
        });
    }
    let (mut info, image) = match content {
        Content::Nifti => nifti::inspect(path, options, ctx),
        Content::Dicom => dicom::inspect(path, options, ctx),
        Content::Pictures => pictures::inspect(path, options, ctx),
    }?;
    // NIfTI says it in its own words.
    let is_said = content == Content::Nifti;
    if image.as_ref().is_some_and(|i| i.grid().sides_assumed) && !is_said {
        info.warnings.push(scan::NO_SIDES.into());
    }
    Ok((info, image))
}

/// Opens a label map: any NIfTI map of whole numbers from 0 to 65535, with the names it carries.
/// The last value holds warnings to show.
///
/// # Errors
/// Whatever cannot be read, and values that are no labels.
pub fn open_labels(
    path: &Path,
    ctx: &JobContext,
) -> Result<(LabelMap, LabelTable, Vec<String>), IoError> {
    match sniff(path)? {
        Content::Nifti => nifti::open_labels(path, ctx),
        Content::Dicom | Content::Pictures => Err(IoError::not_labels(
            path,
            "label maps are read from NIfTI; convert DICOM segmentations and pictures first",
        )),
    }
}

/// Saves a label map with its names as .nii or .nii.gz: 8 bit if the values fit, else 16 bit.
/// Written beside the target, re-read, compared voxel by voxel, then renamed.
///
/// # Errors
/// The target cannot be written, or does not read back as it should; the old file then stays.
pub fn save_labels(path: &Path, labels: &LabelMap, table: &LabelTable) -> Result<(), IoError> {
    check_output(path)?;
    nifti::save_labels(path, labels, table)
}

/// Saves a mask as .nii or .nii.gz with values 0 and 1, as [`save_labels`] does.
///
/// # Errors
/// As [`save_labels`].
pub fn save_mask(path: &Path, mask: &Mask) -> Result<(), IoError> {
    check_output(path)?;
    nifti::save_mask(path, mask)
}

/// Saves a scan as .nii or .nii.gz in its stored type, rescale kept, as [`save_labels`] does.
///
/// # Errors
/// As [`save_labels`].
pub fn save_image(path: &Path, image: &ImageVolume) -> Result<(), IoError> {
    check_output(path)?;
    nifti::save_image(path, image)
}

/// Whether a result could be written here, asked before the work starts: the name ends in .nii or
/// .nii.gz, the folder exists and can be written to, and the target is no folder or protected file.
///
/// # Errors
/// [`IoError::Output`] with what is in the way.
pub fn check_output(path: &Path) -> Result<(), IoError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_ascii_lowercase();
    if !name.ends_with(".nii") && !name.ends_with(".nii.gz") {
        return Err(IoError::output(
            path,
            "results are NIfTI: give a name that ends in .nii or .nii.gz",
        ));
    }
    atomic::check_target(path)
}
