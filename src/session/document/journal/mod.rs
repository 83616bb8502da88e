//! The journal: every committed step of the work on one scan, in the order of work, as records that are only appended.
//!
//! The session tells an [`Archive`] each record at the moment when it changes its history, so that no step can miss it.
//! The archive writes [`Batch`]es of them; [`Replay::of`] makes of a file's bytes the labels, the table and the whole
//! history as they were after its last whole record. `frame.rs` is the file's outer form (lengths and checksums),
//! `coding.rs` that of each record (`values.rs`: of what is in them, `layers.rs`: of what is in other layers than the first, `measured.rs`: of measurements and of how labels look),
//! `bytes.rs` that of numbers and lists.

mod batch;
mod bytes;
mod coding;
mod drawn;
mod frame;
mod index;
mod layers;
mod measured;
mod recorded;
mod replay;
mod summary;
mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::session::ScanSource;
use crate::util::short_debug;
use crate::volume::measurement::Measurement;
use crate::volume::{Grid, LabelLayers, LabelTable, LayerId, Runs};

use super::step::Step;

pub use batch::Batch;
pub use frame::{MARK, Place, is_mark};
pub use index::Index;
pub use recorded::Recorded;
pub(in crate::session) use replay::Past;
pub use replay::{Replay, ReplayError};
pub use summary::Summary;

/// Where a session's steps go, and come back from.
pub trait Archive: fmt::Debug + Send + Sync {
    /// Takes a record; returns at once.
    fn append(&self, record: Record);

    /// Whether a step as it was told last can be read back.
    fn holds(&self, step: StepId) -> bool;

    /// A step that it holds.
    ///
    /// # Errors
    /// One line for the user.
    fn read(&self, step: StepId) -> Result<Arc<Step>, String>;
}

/// Identifies a step in all journals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepId(u64);

impl StepId {
    pub(in crate::session) fn fresh() -> Self {
        Self(unique_number())
    }
}

/// A number that nothing else has, in this process or, as good as certainly, in any other; nor has anything one of the
/// million after it, to which a session counts on.
pub(in crate::session) fn unique_number() -> u64 {
    /// Room for a count above a random start; seven bytes as a varint.
    const BITS_LEFT: u32 = u64::BITS - 48;
    const ROOM: u64 = 1 << 20;
    static NEXT: LazyLock<AtomicU64> =
        LazyLock::new(|| AtomicU64::new(rand::random::<u64>() >> BITS_LEFT));
    NEXT.fetch_add(ROOM, Ordering::Relaxed)
}

/// One record of a journal.
#[derive(Clone)]
pub struct Record(Content);

/// What a record says.
#[derive(Clone)]
enum Content {
    /// Work begins; always the first record.
    Begin(Arc<Begin>),
    /// A step was committed, and what had been undone is gone. With the id of the last step it takes its place.
    Step(Arc<Step>),
    /// A step is now this one.
    Amended(Arc<Step>),
    /// So many steps are in force: undo, redo, jumps.
    Position(usize),
    /// The labels of a revision are in the user's file.
    Saved { revision: u64, path: PathBuf },
    /// What is part of the work but no step.
    Status(Status),
}

/// What work begins with.
#[derive(Clone)]
pub struct Begin {
    pub(super) source: ScanSource,
    pub(super) grid: Grid,
    /// Labelled voxels of each of the table's layers.
    pub(super) layers: Vec<Runs<u16>>,
    pub(super) table: LabelTable,
    pub(super) measurements: Vec<Measurement>,
    /// The active layer.
    pub(super) layer: LayerId,
    pub(super) active: Option<u16>,
    pub(super) labels_path: Option<PathBuf>,
    pub(super) revision: u64,
    /// Whether the labels are in the user's file.
    pub(super) is_saved: bool,
}

/// What is part of the work but no step.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::session) struct Status {
    pub source: ScanSource,
    /// The active layer.
    pub layer: LayerId,
    pub active: Option<u16>,
    /// Labels that are not shown.
    pub hidden: Vec<u16>,
}

short_debug! {
    Begin: |begin| format_args!("work on {:?} begins", begin.source);
    Status: |status| format_args!("active {:?}", status.active);
    Record: |record| match record.0 {
        Content::Begin(_) => "begin",
        Content::Step(_) => "step",
        Content::Amended(_) => "amended step",
        Content::Position(_) => "position",
        Content::Saved { .. } => "saved",
        Content::Status(_) => "status",
    };
}

impl Begin {
    /// What it says of the layers' voxels; `counts` tells whether there are any.
    pub(super) fn runs_of(layers: &LabelLayers, counts: &BTreeMap<u16, usize>) -> Vec<Runs<u16>> {
        let runs = layers.maps().iter().map(|map| match counts.is_empty() {
            true => Runs::default(),
            false => Runs::of_nonzero(&map.voxels),
        });
        runs.collect()
    }
}

impl Record {
    pub(in crate::session) fn begin(begin: Begin) -> Self {
        Self(Content::Begin(Arc::new(begin)))
    }

    pub(in crate::session) fn step(step: Arc<Step>) -> Self {
        Self(Content::Step(step))
    }

    pub(in crate::session) fn amended(step: Arc<Step>) -> Self {
        Self(Content::Amended(step))
    }

    pub(in crate::session) fn position(steps: usize) -> Self {
        Self(Content::Position(steps))
    }

    pub(in crate::session) fn saved(revision: u64, path: PathBuf) -> Self {
        Self(Content::Saved { revision, path })
    }

    pub(in crate::session) fn status(status: Status) -> Self {
        Self(Content::Status(status))
    }

    /// Whether work begins anew: what was told before belongs to another journal.
    pub fn is_begin(&self) -> bool {
        matches!(self.0, Content::Begin(_))
    }

    /// The step that it tells.
    pub fn told(&self) -> Option<StepId> {
        match &self.0 {
            Content::Step(step) | Content::Amended(step) => Some(step.id),
            _ => None,
        }
    }

    /// Whether there is something to lose from this record on: a step, or labels that are in no file.
    pub fn has_work(&self) -> bool {
        match &self.0 {
            Content::Begin(begin) => !begin.is_saved,
            Content::Step(_) => true,
            _ => false,
        }
    }
}
