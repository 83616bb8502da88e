//! Everything that can change a session.
//!
//! Grouped by what is changed; each group converts into [`Command`], so callers write
//! `session.apply(PromptCommand::AddClick(click))`.

use std::path::PathBuf;

use crate::geometry::{Convention, Plane, VoxelBox, VoxelIndex, VoxelPoint, WorldPoint};
use crate::io::LabelEntry;
use crate::models::{AutoResult, PromptedResult};
use crate::prompt::{Click, DrawingKind, Polarity, TargetSize};
use crate::util::short_debug;
use crate::volume::measurement::Shape;
use crate::volume::{LayerId, Window};

use super::journal::Replay;
use super::operations::EditCommand;
use super::recovery::Snapshot;
use super::{
    Brush, CompareCommand, Fill, Interpolation, Limits, OpenedLabels, OpenedScan, Region,
    Regridded, Scissors, SecondCommand, Ticket, ToolId,
};

/// One change asked for by the user or reported by a job.
#[derive(Debug, Clone)]
pub enum Command {
    /// What is open, and where it is saved.
    Scan(ScanCommand),
    /// How it is shown. Not part of the history.
    View(ViewCommand),
    /// A second image over the scan. Has a history of its own.
    Second(SecondCommand),
    /// Label maps beside each other. What is taken over of them is a step; the rest is not.
    Compare(CompareCommand),
    /// What the pointer does. Not part of the history.
    Tool(ToolCommand),
    /// The label table.
    Label(LabelCommand),
    /// The label layers.
    Layer(LayerCommand),
    /// What the user points at.
    Prompt(PromptCommand),
    /// The model's work.
    Ai(AiCommand),
    /// Drawing by hand.
    Stroke(StrokeCommand),
    /// An operation on labels.
    Edit(EditCommand),
    /// What is drawn to be measured.
    Measure(MeasureCommand),
    /// Back and forth.
    History(HistoryCommand),
}

/// What is open, and where it is saved.
#[derive(Clone)]
pub enum ScanCommand {
    /// Opens a scan: replaces everything, with no labels. Ask about unsaved work before
    /// ([`super::Case::is_dirty`]).
    Open(Box<OpenedScan>),
    /// Shows another frame or another modality of the open scan: labels and history stay.
    /// Refused when the grid differs.
    ReplaceImage(Box<OpenedScan>),
    /// Closes the scan.
    Close,
    /// Opens a label map on the open scan: replaces labels and history. Refused when the grid differs.
    OpenLabels(Box<OpenedLabels>),
    /// Goes on on another grid than before: the scan's own, or one onto which the scan was resampled. Undo begins anew, so
    /// labels that are taken along must be saved ones.
    WorkOn(Box<Regridded>),
    /// Takes over the labels of a recovery file of an earlier version; they count as unsaved. Refused when the grid
    /// differs.
    Restore(Box<Snapshot>),
    /// Goes on with the work that a journal holds. Where the scan's voxels lie in another order now, with its labels
    /// only. Refused when the grid differs.
    Resume(Box<Replay>),
    /// The labels of this [`super::Case::revision`] were written to this file.
    MarkSaved {
        /// What was written.
        revision: u64,
        /// The file.
        path: PathBuf,
    },
}

/// How the scan is shown.
#[derive(Debug, Clone)]
pub enum ViewCommand {
    /// Moves the cross-hair; clamped to the volume.
    CrossHair(VoxelIndex),
    /// Moves the cross-hair by slices of one plane; positive towards superior, anterior or right.
    StepSlice {
        /// Whose slices.
        plane: Plane,
        /// How many.
        steps: i64,
    },
    /// Moves the cross-hair to the middle of a label.
    GoToLabel(u16),
    /// Moves the cross-hair to where the model is least sure of its proposal, across the slices of a plane; from there to
    /// where it is next. Shows the marks of what it is unsure of.
    GoToDoubt(Plane),
    /// Window and level.
    Window(Window),
    /// Low values white and high ones black, or the other way round.
    Inverted(bool),
    /// How pixels between voxel centres are drawn.
    Interpolation(Interpolation),
    /// Opacity of the label fill, 0..=1.
    OverlayOpacity(f32),
    /// Whether outlines are drawn.
    OverlayOutline(bool),
    /// Whether labels are shown at all.
    OverlayShown(bool),
    /// Whether the voxels that the model is unsure of are shown with a proposal.
    UncertaintyShown(bool),
    /// Which side the patient's left is drawn on.
    Convention(Convention),
}

