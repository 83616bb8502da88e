//! The command line: what can be typed, and nothing of what it does.

mod labels;
mod pacs;
mod serve;
mod teach;
mod values;
mod worklist;

use std::ops::Range;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

use crate::models::{FoldChoice, TrainingState};
use crate::remote::Processor;
use crate::volume::{ColourMap, Modality};

pub use labels::*;
pub use pacs::*;
pub use serve::ServeArgs;
pub use teach::TeachArgs;
pub use values::{
    BoxArg, ChannelArg, ClickArg, GridArg, LayersArg, LineArg, ShardArg, SizeArg, ValuePair,
    VoxelArg,
};
pub use worklist::*;

/// Interactive 3D segmentation of medical scans. Not for clinical use.
#[derive(Debug, Parser)]
#[command(name = "prosector", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; without a command the window opens.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Without a command: what the window opens.
    #[command(flatten)]
    pub open: OpenArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Open the window.
    Open(OpenArgs),
    /// Say what a scan is; reads and checks all voxels.
    Info(InfoArgs),
    /// Convert a scan to NIfTI.
    Convert(ConvertArgs),
    /// Segment a scan: known structures automatically, or whatever a box and clicks point at.
    Segment(SegmentArgs),
    /// List the editing operations.
    Operations(OperationsArgs),
    /// Edit the labels of a scan, one operation after another.
    Edit(EditArgs),
    /// Write the labels of a scan in another format, as DICOM objects of its series too.
    Labels(LabelsArgs),
    /// Copy DICOM and NIfTI files without what tells the patient.
    #[command(alias = "anonymize")]
    Anonymise(AnonymiseArgs),
    /// Annotation projects: which cases there are, who reads them, how well readers agree.
    #[command(subcommand)]
    Worklist(WorklistCommand),
    /// Archives on the network (PACS): find and fetch series, send objects. Nothing is sent unless you ask for it.
    #[command(subcommand)]
    Pacs(PacsCommand),
    /// Measure the labels of a scan: sizes, values, axes, and uptake of PET.
    Statistics(StatisticsArgs),
    /// Find how one scan of a patient lies on another (rigid, by mutual information).
    Register(RegisterArgs),
    /// Compare label maps with the truth, or measure a model on cases.
    Evaluate(EvaluateArgs),
    /// The installed models.
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Train a model as a configuration file says.
    Train(TrainArgs),
    /// Let a model learn from a few corrected cases, and show that it got better.
    Teach(TeachArgs),
    /// Let a model compute, and be taught, here for colleagues (`--device remote:HOST:PORT` there), until it is stopped.
    Serve(ServeArgs),
    /// Compare our networks with recordings of the authors' code.
    Parity(ParityArgs),
    /// List the unsaved work that windows left behind, or write its labels to a file.
    Recover(RecoverArgs),
    /// Draw the three planes of a scan into a PNG.
    Screenshot(ScreenshotArgs),
    /// Segment the built-in phantom: automatically, by a click and by a box.
    Demo(DemoArgs),
    /// Say what the program is, and what it is made of.
    About(AboutArgs),
}

/// `prosector [PATH...]`
#[derive(Debug, Args)]
pub struct OpenArgs {
    /// Scans (NIfTI, DICOM, a folder) and label maps to open.
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Which processor computes.
    #[command(flatten)]
    pub device: DeviceArgs,
}

/// Which processor computes.
#[derive(Debug, Clone, Args)]
pub struct DeviceArgs {
    /// auto: a real GPU or else the CPU; cpu; gpu: any adapter, a software one too; remote:HOST:PORT: the machine where
    /// `prosector serve` runs, to which scans are sent.
    #[arg(
        long,
        value_name = "auto|cpu|gpu|remote:HOST:PORT",
        default_value = "auto"
    )]
    pub device: Processor,
}

/// Which part of a file or folder is meant.
#[derive(Debug, Clone, Args)]
pub struct ScanArgs {
    /// NIfTI file, DICOM file, folder of DICOM files, or folder of pictures (PNG, JPEG) that are frames.
    pub path: PathBuf,
    /// The DICOM series to read (its UID, as `info` lists it).
    #[arg(long, value_name = "UID")]
    pub series: Option<String>,
    /// The frame of a 4D scan, from 0.
    #[arg(long, value_name = "N")]
    pub frame: Option<usize>,
    /// All frames of this slice of a 4D scan, from 0: the third axis is time then.
    #[arg(long, value_name = "K", conflicts_with = "frame")]
    pub frames_of_slice: Option<usize>,
}

