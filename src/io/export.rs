//! What labels are read onto and written of, where a format needs more than voxels and names.

use std::collections::BTreeMap;

use crate::util::short_debug;
use crate::volume::{Grid, LabelMap, LabelTable};

use super::{Provenance, SegmentDetails, Warning};

/// The scan that labels are of.
#[derive(Clone, Copy)]
pub struct LabelTarget<'a> {
    /// Its grid.
    pub grid: Grid,
    /// The DICOM images that it was made of, where it was.
    pub source: Option<&'a Provenance>,
}

/// Labels that were read.
pub struct Labels {
    /// The voxels.
    pub labels: LabelMap,
    /// Their names and colours.
    pub table: LabelTable,
    /// What DICOM says of them beside, by value.
    pub details: BTreeMap<u16, SegmentDetails>,
    /// What is to be told.
    pub warnings: Vec<Warning>,
}

impl Labels {
    /// Labels of which nothing else is known.
    pub(super) fn plain(labels: LabelMap, table: LabelTable, warnings: Vec<Warning>) -> Self {
        let details = BTreeMap::new();
        Self {
            labels,
            table,
            details,
            warnings,
        }
    }
}

short_debug! {
    Labels: |read| format_args!("{:?}", read.labels);
}

/// What a label map is written with.
#[derive(Clone, Copy)]
pub struct Export<'a> {
    /// The series that it lies on.
    pub source: Option<&'a Provenance>,
    /// What is known of its labels, by value.
    pub details: &'a BTreeMap<u16, SegmentDetails>,
    /// Which kind of DICOM object, where it is one.
    pub object: DicomObject,
}

/// Kinds of DICOM objects that hold labels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DicomObject {
    /// A segmentation of a bit a pixel, which all readers take.
    #[default]
    Seg,
    /// A segmentation of a number a pixel: smaller, newer, and values stay.
    LabelMap,
    /// A structure set: contours, for radiotherapy.
    RtStruct,
}
