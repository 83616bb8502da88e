//! Which DICOM images a scan was made of: what objects that are derived from it must repeat and refer to.

use std::sync::Arc;

use crate::util::short_debug;

/// Where a scan comes from. Positions and directions are DICOM's: LPS, in mm.
#[derive(Clone, PartialEq)]
pub struct Provenance {
    /// StudyInstanceUID.
    pub study_uid: String,
    /// SeriesInstanceUID, as stored.
    pub series_uid: String,
    /// FrameOfReferenceUID; empty where the images have none.
    pub frame_of_reference_uid: String,
    /// SeriesDescription.
    pub series_description: String,
    /// SpecificCharacterSet as stored: the characters of `attributes`.
    pub character_set: String,
    /// Text attributes of patient, study, trial and frame of reference, by tag, as stored and without padding.
    pub attributes: Vec<((u16, u16), Vec<u8>)>,
    /// Unit vectors along a row and along a column.
    pub directions: [[f64; 3]; 2],
    /// Distance between rows and between columns.
    pub pixel_spacing_mm: [f64; 2],
    /// The images along k.
    pub slices: Vec<SourceSlice>,
    /// Whether slice k of the scan is `slices[k]`, voxel for voxel; else it was interpolated from them.
    pub is_on_slices: bool,
}

/// One image plane of a series.
#[derive(Clone, PartialEq)]
pub struct SourceSlice {
    /// SOPClassUID.
    pub sop_class_uid: Arc<str>,
    /// SOPInstanceUID.
    pub sop_instance_uid: Arc<str>,
    /// The number of the frame, from 1, in an object of several.
    pub frame: Option<u32>,
    /// Centre of the first pixel.
    pub position_mm: [f64; 3],
}

short_debug! {
    Provenance: |source| format_args!("{} slices of a series", source.slices.len());
    SourceSlice: |slice| format_args!("a slice, frame {:?}", slice.frame);
}
