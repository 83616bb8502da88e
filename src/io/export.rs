//! What labels are read onto and written of, where a format needs more than voxels and names.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::util::short_debug;
use crate::volume::{Grid, LabelLayers, LabelMap, LabelTable};

use super::{Approval, Provenance, SegmentDetails, Space, Warning};

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
    pub layers: LabelLayers,
    /// Their names and colours.
    pub table: LabelTable,
    /// What DICOM says of them beside, by value.
    pub details: BTreeMap<u16, SegmentDetails>,
    /// Who approved them, where the file says so; then they are locked.
    pub approval: Option<Approval>,
    /// What is to be told.
    pub warnings: Vec<Warning>,
}

impl Labels {
    /// Labels of which nothing else is known.
    pub(super) fn plain(layers: LabelLayers, table: LabelTable, warnings: Vec<Warning>) -> Self {
        Self {
            layers,
            table,
            details: BTreeMap::new(),
            approval: None,
            warnings,
        }
    }

    /// All layers as one map, for those who can do with no more, with their table and what is to be told; where labels
    /// overlap, that too.
    pub fn flattened(self) -> (LabelMap, LabelTable, Vec<Warning>) {
        let (labels, voxels) = self.layers.flattened();
        drop(self.layers);
        let mut warnings = self.warnings;
        if voxels > 0 {
            warnings.push(Warning::SegmentsOverlap { voxels });
        }
        (
            Arc::unwrap_or_clone(labels),
            self.table.flattened(),
            warnings,
        )
    }
}

short_debug! {
    Labels: |read| format_args!("{:?}", read.layers);
}

/// What a label map is written with.
#[derive(Clone, Copy)]
pub struct Export<'a> {
    /// The series that it lies on.
    pub source: Option<&'a Provenance>,
    /// What is known of its labels, by value.
    pub details: &'a BTreeMap<u16, SegmentDetails>,
    /// Who drew them, where that is known. Of the formats DICOM's objects say it.
    pub author: Option<&'a str>,
    /// Who approved them, if somebody did. Of the formats structure sets say it.
    pub approval: Option<&'a Approval>,
    /// Which kind of DICOM object, where it is one.
    pub object: DicomObject,
    /// Which way the axes of surfaces point.
    pub space: Space,
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
