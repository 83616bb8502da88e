//! What a reader doubts, assumed or left out, and what a writer had no room for, as values: each tells the fact, and whoever shows it adds in his own words
//! what can be chosen instead.

use std::fmt;

use crate::util::short_debug;
use crate::volume::{Label, LabelTable, Modality};

use super::TimeAxis;
use super::figures::digits;

/// One thing to tell of what was read or written. Displayed it is the fact alone, a line without options or buttons.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Warning {
    /// There is a file of measurements beside the labels, which is not read.
    #[error("the measurements beside the labels are not shown: {reason}")]
    MeasurementsNotRead {
        /// Why.
        reason: String,
    },
    /// The first of several frames was taken, as none was asked for.
    #[error("the scan has {frames} frames; frame 0 is used")]
    FirstFrame {
        /// Number of frames.
        frames: usize,
    },
    /// Images at the same place became frames, of which one was read.
    #[error(
        "the series has {frames} images at every slice position, told apart by {by}; frame {frame} is used"
    )]
    FrameOfSeries {
        /// Number of frames.
        frames: usize,
        /// What tells them apart.
        by: String,
        /// The frame that was read, from 0.
        frame: usize,
        /// Whether the caller asked for it.
        is_chosen: bool,
    },
    /// Frames became the third axis.
    #[error("the frames are told apart by {by}")]
    FramesInTurn {
        /// What tells them apart.
        by: String,
    },
    /// The third axis is time.
    #[error("the third axis is time: {}", steps(*.frames, *.time))]
    TimeAsThirdAxis {
        /// Number of frames.
        frames: usize,
        /// What is known of them.
        time: TimeAxis,
    },
    /// The kind of scan was guessed from the values.
    #[error("the kind of scan is guessed from the values: {}", .guess.name())]
    ModalityGuessed {
        /// The guess.
        guess: Modality,
    },
    /// The kind of scan that is stated is none that is known.
    #[error(
        "the modality {code:?} is none of ct, mr, pet: {} is guessed from the values",
        .guess.name()
    )]
    ModalityUnknown {
        /// DICOM Modality as stored.
        code: String,
        /// The guess.
        guess: Modality,
    },
    /// Pictures do not say what kind of scan they are.
    #[error("pictures do not say what kind of scan they are: mr is taken")]
    ModalityOfPictures,
    /// Pictures and films lie in no patient.
    #[error("nothing says where the patient's left is: right and left are assumed, not known")]
    SidesAssumed,
    /// The header has no orientation.
    #[error(
        "the file has no orientation (qform and sform codes 0): left-right is assumed, not known, and so are the other directions"
    )]
    NoOrientation,
    /// The voxels are colours.
    #[error("the voxels are colours; where a single value is needed, their luminance is used")]
    Colours,
    /// Voxels that are NaN or infinite.
    #[error("{voxels} voxels are no finite numbers (NaN or infinite); they count as background")]
    NotFinite {
        /// How many.
        voxels: usize,
    },
    /// Voxels outside the field of view.
    #[error(
        "{voxels} voxels are padding outside the field of view (value {value}), not measurements"
    )]
    Padding {
        /// How many.
        voxels: usize,
        /// The lowest padding value, rescaled.
        value: f64,
    },
    /// Each slice has its own rescale.
    #[error("slices have different rescales; their physical values are kept as floating point")]
    RescalesDiffer,
    /// MONOCHROME1.
    #[error("MONOCHROME1: the maker displays large values dark; the values are kept as they are")]
    LargeIsDark,
    /// One slice of unknown or nominal thickness.
    #[error("a single slice: its {thickness_mm} mm along the normal are {}", thickness_source(*.is_stated))]
    SingleSlice {
        /// In mm.
        thickness_mm: f64,
        /// Whether the header has it.
        is_stated: bool,
    },
    /// The gantry was tilted.
    #[error(
        "tilted gantry: slices lean by {degrees:.2} degrees, and so does the grid (its affine is sheared)"
    )]
    Tilted {
        /// Between normal and stack.
        degrees: f64,
    },
    /// Axes that are not at right angles.
    #[error(
        "the voxel axes are not at right angles (sheared); positions follow the file, other programs may refuse it"
    )]
    Sheared,
    /// Slices off a straight line by little.
    #[error(
        "slices shift sideways by up to {} mm from a straight line; treated as straight",
        digits(*.mm, 3)
    )]
    NearlyStraight {
        /// The largest shift, in mm.
        mm: f64,
    },
    /// Slices off even spacing by little.
    #[error("slice positions deviate by up to {} mm from even spacing; treated as even", digits(*.mm, 3))]
    NearlyEven {
        /// The largest deviation, in mm.
        mm: f64,
    },
    /// Slices that were interpolated to even ones.
    #[error(
        "uneven slices: distances run from {} to {} mm, so the {stored} slices were interpolated to {slices} slices {} mm apart",
        digits(.distances_mm[0], 2), digits(.distances_mm[1], 2), digits(*.step_mm, 3)
    )]
    Uneven {
        /// The smallest and largest distance, in mm.
        distances_mm: [f64; 2],
        /// Number of slices as stored.
        stored: usize,
        /// Number of slices made of them.
        slices: usize,
        /// Their distance, in mm.
        step_mm: f64,
    },
    /// Orientations that differ a little within a volume.
    #[error(
        "orientations of the images differ by up to {degrees:.3} degrees; that of the first is used"
    )]
    OrientationsDiffer {
        /// The largest difference.
        degrees: f64,
    },
    /// Frames without positions of their own.
    #[error(
        "its frames have no positions of their own: they are stacked along their normal by {by}; compare the volume with another series"
    )]
    StackedByHeader {
        /// The attribute that gives their distance.
        by: &'static str,
    },
    /// A mosaic without a direction of its slices.
    #[error(
        "the mosaic does not say in which direction its slices follow each other; compare the volume with another series"
    )]
    MosaicDirection,
    /// A mosaic without a distance of its slices.
    #[error(
        "the mosaic does not say how far its slices are apart; {thickness_mm} mm are their thickness"
    )]
    MosaicStep {
        /// In mm.
        thickness_mm: f64,
    },
    /// Images that name a series each.
    #[error("every image names a series of its own, as after anonymising; they are taken as one")]
    SeriesOfEachImage,
    /// Images that name a frame of reference each.
    #[error(
        "every image names a frame of reference of its own, as after anonymising; they are taken as one"
    )]
    SpaceOfEachImage,
    /// Images of one series that name several studies.
    #[error(
        "images of the series name different studies, as after anonymising; they are taken as one"
    )]
    SeveralStudies,
    /// Images that repeat others at the same place.
    #[error("{}", copies(*.images))]
    CopiesOfImages {
        /// How many were left out.
        images: usize,
    },
    /// Files that repeat others byte by byte.
    #[error("{files} files are exact copies of others and were left out")]
    CopiesOfFiles {
        /// How many.
        files: usize,
    },
    /// Images of frames that are not whole.
    #[error("the scan was stopped: {images} images of {} incomplete, were left out", last_frames(*.frames))]
    Stopped {
        /// How many images.
        images: usize,
        /// Of how many frames.
        frames: usize,
    },
    /// One file of a series was named.
    #[error("only this one file was opened")]
    OnlyThisFile,
    /// Gzipped files beside plain ones.
    #[error(
        "{files} gzipped DICOM files beside plain ones were left out; unpack them to have them read"
    )]
    GzippedFiles {
        /// How many.
        files: usize,
    },
    /// Files that cannot be read.
    #[error("{files} files could not be read: {first}")]
    UnreadableFiles {
        /// How many.
        files: usize,
        /// The first reason.
        first: Quoted,
    },
    /// Files beside pictures.
    #[error("{files} files of the folder are no PNG or JPEG pictures and were left out: {first}")]
    NoPictures {
        /// How many.
        files: usize,
        /// The name of the first.
        first: Quoted,
    },
    /// A DICOM header that is damaged where it does not matter.
    #[error("a header breaks off or holds elements that make no sense; what was needed was found")]
    HeaderDamaged,
    /// NumberOfFrames is 0.
    #[error("NumberOfFrames is 0; one frame is read")]
    NoFrames,
    /// bitpix and datatype differ.
    #[error(
        "the header gives {stated} bits per voxel, but {voxel_type} has {bits}; the type is believed"
    )]
    BitsPerVoxel {
        /// As the header says.
        stated: i64,
        /// The stored type.
        voxel_type: &'static str,
        /// As the type has.
        bits: usize,
    },
    /// Sizes of 0 or less.
    #[error("the header gives the dimensions {stored}; sizes below 1 are read as 1")]
    Dimensions {
        /// As stored.
        stored: String,
    },
    /// More bytes than voxels.
    #[error("{bytes} bytes after the voxels are ignored")]
    BytesLeft {
        /// How many.
        bytes: u64,
    },
    /// Positions in another unit.
    #[error("positions are stored in {unit}; read as millimetres")]
    Unit {
        /// The unit, in the plural.
        unit: &'static str,
    },
    /// Spacing fields that cannot be.
    #[error(
        "the header's voxel spacing {stored:?} is impossible; the position comes from the other fields, or with spacing {used:?}"
    )]
    Spacing {
        /// As stored.
        stored: [f64; 3],
        /// As used, in the file's unit.
        used: [f64; 3],
    },
    /// The sform cannot be used.
    #[error("{reason}; the qform is used instead")]
    SformUnusable {
        /// Why.
        reason: String,
    },
    /// sform and qform differ.
    #[error("sform and qform disagree by up to {mm:.*} mm; the sform is used", if *.mm < 0.1 { 6 } else { 3 })]
    FormsDisagree {
        /// The largest distance at a corner, in mm.
        mm: f64,
    },
    /// The header has no voxel size.
    #[error("its header does not say the size of a voxel{}; 1 mm is assumed{}", if *.on_some_axis { " on every axis" } else { "" }, if *.on_some_axis { " there" } else { "" })]
    VoxelSize {
        /// Whether it has one for other axes.
        on_some_axis: bool,
    },
    /// Names of labels that cannot be read.
    #[error("its label names cannot be read ({reason})")]
    LabelNames {
        /// Why.
        reason: Quoted,
    },
    /// Shares of voxels were made whole voxels.
    #[error(
        "the segmentation has shares of voxels; a voxel with half or more belongs to the segment"
    )]
    FractionsCut,
    /// Contours that lie on no slice.
    #[error("{contours} contours lie between slices; each went to the nearest slice")]
    ContoursBetween {
        /// How many.
        contours: usize,
    },
    /// Contours that are none of a slice.
    #[error(
        "{contours} contours were left out: they are open, or points, or lie across the slices or outside of the scan"
    )]
    ContoursLeftOut {
        /// How many.
        contours: usize,
    },
    /// Structures that a reviewer approved.
    #[error("a reviewer approved these structures: they are locked until you unlock them")]
    Approved,
    /// Structures that a reviewer rejected.
    #[error("a reviewer rejected these structures: look at them before you use them")]
    Rejected,
    /// Labels on another grid than the scan's.
    #[error(
        "the labels lie on another grid than the scan: each voxel took the nearest label{}", left_outside(*.outside)
    )]
    LabelsResampled {
        /// How many labelled voxels lie outside of the scan.
        outside: usize,
    },
    /// Labels whose values a format does not keep.
    #[error(
        "DICOM numbers binary segments from 1 on: the values of the {segments} labels become 1 to {segments}"
    )]
    SegmentsRenumbered {
        /// How many labels.
        segments: usize,
    },
    /// Labels with names, written to a format that has none.
    #[error(
        "the file has no room for the names and colours of labels: .nii.gz, .nrrd and .seg.nrrd keep them"
    )]
    NamesLeftOut,
    /// Labels in groups or with an opacity of their own, written to a format that has neither.
    #[error(
        "the file has no room for the {what} of labels: .nii.gz, .nrrd and .seg.nrrd keep them"
    )]
    LooksLeftOut {
        /// Which of them the labels have.
        what: &'static str,
    },
    /// Labels of layers that overlap, written to a format that holds one map.
    #[error(
        "labels overlap in {voxels} voxels, and the file has only those of the upper layer there: .seg.nrrd keeps all"
    )]
    LayersFlattened {
        /// How many.
        voxels: usize,
    },
    /// Overlapping segments, made one map.
    #[error("{voxels} voxels belong to segments that overlap; the later segment has them")]
    SegmentsOverlap {
        /// How many.
        voxels: usize,
    },
}

