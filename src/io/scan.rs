//! What opening a scan gives.

use serde::Serialize;

use crate::util::short_debug;
use crate::volume::statistics::SuvScale;
use crate::volume::{ImageVolume, Modality};

/// Said of scans in colour.
pub(super) const COLOURS: &str =
    "the voxels are colours; where a single value is needed, their luminance is used";

/// Said of pictures and films, which lie in no patient.
pub(super) const NO_SIDES: &str =
    "nothing says where the patient's left is: right and left are assumed, not known";

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
    /// Doubts to show: one line each.
    pub warnings: Vec<String>,
    /// What was assumed where the caller could have chosen, and which of the warnings tells it.
    #[serde(skip)]
    pub assumed: Vec<(Assumed, usize)>,
    /// Every DICOM image series found.
    pub series: Vec<SeriesInfo>,
    /// What was found beside image series: RTSTRUCT, SEG, reports, localisers.
    pub other: Vec<OtherObject>,
}

impl ScanInfo {
    /// Adds a warning that tells what was assumed.
    pub(super) fn assume(&mut self, what: Assumed, warning: String) {
        self.assumed.push((what, self.warnings.len()));
        self.warnings.push(warning);
    }

    /// The warnings, those of what was assumed with a word on how to choose: `how` knows the words of whoever shows
    /// them.
    pub fn warnings_with(&self, how: impl Fn(Assumed) -> Option<&'static str>) -> Vec<String> {
        let mut warnings = self.warnings.clone();
        for &(what, index) in &self.assumed {
            if let (Some(warning), Some(how)) = (warnings.get_mut(index), how(what)) {
                *warning = format!("{warning}, {how}");
            }
        }
        warnings
    }
}

/// A choice of the caller's that was made for him.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assumed {
    /// The first frame of several.
    Frame,
    /// The kind of scan, guessed.
    Modality,
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

impl TimeAxis {
    /// What the user has to know, in one line.
    pub(super) fn warning(&self, frames: usize) -> String {
        let apart = match self.frame_ms {
            Some(ms) => format!(
                "{frames} frames, {} ms apart",
                (ms * 1000.0).round() / 1000.0
            ),
            None => format!("{frames} frames; how far they are apart is not known"),
        };
        let scale = if self.has_scale {
            ""
        } else {
            ", the size of a pixel is not known either"
        };
        format!(
            "the third axis is time: {apart}; 1 mm stands for a frame there{scale}, so sizes are counted in voxels"
        )
    }
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
