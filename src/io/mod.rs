//! Files in and out: scans and label maps in the formats of the table in `format.rs`.
//!
//! What a file is, is decided by its content, never by its name. Every function here either gives
//! what the file says, with the doubts as [`ScanInfo::warnings`], or refuses with an [`IoError`].

mod anonymise;
mod approval;
mod archive;
pub mod atomic;
mod beside;
mod block;
mod described;
mod details;
mod dicom;
mod error;
mod export;
mod figures;
mod format;
mod keep;
mod label_table;
mod layering;
mod markups;
mod meta_image;
mod nifti;
mod nrrd;
mod older_copies;
mod pictures;
mod provenance;
mod scan;
mod sniff;
mod stored_type;
mod surface;
mod transform;
mod warning;
mod whole;

pub use anonymise::{Change, Doubt, Ledger, anonymise};
pub use approval::Approval;
pub use beside::{LabelSource, is_label_map_name, label_maps_beside};
pub use details::{Code, SegmentDetails};
pub use error::IoError;
pub use export::{DicomObject, Export, LabelTarget, Labels};
pub use keep::{check_distinct, check_keeps};
pub use label_table::{LabelEntry, read_label_table, write_label_table};
pub use markups::{measurements_path, open_measurements, save_measurements};
pub use older_copies::keeping_older;
pub use provenance::{Provenance, SourceSlice};
pub use scan::{FramesApart, OpenOptions, OtherObject, Scan, ScanInfo, SeriesInfo, TimeAxis};
pub use surface::{Space, is_surface_name};
pub use transform::{check_transform, is_transform_name, open_transform, save_transform};
pub use warning::{Choice, Quoted, Warning};

use std::path::Path;

use crate::util::JobContext;
use crate::volume::{ImageVolume, LabelLayers, LabelMap, LabelTable, Mask};

use sniff::sniff;

/// Opens one scan: a NIfTI (or either file of an .hdr/.img pair), NRRD or MetaImage file, a DICOM file or a folder, or a
/// folder of pictures, which are the frames of a 2D+time scan.
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
    let format = sniff(path)?;
    if let Some(wanted) = options.series.clone().filter(|_| !format.has_series) {
        return Err(IoError::NoSuchSeries {
            path: path.to_owned(),
            wanted,
            series: Vec::new(),
        });
    }
    let (mut info, image) = (format.inspect)(path, options, ctx)?;
    if !format.has_series && path.is_file() {
        info.labels = label_maps_beside(path)
            .into_iter()
            .map(LabelSource::from)
            .collect();
    }
    let is_assumed = image.as_ref().is_some_and(|i| i.grid().sides_assumed);
    if is_assumed && !format.says_sides {
        info.warnings.push(Warning::SidesAssumed);
    }
    Ok((info, image))
}

/// Opens label maps with the names they carry: any NIfTI, NRRD or MetaImage map of whole numbers from 0 to 65535, and 3D
/// Slicer's segmentations with the layers in which segments overlap. The last value holds warnings to show.
///
/// # Errors
/// Whatever cannot be read, and values that are no labels.
pub fn open_label_layers(
    path: &Path,
    ctx: &JobContext,
) -> Result<(LabelLayers, LabelTable, Vec<Warning>), IoError> {
    let read = open_labels_of(path, None, ctx)?;
    Ok((read.layers, read.table, read.warnings))
}

/// As [`open_label_layers`], with all that is known of the labels. DICOM's label objects come on the grid of the scan
/// `target`; other formats on their own.
///
/// # Errors
/// As [`open_label_layers`], and a DICOM object of another frame of reference than the scan's.
pub fn open_labels_of(
    path: &Path,
    target: Option<&LabelTarget>,
    ctx: &JobContext,
) -> Result<Labels, IoError> {
    let format = sniff(path)?;
    let open = format.open_labels.ok_or_else(|| {
        let name = format.name;
        let reason =
            format!("label maps are not read from {name}; convert it to NIfTI or NRRD first");
        IoError::not_labels(path, reason)
    })?;
    open(path, target, ctx)
}

/// As [`open_labels_of`], what was found beside a scan.
///
/// # Errors
/// As [`open_labels_of`], and an archive that has the object no more.
pub fn open_label_source(
    source: &LabelSource,
    target: Option<&LabelTarget>,
    ctx: &JobContext,
) -> Result<Labels, IoError> {
    match &source.object {
        Some(uid) if archive::is_one(&source.path) => {
            archive::open_object(&source.path, uid, target, ctx)
        }
        _ => open_labels_of(&source.path, target, ctx),
    }
}

