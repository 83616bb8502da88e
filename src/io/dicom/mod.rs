//! DICOM: a file or a folder to one volume on its true grid; label maps in and out (`labels.rs`).
//!
//! - Headers are read first, without pixels, and checked before any length in them is trusted. Then
//!   the geometry is decided, then every slice is decoded straight into its place.
//! - Slices are sorted ascending along the normal (row direction × column direction); the affine is
//!   that of the measured slice positions, in RAS, shear of a tilted gantry included. Missing slices
//!   and holes are refused with their places. Uneven slices that leave no hole are interpolated to an
//!   even grid, and a warning says so; deviations up to 0.2 mm are tolerated with a warning.
//! - Values are never inverted, clipped or windowed. Slices with different rescales become 32-bit
//!   floats of physical values; otherwise the stored type and one rescale are kept.
//! - A single file is opened alone, as one slice unless it has several frames. Its neighbours on disk
//!   are not looked for.
//! - Images at the same positions are frames of a 4D series when attributes (b-value, echo, time, ...) tell them apart
//!   at every position, or else their order does; copies of images are left out, and so is what a stopped scan did not
//!   finish. Otherwise the series is refused.
//! - No more is held in memory than a file has and its volume needs: lengths and counts that files declare are checked
//!   first.
//! - The frames of an object that gives no position for each, but says how they follow each other in time or is in
//!   colour, are the third axis of a 2D+time scan. Several such objects of a series are listed as several.
//! - One series that holds several orientations or sizes is listed as several, `UID#1`, `UID#2`, ...
//! - Attributes of the patient are read for derived objects only (`origin.rs`), and, of PET, the weight (`uptake.rs`).

mod anonymise;
mod attributes;
mod axis;
mod bit_reader;
mod cine;
mod codec;
mod codestream;
mod copies;
mod csa;
mod dataset;
mod decode;
mod derived;
mod element;
mod format;
mod frame;
mod geometry;
mod header;
mod jpeg_ls;
mod kind;
mod label_object;
mod labels;
mod mosaic;
mod origin;
mod refusal;
mod resample;
mod rtstruct;
mod samples;
mod scan;
mod seg;
mod series;
mod source;
mod stack;
mod stacked;
mod stream;
mod syntax;
mod tell_apart;
mod uptake;
mod volume;
mod walk;

use std::collections::BTreeMap;
use std::path::Path;

pub(super) use derived::new_uid;
pub(super) use labels::open as open_labels;
pub(super) use stream::head_of_gzip;
pub(super) use walk::is_dicom;

use crate::io::atomic::folder_of;
use crate::io::format::Format;
use crate::io::{IoError, OpenOptions, ScanInfo, Warning};
use crate::util::JobContext;
use crate::volume::ImageVolume;

use header::Instance;
use kind::Kind;
use series::{Group, Sorted, sort};

/// DICOM: a file with or without preamble, or a folder.
pub(super) static FORMAT: Format = Format {
    name: "DICOM",
    endings: &[".dcm"],
    recognises: |_, head| is_dicom(head),
    inspect,
    open_labels: Some(|path, target, ctx| labels::open(path, None, target, ctx)),
    save: Some(&labels::DicomLabels),
    has_series: true,
    anonymise: Some(anonymise::anonymise),
    ..Format::NONE
};

/// Reads a DICOM file or folder, all voxels included. With several image series and none chosen, the
/// info lists them and the volume is `None`.
///
/// # Errors
/// Nothing to open, or the reason why what is there cannot be opened; [`IoError::Cancelled`].
pub(super) fn inspect(
    path: &Path,
    options: &OpenOptions,
    ctx: &JobContext,
) -> Result<(ScanInfo, Option<ImageVolume>), IoError> {
    ctx.step(0.0, "reading headers")?;
    let is_file = path.is_file();
    let (instances, warnings) = match is_file {
        true => match single_file(path)? {
            Some(instance) => (vec![instance], Vec::new()),
            // What the index names is not followed: what lies on its medium is what counts.
            None => return inspect(folder_of(path), options, ctx),
        },
        false => {
            let found = scan::read_folder(path, ctx)?;
            if found.instances.is_empty() {
                return Err(nothing_found(path, found.files, &found.warnings));
            }
            (found.instances, found.warnings)
        }
    };
    let sorted = sort(&instances, is_file);
    let info = ScanInfo {
        warnings,
        series: sorted.groups.iter().map(Group::info).collect(),
        other: sorted.other.clone(),
        ..ScanInfo::default()
    };
    let Some(group) = choose(path, &sorted, &info, options)? else {
        return Ok((info, None));
    };
    let info = ScanInfo {
        labels: label_object::of_group(&instances, group, &sorted.groups),
        ..info
    };
    let (info, image) = volume::load(path, group, info, options, ctx)?;
    Ok((info, Some(image)))
}