/// The kind of scan, where the file does not say or says it wrong.
#[derive(Debug, Clone, Copy, Args)]
pub struct ModalityArgs {
    /// The kind of scan, where the file does not say or says it wrong.
    #[arg(long, value_parser = values::modality())]
    pub modality: Option<Modality>,
}

/// `prosector info`
#[derive(Debug, Args)]
pub struct InfoArgs {
    /// The scan.
    #[command(flatten)]
    pub scan: ScanArgs,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// `prosector convert`
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// The scan.
    #[command(flatten)]
    pub scan: ScanArgs,
    /// The kind of scan.
    #[command(flatten)]
    pub modality: ModalityArgs,
    /// The file to write; its end says the format (.nii, .nii.gz, .nrrd, .mha).
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    /// Resample a scan whose axes are not at right angles (a tilted gantry), which ITK refuses, onto a grid where they are.
    #[arg(long)]
    pub right_angles: bool,
}

/// `prosector segment`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("target").args(["auto", "target_box", "clicks", "scribbles", "lassos", "diameters"]).required(true).multiple(true))]
pub struct SegmentArgs {
    /// The scan; or a file of cases (.toml, see the README), all of which are segmented.
    #[command(flatten)]
    pub scan: ScanArgs,
    /// The kind of scan.
    #[command(flatten)]
    pub modality: ModalityArgs,
    /// Which processor computes.
    #[command(flatten)]
    pub device: DeviceArgs,
    /// The file to write; its end says the format (.nii, .nii.gz, .nrrd, .mha). Of a file of cases: the folder.
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    /// Of a file of cases only this part, such as 2/8; other machines do the others.
    #[arg(long, value_name = "I/N", requires = "auto")]
    pub shard: Option<ShardArg>,
    /// Find the model's structures without a prompt.
    #[arg(long, conflicts_with_all = ["target_box", "clicks", "scribbles", "lassos", "diameters", "world", "prior"])]
    pub auto: bool,
    /// Only these structures.
    #[arg(
        long,
        value_name = "NAME,..",
        value_delimiter = ',',
        requires = "auto",
        conflicts_with_all = ["target_box", "clicks", "scribbles", "lassos", "diameters"]
    )]
    pub structures: Option<Vec<String>>,
    /// Another image of the same grid, for a model that takes several: the name that the model's card has for it, and the
    /// file. The scan itself is the image that is not named.
    #[arg(
        long = "channel",
        value_name = "NAME=FILE",
        requires = "auto",
        action = clap::ArgAction::Append
    )]
    pub channels: Vec<ChannelArg>,
    /// A box around the target: two corner voxels, both included.
    #[arg(
        long = "box",
        value_name = "I0,J0,K0,I1,J1,K1",
        allow_hyphen_values = true
    )]
    pub target_box: Option<BoxArg>,
    /// A voxel of the target, or with `,neg` one that does not belong to it; may be repeated.
    #[arg(
        long = "click",
        value_name = "I,J,K[,neg]",
        allow_hyphen_values = true,
        action = clap::ArgAction::Append
    )]
    pub clicks: Vec<ClickArg>,
    /// A line through voxels of the target, or with `,neg` of what does not belong to it, in one slice; may be repeated.
    #[arg(
        long = "scribble",
        value_name = "I,J,K,I,J,K,..[,neg]",
        allow_hyphen_values = true,
        action = clap::ArgAction::Append
    )]
    pub scribbles: Vec<LineArg>,
    /// What is clicked or scribbled on is small, a lesion of at most some 2 cm: the model in the box begins close by.
    #[arg(long, conflicts_with = "target_box")]
    pub small: bool,
    /// What is clicked or scribbled on is large, more than some 15 cm as a liver is: the model in the box begins afar.
    #[arg(long, conflicts_with_all = ["target_box", "small"])]
    pub large: bool,
    /// How wide scribbles are; without it two voxels of the slice.
    #[arg(long, value_name = "MM", requires = "scribbles", value_parser = values::width)]
    pub scribble_width: Option<f64>,
    /// The corners of a closed line around the target, or with `,neg` around what does not belong to it, in one slice; may
    /// be repeated.
    #[arg(
        long = "lasso",
        value_name = "I,J,K,I,J,K,..[,neg]",
        allow_hyphen_values = true,
        action = clap::ArgAction::Append
    )]
    pub lassos: Vec<LineArg>,
    /// The ends of the target's diameter where it is longest in a slice, as lesions are measured; may be repeated.
    #[arg(long = "diameter", value_name = "I,J,K,I,J,K", allow_hyphen_values = true, action = clap::ArgAction::Append)]
    pub diameters: Vec<LineArg>,
    /// Prompts are in millimetres, RAS, instead of voxels.
    #[arg(long)]
    pub world: bool,
    /// Also write how uncertain each voxel is, in percent: 100 where in and out are equally likely (.nii, .nii.gz, .nrrd, .mha).
    #[arg(long, value_name = "OUT")]
    pub uncertainty: Option<PathBuf>,
    /// The target so far (any non-zero voxel), on the scan's grid; it is refined.
    #[arg(long, value_name = "MASK")]
    pub prior: Option<PathBuf>,
    /// The model; without it the one in the box.
    #[arg(long, value_name = "ID")]
    pub model: Option<String>,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// `prosector register`
