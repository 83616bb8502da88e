//! What is done to labels and with them: `edit`, `statistics`, `labels`, and copies without the patient.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::geometry::Plane;

use super::ScanArgs;
use super::values::{self, GridArg, LayersArg};

/// `prosector operations`
#[derive(Debug, Args)]
pub struct OperationsArgs {
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// `prosector edit`
#[derive(Debug, Args)]
pub struct EditArgs {
    /// The scan.
    #[command(flatten)]
    pub scan: ScanArgs,
    /// The label map to begin with, on the scan's grid; without it there are no labels yet.
    #[arg(long, value_name = "IN")]
    pub labels: Option<PathBuf>,
    /// The label map to write; its end says the format (.nii, .nii.gz, .seg.nrrd, .nrrd, .mha).
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    /// An operation and what it is told (see `prosector operations`); may be repeated.
    #[arg(
        long = "do",
        value_name = "ID key=value ..",
        required = true,
        action = clap::ArgAction::Append
    )]
    pub operations: Vec<String>,
    /// Which label layers are written: `all`, or one by its number from 0, the lowest. Formats other than .seg.nrrd hold
    /// one map: of all layers, the upper one's labels stay where labels overlap, and that is said.
    #[arg(long, value_name = "all|N", default_value = "all")]
    pub layers: LayersArg,
    /// The grid that labels are edited on, the scan being resampled onto it: `scan`, `labels` (that of the label map), or a
    /// length in mm, such as 1: the scan's voxels, divided until none is longer. Without it the label map must have the
    /// scan's voxels.
    #[arg(long, value_name = "scan|labels|MM")]
    pub grid: Option<GridArg>,
    /// The grid of the label map that is written: the one that was edited on, or the scan's.
    #[arg(long, value_name = "edited|scan", value_enum, default_value = "edited")]
    pub save_grid: SaveGrid,
}

/// The grid of a label map that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SaveGrid {
    /// The one that was edited on.
    Edited,
    /// The scan's.
    Scan,
}

/// `prosector statistics`
#[derive(Debug, Args)]
pub struct StatisticsArgs {
    /// The scan.
    #[command(flatten)]
    pub scan: ScanArgs,
    /// The label map.
    #[arg(long, value_name = "L")]
    pub labels: PathBuf,
    /// The grid that is measured on, as `edit` has it. Without it the label map must have the scan's voxels.
    #[arg(long, value_name = "scan|labels|MM")]
    pub grid: Option<GridArg>,
    /// The plane of the RECIST axes.
    #[arg(long, value_name = "PLANE", default_value = "axial", value_parser = values::plane())]
    pub plane: Plane,
    /// The SUV from which voxels count for MTV and TLG; without it 41 % of SUVmax.
    #[arg(long, value_name = "SUV", value_parser = values::suv)]
    pub suv_threshold: Option<f64>,
    /// Print one JSON object on stdout.
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print a table of comma-separated values on stdout.
    #[arg(long)]
    pub csv: bool,
}

/// `prosector labels`
#[derive(Debug, Args)]
pub struct LabelsArgs {
    /// The labels: a NIfTI, NRRD, MetaImage, DICOM SEG or RTSTRUCT file.
    #[arg(value_name = "IN")]
    pub labels: PathBuf,
    /// The scan that they are of.
    #[arg(long, value_name = "SCAN")]
    pub scan: PathBuf,
    /// The DICOM series of the scan (its UID, as `info` lists it).
    #[arg(long, value_name = "UID")]
    pub series: Option<String>,
    /// The file to write; its end says the format (.nii, .nii.gz, .seg.nrrd, .nrrd, .mha, .mhd, .dcm, and as smoothed
    /// surfaces in mm .stl, .obj, .ply, .glb).
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    /// Which way the axes of a surface point: ras (right, anterior, superior) or lps, as DICOM's.
    #[arg(long, value_enum)]
    pub space: Option<SurfaceSpace>,
    /// Which DICOM object a .dcm is: seg has a bit a pixel, labelmap a number (smaller, newer), rtstruct contours.
    #[arg(long = "as", value_enum)]
    pub object: Option<LabelObject>,
    /// rtstruct: who approves the structures, now. Without it they are approved only where IN says that somebody did.
    #[arg(long, value_name = "NAME")]
    pub approved_by: Option<String>,
    /// All layers of labels, or the one of this number.
    #[arg(long, value_name = "all|N", default_value = "all")]
    pub layers: LayersArg,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// `prosector anonymise`
#[derive(Debug, Args)]
pub struct AnonymiseArgs {
    /// A DICOM or NIfTI file, or a folder of them.
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// The file to write, or of a folder the new folder.
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// Axes of a surface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SurfaceSpace {
    /// Right, anterior, superior.
    Ras,
    /// Left, posterior, superior.
    Lps,
}

/// DICOM objects that hold labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LabelObject {
    /// Segmentation, a bit a pixel.
    Seg,
    /// Segmentation, a number a pixel.
    Labelmap,
    /// Contours.
    Rtstruct,
}
