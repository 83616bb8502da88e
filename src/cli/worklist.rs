//! `prosector worklist ..`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{DeviceArgs, values};

/// `prosector worklist ..`
#[derive(Debug, Subcommand)]
pub enum WorklistCommand {
    /// Make a project.
    New(WorklistNewArgs),
    /// Add cases.
    Add(WorklistAddArgs),
    /// Say how far every case is.
    Status(WorklistStatusArgs),
    /// Say what a reader is to do next.
    Next(WorklistNextArgs),
    /// Number the cases by how much they are worth reading: what the model doubts, where readers or labels differ.
    Rank(WorklistRankArgs),
    /// Hand in what a reader made of a case.
    Save(WorklistSaveArgs),
    /// Compare the finished readings of each case.
    Compare(WorklistCompareArgs),
    /// Make one label map of the finished readings of each case.
    Consensus(WorklistConsensusArgs),
    /// Write the cohort in the form that other programs take.
    Export(WorklistExportArgs),
}

/// `prosector worklist new`
#[derive(Debug, Args)]
pub struct WorklistNewArgs {
    /// The project's file, beside the patients' folders; its name ends as .toml.
    pub project: PathBuf,
    /// A label that each case must have, in the order of values from 1 on; with a ? at its end it may be empty.
    #[arg(long = "label", value_name = "NAME[?]", required = true, action = clap::ArgAction::Append)]
    pub labels: Vec<String>,
    /// How many readers each case has.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=32))]
    pub readers_per_case: u16,
    /// Readers do not see what others made of a case until they have done it themselves.
    #[arg(long)]
    pub blinded: bool,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// `prosector worklist add`
#[derive(Debug, Args)]
pub struct WorklistAddArgs {
    /// The project's file.
    pub project: PathBuf,
    /// Scan files, folders of scans, nnU-Net or BIDS folders, CSV lists (id,image[,series][,labels]).
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// `prosector worklist status`
#[derive(Debug, Args)]
pub struct WorklistStatusArgs {
    /// The project's file.
    pub project: PathBuf,
    /// As this reader may see it: in a blinded project without others' work on cases that are not done.
    #[arg(long, value_name = "NAME")]
    pub reader: Option<String>,
    /// Only cases with a reading in this state.
    #[arg(long, value_enum)]
    pub state: Option<ReadingState>,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// How far a reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum ReadingState {
    /// Nobody began.
    NotStarted,
    /// Begun.
    InProgress,
    /// Finished.
    Done,
    /// Something is to be asked.
    Flagged,
}

/// `prosector worklist next`
#[derive(Debug, Args)]
pub struct WorklistNextArgs {
    /// The project's file.
    pub project: PathBuf,
    /// Who reads.
    #[arg(long, value_name = "NAME")]
    pub reader: String,
    /// The case with the largest number first (see `rank`); without it by name.
    #[arg(long, value_enum)]
    pub by: Option<RankBy>,
    /// Take it: nobody else gets the reader's place at the case.
    #[arg(long)]
    pub start: bool,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// `prosector worklist rank`
#[derive(Debug, Args)]
pub struct WorklistRankArgs {
    /// The project's file.
    pub project: PathBuf,
    /// Only these cases.
    #[arg(long, value_name = "ID,..", value_delimiter = ',')]
    pub cases: Option<Vec<String>>,
    /// By what the list is ordered; both numbers are made.
    #[arg(long, value_enum, default_value = "uncertainty")]
    pub by: RankBy,
    /// Number cases anew whose numbers are known.
    #[arg(long)]
    pub again: bool,
    /// The model; without it the one in use.
    #[arg(long, value_name = "ID")]
    pub model: Option<String>,
    /// Which processor computes.
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// By what cases are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RankBy {
    /// How much the model doubts what it finds by itself.
    Uncertainty,
    /// How far readers, or the model and the labels that there are, lie apart.
    Disagreement,
}

/// `prosector worklist save`
#[derive(Debug, Args)]
pub struct WorklistSaveArgs {
    /// The project's file.
    pub project: PathBuf,
    /// The case.
    pub case: String,
    /// Who read it.
    #[arg(long, value_name = "NAME")]
    pub reader: String,
    /// The label map, on the scan's grid.
    #[arg(long, value_name = "L")]
    pub labels: Option<PathBuf>,
    /// They are no reading but the decision between the readings of others.
    #[arg(long)]
    pub adjudicate: bool,
    /// How far the reading is now.
    #[arg(long, value_enum, default_value = "done")]
    pub state: ReadingState,
    /// More time spent on it, in seconds.
    #[arg(long, value_name = "S", default_value_t = 0.0, value_parser = values::seconds)]
    pub seconds: f64,
    /// Words about the case.
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// The model whose proposals were used, with its version.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub model: String,
    /// What it was prompted with.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub prompts: String,
    /// How many steps of editing it took.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub edits: usize,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// `prosector worklist compare`
#[derive(Debug, Args)]
pub struct WorklistCompareArgs {
    /// The project's file.
    pub project: PathBuf,
    /// Only these cases.
    #[arg(long, value_name = "ID,..", value_delimiter = ',')]
    pub cases: Option<Vec<String>>,
    /// Surfaces no further apart than this agree.
    #[arg(long, value_name = "MM", default_value_t = 2.0, value_parser = values::tolerance)]
    pub tolerance_mm: f64,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// `prosector worklist consensus`
#[derive(Debug, Args)]
pub struct WorklistConsensusArgs {
    /// The project's file.
    pub project: PathBuf,
    /// Only these cases.
    #[arg(long, value_name = "ID,..", value_delimiter = ',')]
    pub cases: Option<Vec<String>>,
    /// majority: more than half of the readers; staple: weighs readers by how well they do.
    #[arg(long, value_enum, default_value = "majority")]
    pub method: ConsensusMethod,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// How readings become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ConsensusMethod {
    /// More than half of the readers.
    Majority,
    /// Simultaneous truth and performance level estimation.
    Staple,
}

/// `prosector worklist export`
#[derive(Debug, Args)]
pub struct WorklistExportArgs {
    /// The project's file.
    pub project: PathBuf,
    /// The new folder.
    #[arg(short, long, value_name = "FOLDER")]
    pub output: PathBuf,
    /// What to write.
    #[arg(long = "as", value_enum)]
    pub form: ExportForm,
    /// Whose labels: `majority` or `staple` (see `consensus`), `adjudicated`, or a reader's name; without it the one finished reading.
    #[arg(long, value_name = "WHOSE")]
    pub from: Option<String>,
    /// nnunet: voxels on which no majority of readers agrees become nnU-Net's ignore label.
    #[arg(long)]
    pub ignore_unsure: bool,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// Forms of a cohort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportForm {
    /// A raw data set: dataset.json, imagesTr, labelsTr.
    Nnunet,
    /// BIDS derivatives: discrete segmentations with their tables of labels.
    Bids,
    /// A DICOM SEG a case, with the reader as its creator.
    Seg,
    /// A DICOM RTSTRUCT a case; what was adjudicated is approved by who did it.
    Rtstruct,
    /// Tables: statistics of every finished reading, times, and who did what when.
    Csv,
}