#[derive(Debug, Args)]
pub struct RegisterArgs {
    /// The scan that stays where it is.
    #[arg(value_name = "FIXED")]
    pub fixed: PathBuf,
    /// The scan that is laid onto it; its voxels are not changed.
    #[arg(value_name = "MOVING")]
    pub moving: PathBuf,
    /// The ITK text file to write (.tfm): the map from the fixed scan's world to the moving one's in LPS, as ITK and 3D
    /// Slicer resample with.
    #[arg(short, long, value_name = "TRANSFORM.tfm")]
    pub output: PathBuf,
    /// Where to begin; without it where the files say that the scans are.
    #[arg(long, value_name = "TRANSFORM.tfm")]
    pub start: Option<PathBuf>,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// `prosector evaluate`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").args(["pred", "cases", "merge"]).required(true))]
pub struct EvaluateArgs {
    /// The label map to judge.
    #[arg(long, value_name = "P", requires = "truth")]
    pub pred: Option<PathBuf>,
    /// The true label map, on the same grid.
    #[arg(long, value_name = "T", requires = "pred")]
    pub truth: Option<PathBuf>,
    /// Which value of the prediction stands for which of the truth; without it equal values.
    #[arg(
        long,
        value_name = "PRED=TRUTH,..",
        value_delimiter = ',',
        requires = "pred"
    )]
    pub map: Option<Vec<ValuePair>>,
    /// A file of cases (see the README) to run a model on.
    #[arg(long, value_name = "CASES.toml", requires = "protocol")]
    pub cases: Option<PathBuf>,
    /// What the model is given for each case.
    #[arg(long, value_enum, requires = "cases")]
    pub protocol: Option<Protocol>,
    /// Only this part of the cases, such as 2/8; what is finished stands in the file of --output, and is not done again.
    #[arg(long, value_name = "I/N", requires_all = ["cases", "output"])]
    pub shard: Option<ShardArg>,
    /// The part's file.
    #[arg(short, long, value_name = "SHARD.toml", requires = "shard")]
    pub output: Option<PathBuf>,
    /// The files of all parts, put together: the report of the whole.
    #[arg(long, value_name = "SHARD.toml", num_args = 1..)]
    pub merge: Option<Vec<PathBuf>>,
    /// Number of simulated clicks.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub steps: u32,
    /// Move each face of the box outward by this many percent of its side.
    #[arg(long, value_name = "PCT", default_value_t = 0.0, value_parser = values::percent)]
    pub loosen: f64,
    /// Of numbered labels of one kind in a case ("lesion 1", "lesion 2"), show the model the earlier ones.
    #[arg(long, requires = "protocol")]
    pub in_context: bool,
    /// Say that what is clicked is small, as `segment --small` does.
    #[arg(long, requires = "protocol")]
    pub small: bool,
    /// Say that what is clicked is large, as `segment --large` does.
    #[arg(long, requires = "protocol", conflicts_with = "small")]
    pub large: bool,
    /// Say what each target is called, as prompts for a label of that name do.
    #[arg(long, requires = "protocol")]
    pub named: bool,
    /// Also give the means of these groups of cases.
    #[arg(long, value_enum)]
    pub by: Option<Grouping>,
    /// Surfaces no further apart than this agree.
    #[arg(long, value_name = "MM", default_value_t = 2.0, value_parser = values::tolerance)]
    pub tolerance_mm: f64,
    /// The model; without it the one in the box.
    #[arg(long, value_name = "ID", requires = "cases")]
    pub model: Option<String>,
    /// Which processor computes.
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// What the model is given for each case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// Nothing: the automatic path.
    Auto,
    /// The box of the truth.
    Box,
    /// Simulated clicks, the first from nothing.
    Clicks,
    /// The long axis of the truth in an axial slice, then simulated clicks.
    Diameter,
    /// The box, then simulated clicks.
    #[value(name = "box+clicks")]
    BoxClicks,
}