/// The one object of a file, if it is an image; `None` if it is the index of a medium (DICOMDIR).
fn single_file(path: &Path) -> Result<Option<Instance>, IoError> {
    let header::Found::Object(instance) = header::read(path)? else {
        return Err(IoError::not_a_scan(path, "it is not DICOM"));
    };
    let instance = *instance;
    match Kind::of(&instance) {
        Kind::Image => Ok(Some(instance)),
        _ if instance.cut_short && instance.pixels.is_none() => Err(IoError::damaged(
            path,
            "the DICOM header breaks off or makes no sense, and no pixels follow; copy the file again from its source",
        )),
        Kind::Other(kind) => Err(IoError::unsupported(
            path,
            format!("it holds no image but this: {kind}; give the image series"),
        )),
        Kind::Index => Ok(None),
    }
}

fn nothing_found(path: &Path, files: usize, warnings: &[Warning]) -> IoError {
    match (files, warnings.first()) {
        (0, _) => IoError::not_a_scan(path, "the folder is empty; give a folder of DICOM files"),
        (_, Some(warning)) => IoError::not_a_scan(path, warning.to_string()),
        _ => IoError::not_a_scan(
            path,
            format!(
                "none of the {files} files in the folder is DICOM; give a folder of DICOM files, or a NIfTI file itself"
            ),
        ),
    }
}

/// The series to open; `None` when there are several and none is chosen.
fn choose<'a, 'b>(
    path: &Path,
    sorted: &'b Sorted<'a>,
    info: &ScanInfo,
    options: &OpenOptions,
) -> Result<Option<&'b Group<'a>>, IoError> {
    if sorted.groups.is_empty() {
        return Err(no_series(path, sorted));
    }
    let Some(wanted) = &options.series else {
        return Ok(match sorted.groups.as_slice() {
            [only] => Some(only),
            _ => None,
        });
    };
    if let Some(group) = sorted.groups.iter().find(|g| g.uid == *wanted) {
        return Ok(Some(group));
    }
    let prefix = format!("{wanted}#");
    let parts = info.series.iter().filter(|s| s.uid.starts_with(&prefix));
    let parts: Vec<_> = parts.cloned().collect();
    let path = path.to_owned();
    Err(match parts.is_empty() {
        true => IoError::NoSuchSeries {
            path,
            wanted: wanted.clone(),
            series: info.series.clone(),
        },
        false => IoError::SeveralSeries {
            path,
            series: parts,
        },
    })
}

/// Objects were found, but no image series among them.
fn no_series(path: &Path, sorted: &Sorted) -> IoError {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for other in &sorted.other {
        *counts.entry(&other.kind).or_default() += other.count;
    }
    let kinds = counts
        .iter()
        .map(|(kind, count)| format!("{count} x {kind}"));
    let kinds = kinds.collect::<Vec<_>>().join(", ");
    match &sorted.reason {
        // Some reasons say themselves what to do.
        Some(reason) if reason.contains("; ") => IoError::unsupported(
            path,
            format!("no volume can be made of it ({kinds}): {reason}"),
        ),
        Some(reason) => IoError::unsupported(
            path,
            format!(
                "no volume can be made of it ({kinds}): {reason}; give an image series with positions"
            ),
        ),
        None if kinds.is_empty() => IoError::unsupported(
            path,
            "it holds a DICOMDIR and none of the images that it lists; give the folder of the images",
        ),
        None => IoError::unsupported(
            path,
            format!("it holds no image series, only this: {kinds}; give the folder of the images"),
        ),
    }
}