impl Warning {
    /// What a format leaves out of these labels that has neither groups nor opacities.
    pub(super) fn looks_left_out(table: &LabelTable) -> Option<Self> {
        let has = |is: fn(&Label) -> bool| table.labels().iter().any(is);
        let has_groups = has(|label| !label.group.is_empty());
        let what = match (
            has_groups,
            has(|label| label.opacity_percent != Label::OPAQUE),
        ) {
            (true, true) => "groups and opacities",
            (true, false) => "groups",
            (false, true) => "opacities",
            (false, false) => return None,
        };
        Some(Self::LooksLeftOut { what })
    }

    /// What the caller could choose instead of what was assumed.
    pub fn choice(&self) -> Option<Choice> {
        match self {
            Self::FirstFrame { .. } => Some(Choice::Frame),
            Self::FrameOfSeries { is_chosen, .. } => (!is_chosen).then_some(Choice::Frame),
            Self::ModalityGuessed { .. }
            | Self::ModalityUnknown { .. }
            | Self::ModalityOfPictures => Some(Choice::Modality),
            Self::OnlyThisFile => Some(Choice::Folder),
            _ => None,
        }
    }
}

/// What a caller can choose where a reader had to assume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Another frame.
    Frame,
    /// Another kind of scan.
    Modality,
    /// The whole folder.
    Folder,
}