/// How cases are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Grouping {
    /// By the cases' `domain`.
    Domain,
    /// By the scans' modality.
    Modality,
}

/// `prosector models ..`
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// List the installed models.
    List {
        /// Print the model cards as JSON on stdout.
        #[arg(long)]
        json: bool,
    },
    /// Check that the weights are those that the model cards name.
    Verify {
        /// Only this model.
        id: Option<String>,
    },
    /// Learn what Dice to expect of a model's answers, and what it has seen; written beside its card.
    Calibrate(CalibrateArgs),
    /// Import checkpoint files as their authors publish them; nothing in them is ever executed.
    Import(ImportArgs),
    /// Use a model from now on where none is named; an adapter file is installed first.
    Use {
        /// An installed model, or an adapter that `teach` wrote.
        #[arg(value_name = "ID|ADAPTER")]
        model: String,
    },
    /// Go back to the model that was used before.
    Rollback,
    /// Write a model that was taught as an adapter file, for a colleague.
    Export {
        /// The taught model.
        id: String,
        /// The adapter file to write.
        #[arg(short, long, value_name = "ADAPTER")]
        output: PathBuf,
    },
}

/// `prosector models calibrate`
#[derive(Debug, Args)]
pub struct CalibrateArgs {
    /// The model's card (.toml).
    #[arg(value_name = "CARD")]
    pub card: PathBuf,
    /// Files of cases that the model was not trained on, to learn from.
    #[arg(long, required = true, num_args = 1.., value_name = "CASES.toml")]
    pub cases: Vec<PathBuf>,
    /// Files of cases that it was trained on: what it knows.
    #[arg(long, required = true, num_args = 1.., value_name = "CASES.toml")]
    pub known: Vec<PathBuf>,
    /// Which processor computes.
    #[command(flatten)]
    pub device: DeviceArgs,
}

/// `prosector models import`
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Checkpoint files (.pth, .pt, .pth.tar or .safetensors), or the folder of a trained nnU-Net model.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The architecture: sam, masam, 3dsam, autoprosam, swinunetr, autosam, desam, nnunet or nninteractive.
    #[arg(long, value_name = "NAME")]
    pub system: String,
    /// The plain SAM file, where the checkpoint holds only what was added to it.
    #[arg(long, value_name = "SAM")]
    pub base: Option<PathBuf>,
    /// The name to install it under; without it a folder's own.
    #[arg(long = "as", value_name = "ID")]
    pub id: Option<String>,
    /// Which networks of a folder: their numbers, or all for the one that was trained on everything (where there is none,
    /// and without this option, every numbered fold).
    #[arg(long, value_name = "N,..|all", value_parser = values::folds)]
    pub folds: Option<FoldChoice>,
    /// Which state of training of a folder's networks: final (without this option) or best.
    #[arg(long, value_name = "final|best", value_parser = values::training_state)]
    pub checkpoint: Option<TrainingState>,
    /// Names of the classes: `modality = "ct"` and a table `[classes]` with a line `1 = "name"` for each.
    #[arg(long, value_name = "NAMES")]
    pub classes: Option<PathBuf>,
    /// What the checkpoint does not tell, by the name of a data set or of a file that was published.
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// A TOML file of settings that replace those found out.
    #[arg(long, value_name = "SETTINGS")]
    pub config: Option<PathBuf>,
    /// The kind of scan it is for, where no file of class names says it.
    #[command(flatten)]
    pub modality: ModalityArgs,
    /// The licence of the weights, for the card.
    #[arg(long, value_name = "TEXT")]
    pub licence: Option<String>,
    /// Store 2 bytes a value instead of 4.
    #[arg(long)]
    pub half: bool,
}

