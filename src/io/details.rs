//! What DICOM says of a segment beside name, colour and voxels.

use crate::util::short_debug;

/// A coded concept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The code itself.
    pub value: String,
    /// Which list of codes: `SCT` is SNOMED CT.
    pub scheme: String,
    /// What it means, in words.
    pub meaning: String,
}

/// What a segment is and who drew it: kept from file to file.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SegmentDetails {
    /// SegmentedPropertyCategory: an organ, something grown, ...
    pub category: Option<Code>,
    /// SegmentedPropertyType: which organ.
    pub kind: Option<Code>,
    /// Modifier of the type: the side.
    pub modifier: Option<Code>,
    /// AnatomicRegion: where it is, where its type does not say it.
    pub region: Option<Code>,
    /// Modifier of the region.
    pub region_modifier: Option<Code>,
    /// SegmentDescription.
    pub description: Option<String>,
    /// SegmentAlgorithmType: `MANUAL`, `SEMIAUTOMATIC` or `AUTOMATIC`.
    pub algorithm_type: Option<String>,
    /// SegmentAlgorithmName.
    pub algorithm_name: Option<String>,
    /// TrackingID and TrackingUID.
    pub tracking: Option<[String; 2]>,
}

short_debug! {
    SegmentDetails: |details| format_args!("a segment, {:?}", details.kind);
}