/// What the pointer does.
#[derive(Debug, Clone)]
pub enum ToolCommand {
    /// Chooses the tool of the primary button.
    Select(ToolId),
    /// Size and shape of brush and eraser.
    Brush(Brush),
    /// Where and over what is drawn by hand.
    Limits(Limits),
    /// How flood fill finds its region.
    Fill(Fill),
    /// How scissors cut.
    Scissors(Scissors),
    /// How wide scribbles are, in mm; `None`: two voxels of the slice.
    ScribbleWidth(Option<f64>),
    /// Whether an accepted AI result may take voxels from other unlocked labels. Off at first.
    TakeFromOthers(bool),
    /// Whether prompts wait for [`PromptCommand::Ask`]. Off at first.
    AskByHand(bool),
    /// How large what is clicked is, which prompts that stand are asked anew for. Any size at first.
    TargetSize(TargetSize),
    /// How many bytes the history may hold in memory.
    HistoryBudget(usize),
}

/// The label table. Values that name no label are ignored.
#[derive(Clone)]
pub enum LabelCommand {
    /// Adds a label and makes it active; without a name it gets `label_N`.
    Add {
        /// The name.
        name: Option<String>,
    },
    /// Adds `lesion_N` and makes it active: one key between two lesions.
    StartNextLesion,
    /// Renames a label; send it when the user is done typing.
    Rename {
        /// Which label.
        value: u16,
        /// Its new name.
        name: String,
    },
    /// Changes a colour; a row of these on one label is one step of the history.
    Recolor {
        /// Which label.
        value: u16,
        /// sRGB.
        color: [u8; 3],
    },
    /// How much a label's fill hides; a row of these on one label is one step of the history.
    Opacity {
        /// Which label.
        value: u16,
        /// In percent of what the fills of all labels hide; kept within [`crate::volume::Label::LEAST_OPAQUE`] and 100.
        percent: u8,
    },
    /// Puts labels into a group, as one step.
    Group {
        /// Which labels.
        values: Vec<u16>,
        /// Its name; empty: into none.
        group: String,
    },
    /// Shows or hides a label. Not part of the history.
    Show {
        /// Which label.
        value: u16,
        /// Shown.
        visible: bool,
    },
    /// Locks or unlocks a label.
    Lock {
        /// Which label.
        value: u16,
        /// Never overwritten.
        locked: bool,
    },
    /// Takes over names and colours of labels from a file or a template.
    Take {
        /// Names the step of the history.
        step: &'static str,
        /// The labels.
        entries: Vec<LabelEntry>,
    },
    /// Shows or hides labels. Not part of the history.
    ShowAll {
        /// Which labels.
        values: Vec<u16>,
        /// Shown.
        visible: bool,
    },
    /// Locks or unlocks labels, as one step.
    LockAll {
        /// Which labels.
        values: Vec<u16>,
        /// Never overwritten.
        locked: bool,
    },
    /// Makes a label the one that clicks and strokes go to. Not part of the history.
    Activate(u16),
    /// Removes a label and its voxels; refused when locked.
    Remove(u16),
}

/// The label layers. Ids that name no layer are ignored.
#[derive(Clone)]
pub enum LayerCommand {
    /// Adds a layer on top and makes it the active one; without a name it gets `layer_N`.
    Add {
        /// The name.
        name: Option<String>,
    },
    /// Renames a layer.
    Rename {
        /// Which layer.
        layer: LayerId,
        /// Its new name.
        name: String,
    },
    /// Removes a layer with its labels and their voxels; refused when one is locked, and for the only layer.
    Remove(LayerId),
    /// Shows or hides a layer.
    Show {
        /// Which layer.
        layer: LayerId,
        /// Shown.
        visible: bool,
    },
    /// Moves a layer in the order in which they are drawn.
    Reorder {
        /// Which layer.
        layer: LayerId,
        /// Its new place, counted from the lowest.
        to: usize,
    },
    /// Makes a layer the one that new labels begin in; an active label of another one is active no more.
    Activate(LayerId),
    /// Moves a label with its voxels to another layer. Refused when it is locked, and where labels of that layer have
    /// voxels of it, unless it may take them ([`ToolCommand::TakeFromOthers`]).
    MoveLabel {
        /// Which label.
        value: u16,
        /// Where to.
        layer: LayerId,
    },
}