/// `prosector train`
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// What to train, on what, and for how long.
    pub config: PathBuf,
    /// Which processor computes.
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Go on from the last checkpoint.
    #[arg(long)]
    pub resume: bool,
    /// Train nothing: write the samples of these steps of the model in the box to stdout, for another trainer.
    #[arg(long, value_name = "FIRST..LAST", value_parser = values::steps, conflicts_with = "resume")]
    pub samples: Option<Range<usize>>,
    /// Take the data of the model in the box from this file, packed by --pack, instead of the recipe's folders.
    #[arg(long, value_name = "FILE")]
    pub cache: Option<PathBuf>,
    /// Train nothing: pack the data of the model in the box into this file, for a machine without them.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["resume", "samples", "cache"])]
    pub pack: Option<PathBuf>,
}

/// `prosector parity`
#[derive(Debug, Args)]
pub struct ParityArgs {
    /// A folder of recordings (.safetensors) and checkpoint files (.pth, .pth.tar).
    pub folder: PathBuf,
    /// Which processor computes.
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// `prosector recover`
#[derive(Debug, Args)]
pub struct RecoverArgs {
    /// Write the labels of this work, as after its last step; it stays where it is.
    #[arg(long, value_name = "ID", requires = "output")]
    pub export: Option<String>,
    /// The label map to write.
    #[arg(short, long, value_name = "OUT", requires = "export")]
    pub output: Option<PathBuf>,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// `prosector screenshot`
#[derive(Debug, Args)]
pub struct ScreenshotArgs {
    /// The scan.
    #[command(flatten)]
    pub scan: ScanArgs,
    /// The kind of scan.
    #[command(flatten)]
    pub modality: ModalityArgs,
    /// A label map to draw over it.
    #[arg(long, value_name = "LABELS")]
    pub labels: Option<PathBuf>,
    /// The grid that is drawn, as `edit` has it; views lie in its slices. Without it the label map must have the scan's
    /// voxels.
    #[arg(long, value_name = "scan|labels|MM", requires = "labels")]
    pub grid: Option<GridArg>,
    /// A second image of the same patient to lay over the scan, by where both are in the world.
    #[arg(long, value_name = "IMAGE")]
    pub second: Option<PathBuf>,
    /// Where the second image lies, as `register SCAN IMAGE` writes it; without it where the files say.
    #[arg(long, value_name = "TRANSFORM.tfm", requires = "second")]
    pub transform: Option<PathBuf>,
    /// The second image's colours; without it hot for PET, else grey.
    #[arg(long, value_name = "MAP", requires = "second", value_parser = values::colour_map())]
    pub second_map: Option<ColourMap>,
    /// How much the second image hides, 0 to 1.
    #[arg(long, value_name = "PART", default_value_t = 0.5, value_parser = values::part::<f32>)]
    pub second_opacity: f32,
    /// The voxel where the planes meet; without it the middle of the labels or of the scan.
    #[arg(long, value_name = "I,J,K", allow_hyphen_values = true)]
    pub at: Option<VoxelArg>,
    /// Width and height of the picture in pixels.
    #[arg(long, value_name = "WxH", default_value = "1500x500")]
    pub size: SizeArg,
    /// The PNG file to write.
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
}

/// `prosector about`
#[derive(Debug, Args)]
pub struct AboutArgs {
    /// Also list the components of others, with version and licence.
    #[arg(long)]
    pub components: bool,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// `prosector demo`
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Do not open the window afterwards.
    #[arg(long)]
    pub headless: bool,
    /// Where the label maps and the picture go; made if missing.
    #[arg(short, long, value_name = "FOLDER", default_value = "prosector-demo")]
    pub output: PathBuf,
    /// Which processor computes.
    #[command(flatten)]
    pub device: DeviceArgs,
}