/// As [`open_label_layers`], all layers as one map, for those who can do with no more; where labels overlap, that is a
/// warning.
///
/// # Errors
/// As [`open_label_layers`].
pub fn open_labels(
    path: &Path,
    ctx: &JobContext,
) -> Result<(LabelMap, LabelTable, Vec<Warning>), IoError> {
    Ok(open_labels_of(path, None, ctx)?.flattened())
}

/// Saves a label map in the format that the name's end says, with its names where that has room for them: 8 bit if the
/// values fit, else 16 bit. Written beside the target, re-read, compared voxel by voxel, then renamed.
///
/// # Errors
/// The target cannot be written, or does not read back as it should; the old file then stays.
pub fn save_labels(path: &Path, labels: &LabelMap, table: &LabelTable) -> Result<(), IoError> {
    check_output(path)?;
    format::writer_for(path)?.labels(path, labels, table)
}

/// Saves label layers as [`save_labels`] does. A format that has no room for labels that overlap gets one map, and it is
/// said what was left out.
///
/// # Errors
/// As [`save_labels`].
pub fn save_label_layers(
    path: &Path,
    layers: &LabelLayers,
    table: &LabelTable,
) -> Result<Option<Warning>, IoError> {
    check_output(path)?;
    let writer = format::writer_for(path)?;
    if let Some(written) = writer.layers(path, layers, table) {
        return written.map(|()| None);
    }
    let (labels, voxels) = layers.flattened();
    writer.labels(path, &labels, table)?;
    Ok((voxels > 0).then_some(Warning::LayersFlattened { voxels }))
}

/// Saves a mask with values 0 and 1, as [`save_labels`] does.
///
/// # Errors
/// As [`save_labels`].
pub fn save_mask(path: &Path, mask: &Mask) -> Result<(), IoError> {
    check_output(path)?;
    format::writer_for(path)?.mask(path, mask)
}

/// Saves a scan as [`save_labels`] does: in its stored type, or where the format has no rescale in one that holds its
/// values.
///
/// # Errors
/// As [`save_labels`].
pub fn save_image(path: &Path, image: &ImageVolume) -> Result<(), IoError> {
    check_output(path)?;
    format::writer_for(path)?.image(path, image)
}

/// Saves label layers as [`save_label_layers`] does, as a DICOM object too, which refers to the series `export.source`,
/// and as surfaces with the axes of `export.space`.
/// Gives what the format could not keep.
///
/// # Errors
/// As [`save_labels`], and a DICOM object without a series.
pub fn export_labels(
    path: &Path,
    layers: &LabelLayers,
    table: &LabelTable,
    export: &Export,
) -> Result<Vec<Warning>, IoError> {
    check_export(path)?;
    if is_surface_name(path) {
        let mut told = surface::save(path, layers, table, export.space)?;
        told.extend(Warning::looks_left_out(table));
        return Ok(told);
    }
    let writer = format::writer_for(path)?;
    if writer.needs_series() {
        let mut told = writer.export(path, layers, table, export)?;
        told.extend(Warning::looks_left_out(table));
        return Ok(told);
    }
    let mut told = Vec::from_iter(save_label_layers(path, layers, table)?);
    if !writer.holds_names() && !table.labels().is_empty() {
        told.push(Warning::NamesLeftOut);
        told.extend(Warning::looks_left_out(table));
    }
    Ok(told)
}

/// Whether a result could be written here, asked before the work starts: the name ends as those of a format that is
/// written, the folder exists and can be written to, and the target is no folder or protected file.
///
/// # Errors
/// [`IoError::Output`] with what is in the way.
pub fn check_output(path: &Path) -> Result<(), IoError> {
    if is_dicom_name(path) {
        let reason = "a DICOM object is made of finished labels: save them as .nii.gz, then `prosector labels` makes it";
        return Err(IoError::output(path, reason));
    }
    format::writer_for(path)?;
    atomic::check_target(path)
}

/// The same of labels whose DICOM series is known.
///
/// # Errors
/// As [`check_output`].
pub fn check_export(path: &Path) -> Result<(), IoError> {
    if !is_surface_name(path) {
        format::writer_for(path)?;
    }
    atomic::check_target(path)
}

/// Whether labels alone can be saved under this name: no DICOM object, archive or other file that they came from.
pub fn is_saved_alone(path: &Path) -> bool {
    format::writer_for(path).is_ok_and(|writer| !writer.needs_series())
}

/// Whether a file of this name is a DICOM object.
pub fn is_dicom_name(path: &Path) -> bool {
    format::writer_for(path).is_ok_and(|writer| writer.needs_series())
}