/// What the user points at.
#[derive(Debug, Clone)]
pub enum PromptCommand {
    /// Adds a click.
    AddClick(Click),
    /// Sets or replaces the box; clipped to the volume.
    SetBox(VoxelBox),
    /// Adds a scribble or a lasso; what of it lies beside the volume is left out.
    Draw {
        /// Which.
        kind: DrawingKind,
        /// "This is it" or "this is not".
        polarity: Polarity,
        /// The view drawn on; it lies on the slice nearest to its first point.
        plane: Plane,
        /// The line in order; that of a lasso is closed from the last point to the first.
        line: Vec<VoxelPoint>,
    },
    /// Asks the model for the target of the prompts that stand, if it has not answered them.
    Ask,
    /// Takes back the prompt given last, without taking back anything else.
    RemoveLast,
    /// Drops all prompts and the proposal made from them.
    Clear,
}

/// The model's work.
#[derive(Clone)]
pub enum AiCommand {
    /// Asks for an automatic segmentation.
    RunAuto {
        /// Names of the model card; all of them when `None`.
        structures: Option<Vec<String>>,
    },
    /// The job of this ticket has found the target.
    PromptResult {
        /// As given by [`super::Effect::RunPrompt`].
        ticket: Ticket,
        /// The target.
        result: PromptedResult,
    },
    /// The job of this ticket has found structures.
    AutoResult {
        /// As given by [`super::Effect::RunAuto`].
        ticket: Ticket,
        /// The structures.
        result: AutoResult,
    },
    /// The job of this ticket was cancelled (`None`) or failed with this message.
    JobEnded {
        /// As given by the effect that asked for the job.
        ticket: Ticket,
        /// What to tell the user.
        failure: Option<String>,
    },
    /// Writes the proposal into the labels.
    Accept,
    /// Drops the proposal and the prompts made for it.
    Reject,
    /// Writes one structure of the proposal, named by its value there; the others stand on.
    AcceptStructure(u16),
    /// Drops one structure of the proposal; the others stand on.
    RejectStructure(u16),
}

/// Whether a stroke adds or removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StrokeMode {
    /// Gives voxels to the active label.
    Paint,
    /// Takes voxels from the active label.
    Erase,
}

impl StrokeMode {
    /// What a tool does that erases or not.
    pub fn erasing(erases: bool) -> Self {
        if erases { Self::Erase } else { Self::Paint }
    }
}

/// Drawing by hand. Positions are voxel coordinates on the slice that was drawn on.
#[derive(Debug, Clone)]
pub enum StrokeCommand {
    /// The pointer went down.
    Begin {
        /// Adds or removes.
        mode: StrokeMode,
        /// The view drawn on; a disc stays on its slice nearest to `at`.
        plane: Plane,
        /// Where.
        at: VoxelPoint,
    },
    /// The pointer moved in a straight line.
    To(VoxelPoint),
    /// The pointer went up: the stroke becomes one step of the history.
    End,
    /// Esc: the stroke leaves no trace.
    Abort,
    /// An outline was closed: what lies inside is drawn at once, as a stroke and a step of its own.
    Outline {
        /// Adds or removes.
        mode: StrokeMode,
        /// The view drawn on; the outline lies on the slice nearest to its first point.
        plane: Plane,
        /// The corners in order; the last is joined to the first.
        corners: Vec<VoxelPoint>,
    },
    /// A region that was found in the scan is drawn at once.
    Region {
        /// Adds or removes.
        mode: StrokeMode,
        /// How it is found.
        region: Region,
    },
    /// An outline cuts the active label, through its slice or the volume.
    Cut {
        /// The view drawn on; the outline lies on the slice nearest to its first point.
        plane: Plane,
        /// The corners in order; the last is joined to the first.
        corners: Vec<VoxelPoint>,
        /// How deep, and which side goes.
        scissors: Scissors,
    },
    /// The active label was moved by so many voxels along each axis.
    Shift([i64; 3]),
}

