//! What opening a scan gives.

use std::sync::Arc;

use serde::Serialize;

use crate::util::short_debug;
use crate::volume::statistics::SuvScale;
use crate::volume::{ImageVolume, Modality};

use super::{LabelSource, Provenance, Warning};

/// What the caller chooses where a file leaves a choice.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// The UID of the DICOM series to read; needed only where there are several.
    pub series: Option<String>,
    /// The frame of a 4D scan, from 0; without it frame 0, and a warning.
    pub frame: Option<usize>,
    /// Instead of one frame, all frames of this slice of a 4D scan, from 0: 2D+time.
    pub frames_of_slice: Option<usize>,
    /// The kind of scan, where the file does not say or says it wrong.
    pub modality: Option<Modality>,
}

/// What a scan is: what `info` prints and the window shows. Voxel fields are `None` when several
/// image series wait for a choice.
#[derive(Clone, Default, PartialEq, Serialize)]
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
    /// What is known of time, where that is the third axis; frames are its steps then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeAxis>,
    /// Smallest and largest finite value, rescale applied.
    pub value_range: Option<(f64, f64)>,
    /// What SUV the values stand for, or why that cannot be known; `None` where the file is no DICOM of PET.
    #[serde(skip)]
    pub suv: Option<Result<SuvScale, String>>,
    /// What tells the frames apart, where one of several was read and that is known.
    #[serde(skip)]
    pub frames_apart: Option<FramesApart>,
    /// What is to be told, in the words of whoever shows it.
    #[serde(skip)]
    pub warnings: Vec<Warning>,
    /// Which DICOM images the scan was made of.
    #[serde(skip)]
    pub provenance: Option<Arc<Provenance>>,
    /// Every DICOM image series found.
    pub series: Vec<SeriesInfo>,
    /// What was found beside image series: RTSTRUCT, SEG, reports, localisers.
    pub other: Vec<OtherObject>,
    /// Labels that can be opened on the scan: of DICOM those of its series, else what has the scan's name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<LabelSource>,
}

/// What tells images at the same place apart, which makes them frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FramesApart {
    /// All of it, in words: `b-value (0, 500, 1000)`.
    pub by: String,
    /// The same of each frame, `b-value 500`; empty where it has no number.
    pub frames: Vec<String>,
}

impl FramesApart {
    /// Something that has no number for each frame.
    pub(super) fn only(by: impl Into<String>) -> Self {
        Self {
            by: by.into(),
            frames: Vec::new(),
        }
    }

    /// What a frame is, in words; `None` where it has no number.
    pub fn of(&self, frame: usize) -> Option<&str> {
        let text = self.frames.get(frame)?;
        (!text.is_empty()).then_some(text)
    }
}

/// What a file says of a scan whose third axis is time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TimeAxis {
    /// Time from frame to frame in ms, where it is known.
    pub frame_ms: Option<f64>,
    /// Whether the length of a pixel is known; else 1 mm stands for it.
    pub has_scale: bool,
    /// Whether the frames' place in the patient is known.
    pub has_position: bool,
}

short_debug! {
    OpenOptions: |options| format_args!("frame {:?}", options.frame);
    ScanInfo: |info| format_args!("{:?} {:?}, {} series", info.dtype, info.dims, info.series.len());
    SeriesInfo: |series| format_args!("{} series {:?}", series.modality, series.dims);
    OtherObject: |object| format_args!("{} {}", object.count, object.kind);
}

/// One DICOM image series.
#[derive(Clone, PartialEq, Eq, Serialize)]
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
#[derive(Clone, PartialEq, Eq, Serialize)]
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
