//! What opening a scan gives.

use serde::Serialize;

use crate::volume::{ImageVolume, Modality};

/// What the caller chooses where a file leaves a choice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// The UID of the DICOM series to read; needed only where there are several.
    pub series: Option<String>,
    /// The frame of a 4D scan, from 0; without it frame 0, and a warning.
    pub frame: Option<usize>,
    /// The kind of scan, where the file does not say or says it wrong.
    pub modality: Option<Modality>,
}

/// What a scan is: what `info` prints and the window shows. Voxel fields are `None` when several
/// image series wait for a choice.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ScanInfo {
    /// Voxels along i, j, k.
    pub dims: Option<[usize; 3]>,
    /// Number of frames: 1 unless the scan is 4D.
    pub frames: Option<usize>,
    /// The frame that was read, from 0.
    pub frame: usize,
    /// Length of one voxel step on each axis, in mm.
    pub spacing_mm: Option<[f64; 3]>,
    /// Rows of the 4×4 matrix to RAS millimetres from voxel coordinates.
    pub affine: Option<[[f64; 4]; 4]>,
    /// Voxel type as stored in the file: `int16`, `float32`, `rgb24`, ...
    pub dtype: Option<String>,
    /// The kind of scan.
    pub modality: Option<Modality>,
    /// Whether the kind of scan was guessed from the values.
    pub modality_guessed: bool,
    /// Smallest and largest finite value, rescale applied.
    pub value_range: Option<(f64, f64)>,
    /// Doubts to show: one line each.
    pub warnings: Vec<String>,
    /// Every DICOM image series found.
    pub series: Vec<SeriesInfo>,
    /// What was found beside image series: RTSTRUCT, SEG, reports, localisers.
    pub other: Vec<OtherObject>,
}

/// One DICOM image series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeriesInfo {
    /// SeriesInstanceUID, with a suffix where one series holds several volumes.
    pub uid: String,
    /// DICOM Modality: `CT`, `MR`, `PT`, ...
    pub modality: String,
    /// SeriesDescription.
    pub description: String,
    /// Number of images (slices or frames).
    pub images: usize,
    /// Columns, rows, slices.
    pub dims: [usize; 3],
}

/// DICOM objects that are no image series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OtherObject {
    /// SeriesInstanceUID.
    pub uid: String,
    /// RTSTRUCT, SEG, localizer, ...
    pub kind: String,
    /// Number of objects.
    pub count: usize,
}

/// One opened scan.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// The voxels on their grid.
    pub image: ImageVolume,
    /// What it is.
    pub info: ScanInfo,
}