/// What is drawn to be measured. Numbers that name nothing are ignored.
#[derive(Debug, Clone, PartialEq)]
pub enum MeasureCommand {
    /// Draws something. Refused where the scan has no scale, and where it would go through time.
    Draw {
        /// What.
        shape: Shape,
        /// Its places in the patient, as many as the shape has.
        points: Vec<WorldPoint>,
    },
    /// Puts something elsewhere; refused as [`Self::Draw`] is.
    Change {
        /// Which.
        number: u32,
        /// Its new places.
        points: Vec<WorldPoint>,
    },
    /// Takes something away.
    Remove(u32),
}

/// Back and forth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryCommand {
    /// Takes back the last step; during a stroke, aborts the stroke.
    Undo,
    /// Does the last undone step again.
    Redo,
    /// Goes to where so many steps of the list are in force; beyond its end, to the end.
    JumpTo(usize),
}

macro_rules! into_command {
    ($($group:ident($commands:ty)),+ $(,)?) => {
        $(impl From<$commands> for Command {
            fn from(command: $commands) -> Self {
                Self::$group(command)
            }
        })+
    };
}

into_command!(
    Scan(ScanCommand),
    View(ViewCommand),
    Second(SecondCommand),
    Compare(CompareCommand),
    Tool(ToolCommand),
    Label(LabelCommand),
    Layer(LayerCommand),
    Prompt(PromptCommand),
    Ai(AiCommand),
    Stroke(StrokeCommand),
    Edit(EditCommand),
    Measure(MeasureCommand),
    History(HistoryCommand),
);

short_debug! {
    ScanCommand: |command| match command {
        ScanCommand::Open(_) => "open",
        ScanCommand::ReplaceImage(_) => "replace the image",
        ScanCommand::Close => "close",
        ScanCommand::OpenLabels(_) => "open labels",
        ScanCommand::WorkOn(_) => "work on another grid",
        ScanCommand::Restore(_) => "restore",
        ScanCommand::Resume(_) => "resume",
        ScanCommand::MarkSaved { .. } => "saved",
    };
    LabelCommand: |command| match command {
        LabelCommand::Add { .. } => "add",
        LabelCommand::StartNextLesion => "next lesion",
        LabelCommand::Rename { .. } => "rename",
        LabelCommand::Recolor { .. } => "recolour",
        LabelCommand::Opacity { .. } => "opacity",
        LabelCommand::Group { .. } => "group",
        LabelCommand::Show { .. } => "show",
        LabelCommand::Lock { .. } => "lock",
        LabelCommand::Take { .. } => "take over",
        LabelCommand::ShowAll { .. } => "show all",
        LabelCommand::LockAll { .. } => "lock all",
        LabelCommand::Activate(_) => "activate",
        LabelCommand::Remove(_) => "remove",
    };
    LayerCommand: |command| match command {
        LayerCommand::Add { .. } => "add layer",
        LayerCommand::Rename { .. } => "rename layer",
        LayerCommand::Remove(_) => "remove layer",
        LayerCommand::Show { .. } => "show layer",
        LayerCommand::Reorder { .. } => "reorder layer",
        LayerCommand::Activate(_) => "choose layer",
        LayerCommand::MoveLabel { .. } => "move label",
    };
    AiCommand: |command| match command {
        AiCommand::RunAuto { .. } => "run",
        AiCommand::PromptResult { .. } => "target found",
        AiCommand::AutoResult { .. } => "structures found",
        AiCommand::JobEnded { .. } => "ended",
        AiCommand::Accept => "accept",
        AiCommand::Reject => "reject",
        AiCommand::AcceptStructure(_) => "accept structure",
        AiCommand::RejectStructure(_) => "reject structure",
    };
}
