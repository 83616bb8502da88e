//! What the window shows, and what it asks for.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use crate::io::ScanInfo;
use crate::models::{ComputeDevice, ModelCard};
use crate::project::{Entry, State};
use crate::session::{Command, Rehearsed, Session};
use crate::util::short_debug;
use crate::volume::Modality;
use crate::volume::morphology::Crop;
use crate::volume::statistics::LabelStatistics;

use super::archive::{ArchiveRequest, ArchiveView};
use super::input::Action;
use super::panes::PaneId;
use super::teach::{TeachRequest, TeachView};

/// The state of the model that computes.
#[derive(Debug, Clone, Default)]
pub enum EngineStatus {
    /// It is being opened.
    #[default]
    Opening,
    /// It can be used.
    Ready {
        /// What it is.
        card: Box<ModelCard>,
        /// Where it computes.
        device: ComputeDevice,
    },
    /// None is open, as the user wants it; everything else works.
    Off,
    /// It cannot be used; everything else works.
    Failed {
        /// One line.
        message: String,
    },
}

impl EngineStatus {
    /// The card of a model that can be used.
    pub fn card(&self) -> Option<&ModelCard> {
        match self {
            Self::Ready { card, .. } => Some(card),
            _ => None,
        }
    }

    /// Whether a model can be used, and another machine computes.
    pub fn is_remote(&self) -> bool {
        matches!(self, Self::Ready { device, .. } if device.is_remote())
    }
}

/// Names a running job in the window, whoever does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JobNumber(pub u64);

/// A job that is under way.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Which one.
    pub number: JobNumber,
    /// What it is for.
    pub title: String,
    /// What it is doing.
    pub stage: String,
    /// Part done, 0..=1; `None` before the first report.
    pub fraction: Option<f32>,
    /// Whether it can be cancelled: a save is not stopped half-way.
    pub cancellable: bool,
    /// When it began.
    pub since: Instant,
}

/// What was measured of the labels.
#[derive(Debug, Default)]
pub struct Statistics {
    /// By label value; labels without voxels are missing.
    pub of_labels: BTreeMap<u16, LabelStatistics>,
    /// Whether it is of the labels as they are now.
    pub is_current: bool,
    /// Why no SUV is told of a PET, in one line.
    pub without_suv: Option<String>,
}

/// The worklist of an annotation project, as its reader sees it.
#[derive(Debug)]
pub struct Worklist {
    /// What the project is called.
    pub title: String,
    /// Under whose name cases are read.
    pub reader: String,
    /// The cases.
    pub entries: Vec<Entry>,
    /// The case that is open.
    pub current: Option<String>,
    /// Small pictures of cases, as far as they were made; `None` where that cannot be.
    pub thumbnails: BTreeMap<String, Option<Thumbnail>>,
}

/// A small square picture of a scan.
#[derive(Clone)]
pub struct Thumbnail {
    /// [`Thumbnail::SIDE`] rows of as many grey values.
    pub grey: Vec<u8>,
}

impl Thumbnail {
    /// Pixels along a side.
    pub const SIDE: usize = 64;
}

short_debug! {
    Thumbnail: |_| "a small picture";
}

/// What is asked of the worklist.
#[derive(Debug, Clone, PartialEq)]
pub enum WorklistRequest {
    /// Open this case.
    Open(String),
    /// Open the case after this one.
    Next,
    /// Hand the case in, and go on to the next one.
    Finish(State),
    /// Read under this name from now on.
    Reader(String),
    /// Show no worklist any more.
    Close,
}

/// Everything that the window reads. It changes nothing itself: it returns [`UiRequest`]s.
pub struct UiModel<'a> {
    /// The state of the application.
    pub session: &'a Session,
    /// The model.
    pub engine: &'a EngineStatus,
    /// The models that can be chosen; the first is the one in the box.
    pub models: &'a [ModelCard],
    /// What is under way, the oldest first.
    pub jobs: &'a [Job],
    /// What a click would give where the pointer rests.
    pub preview: Option<&'a Crop>,
    /// What the operation of the open form would give.
    pub rehearsed: Option<&'a Rehearsed>,
    /// Whether that is being found out.
    pub is_rehearsing: bool,
    /// What was measured of the labels, while a pane shows it.
    pub statistics: &'a Statistics,
    /// The worklist, if a project is open.
    pub worklist: Option<&'a Worklist>,
    /// Archives on the network.
    pub archive: &'a ArchiveView,
    /// What the model is taught.
    pub teaching: &'a TeachView,
    /// The scans opened last.
    pub recent: &'a [PathBuf],
    /// How many older versions of a saved file stay beside it.
    pub older_copies: usize,
    /// The adapter that draws the views; `None` without one.
    pub drawing_on: Option<&'a str>,
}