/// Words of a file or of its name: for the user's eyes, not for logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Quoted(pub String);

short_debug! {
    Quoted: |_| "a text";
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn left_outside(voxels: usize) -> String {
    match voxels {
        0 => String::new(),
        n => format!(", and {n} labelled voxels outside of the scan were left out"),
    }
}

fn thickness_source(is_stated: bool) -> &'static str {
    match is_stated {
        true => "the header's slice thickness",
        false => "an assumption",
    }
}

fn copies(images: usize) -> String {
    match images {
        1 => "1 image is a copy of another at the same place and was left out".to_owned(),
        n => format!("{n} images are copies of others at the same place and were left out"),
    }
}

fn last_frames(frames: usize) -> String {
    match frames {
        1 => "the last frame, which is".to_owned(),
        n => format!("the last {n} frames, which are"),
    }
}

fn steps(frames: usize, time: TimeAxis) -> String {
    let apart = match time.frame_ms {
        Some(ms) => {
            let rounded = (ms * 1000.0).round() / 1000.0;
            format!("{frames} frames, {rounded} ms apart")
        }
        None => format!("{frames} frames; how far they are apart is not known"),
    };
    let scale = match time.has_scale {
        true => "",
        false => ", the size of a pixel is not known either",
    };
    format!("{apart}; 1 mm stands for a frame there{scale}, so sizes are counted in voxels")
}