/// A question that waits for an answer, over everything else.
#[derive(Debug, Clone)]
pub enum Question {
    /// Not for clinical use: shown at the first start.
    Notice,
    /// Unsaved work, before something that would lose it.
    Unsaved {
        /// What is about to happen, as "closing the window".
        before: String,
    },
    /// Several image series in a file or folder.
    Series {
        /// The file or folder.
        path: PathBuf,
        /// The choice.
        info: Box<ScanInfo>,
    },
    /// Work of a session that ended without saving.
    Recovery {
        /// What it was, as "ct.nii.gz, 3 labels, 12 minutes ago".
        description: String,
    },
    /// A file that is there already, before it is replaced.
    Overwrite {
        /// The file.
        path: PathBuf,
    },
    /// A file that was dropped while a scan is open.
    Dropped {
        /// The file.
        path: PathBuf,
    },
    /// Labels on a grid of their own, and whether to edit them there.
    OwnGrid {
        /// Both grids, in words.
        description: String,
    },
    /// How long voxels may be that labels are to be edited on.
    FinerGrid {
        /// The voxels that are worked on, in words.
        now: String,
        /// The length in mm that was typed.
        mm: String,
    },
    /// The images that the model takes of one grid.
    Channels {
        /// Their names, and the files that were chosen for them.
        images: Vec<(String, Option<String>)>,
        /// Which of them is the open scan.
        scan_is: usize,
    },
    /// The licence of a model that is to be imported.
    Licence {
        /// Its folder.
        folder: PathBuf,
        /// What it says.
        licence: String,
    },
    /// A typed path, where the desktop has no file dialog.
    TypedPath {
        /// What for.
        title: &'static str,
        /// What was typed so far.
        text: String,
    },
}

/// The answer to a [`Question`].
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The notice was read.
    NoticeRead,
    /// Save first, then go on.
    SaveFirst,
    /// Go on, the work is lost.
    Discard,
    /// Stay.
    Cancel,
    /// This series.
    Series(String),
    /// Take the work back.
    Recover,
    /// Throw the recovered work away.
    ForgetRecovery,
    /// Replace the file.
    Overwrite,
    /// Open it as a scan.
    AsScan,
    /// Lay it over the scan.
    AsSecond,
    /// Open it as labels of the scan.
    AsLabels,
    /// Edit the labels on their own grid.
    OwnGrid,
    /// Bring the labels onto the scan's grid.
    ScanGrid,
    /// Edit on voxels no longer than this, in mm.
    VoxelMm(f64),
    /// The open scan is this one of the model's images.
    ScanIsChannel(usize),
    /// Choose the file of this one.
    ChooseChannel(usize),
    /// All of the model's images are there.
    ChannelsGiven,
    /// The licence is accepted.
    LicenceAccepted,
    /// This path was typed.
    Path(PathBuf),
}

/// Something that the window asks for.
#[derive(Debug, Clone)]
pub enum UiRequest {
    /// A change of the session.
    Command(Box<Command>),
    /// A menu entry, button or key.
    Action(Action),
    /// Labels that lie beside the scan, by their place in its list of them.
    OpenOffered(usize),
    /// One of the recent files.
    OpenRecent(PathBuf),
    /// Another frame of a 4D scan.
    ChooseFrame(usize),
    /// All frames of this slice of a 4D scan as 2D+time; `None`: its volumes again.
    FramesOfSlice(Option<usize>),
    /// The scan is read as another modality.
    ChooseModality(Modality),
    /// Compute with another model (its id).
    ChooseModel(String),
    /// Open no model, or open it again.
    ReviewOnly(bool),
    /// Keep so many older versions of a saved file.
    KeepOlderCopies(usize),
    /// Something of the worklist.
    Worklist(WorklistRequest),
    /// Something of an archive on the network.
    Archive(Box<ArchiveRequest>),
    /// Something of teaching.
    Teach(TeachRequest),
    /// Stop a job.
    CancelJob(JobNumber),
    /// The answer to the question that is shown.
    Answer(Answer),
    /// Show one pane alone, or all of them again.
    ToggleMaximised(PaneId),
}

impl UiRequest {
    /// A change of the session.
    pub fn command(command: impl Into<Command>) -> Self {
        Self::Command(Box::new(command.into()))
    }
}
