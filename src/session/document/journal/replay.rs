//! From a journal's bytes back to the work.

use std::path::PathBuf;
use std::sync::Arc;

use crate::session::document::{History, Step, Target, TargetRecord};
use crate::session::{ScanSource, recovery};
use crate::util::short_debug;
use crate::volume::measurement::Measurement;
use crate::volume::{Grid, LabelLayers, LabelTable};

use super::bytes::{Coded, Input, Nonsense};
use super::coding::{self, Kind, StepHead};
use super::frame::{MARK, Place, Records, is_mark};
use super::{Archive, Begin, Index, Recorded};

/// Why bytes give no work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// They are something else.
    #[error("it is no journal of Prosector")]
    NotAJournal,
    /// Another version of the program wrote it.
    #[error("another version of Prosector wrote it: open it with that one")]
    OtherVersion,
    /// Not even the beginning is whole.
    #[error("nothing whole is in it")]
    Empty,
    /// The labels do not fit into memory.
    #[error("its labels do not fit into memory")]
    TooLarge,
}

/// The work that a journal holds, as it was after its last whole record.
#[derive(Clone)]
pub struct Replay {
    /// The scan that it was drawn on.
    pub source: ScanSource,
    /// The labels.
    pub layers: LabelLayers,
    /// Their names.
    pub table: LabelTable,
    /// What is drawn and measured.
    pub measurements: Vec<Measurement>,
    /// The file that Save writes to, if there is one.
    pub labels_path: Option<PathBuf>,
    /// Whether records behind the last whole one show that the file was damaged, and not only broken off.
    pub is_damaged: bool,
    /// How many bytes of the file are whole records: what comes is to be appended here.
    pub whole_bytes: u64,
    /// Where what can be read back lies.
    pub index: Index,
    pub(in crate::session) past: Past,
}

/// How the work came to be as it is.
#[derive(Clone)]
pub(in crate::session) struct Past {
    pub target: TargetRecord,
    pub history: History,
    pub revision: u64,
    pub saved_revision: u64,
    pub highest_revision: u64,
}

short_debug! {
    Replay: |replay| format_args!("{:?} of {:?}", replay.layers, replay.source);
}

impl Replay {
    /// Replays a journal's bytes. The history holds at most `budget_bytes` of what the steps changed in memory.
    ///
    /// # Errors
    /// There is not even a beginning. A record that is not whole is no error: the work ends before it.
    pub fn of(bytes: Vec<u8>, budget_bytes: usize) -> Result<Self, ReplayError> {
        let bytes = Arc::new(bytes);
        let mut records = Records::of(&bytes).ok_or_else(|| refusal(&bytes))?;
        let (first, payload) = records.next().ok_or(ReplayError::Empty)?;
        let begin = begin_of(payload).map_err(|Nonsense| ReplayError::Empty)?;
        let recorded = Arc::new(Recorded::of(Arc::clone(&bytes)));
        recorded.note(|index| index.begins(&begin));
        let mut replay = Self::begin(begin, Arc::clone(&recorded), budget_bytes)?;
        replay.whole_bytes = first.end();
        let mut is_legible = true;
        for (place, payload) in records.by_ref() {
            if replay.take(place, payload, &recorded).is_err() {
                is_legible = false;
                break;
            }
            replay.whole_bytes = place.end();
        }
        replay.is_damaged = !is_legible || records.is_damaged();
        replay.index = recorded.index();
        Ok(replay)
    }

    fn begin(begin: Begin, recorded: Arc<Recorded>, budget: usize) -> Result<Self, ReplayError> {
        let lowest = recovery::try_empty(begin.grid).ok_or(ReplayError::TooLarge)?;
        let mut layers = LabelLayers::from(lowest);
        layers.follow(&begin.table);
        for (layer, runs) in begin.table.layers().iter().zip(&begin.layers) {
            if let Some(voxels) = layers.voxels_mut(layer.id) {
                for run in runs.iter() {
                    voxels[run.range()].fill(run.value);
                }
            }
        }
        let target = Target {
            layer: begin.layer,
            active: begin.active,
            ..Target::default()
        };
        Ok(Self {
            source: begin.source,
            layers,
            table: begin.table,
            measurements: begin.measurements,
            labels_path: begin.labels_path,
            is_damaged: false,
            whole_bytes: 0,
            index: Index::default(),
            past: Past {
                target: target.record(),
                history: History::new(budget, Some(recorded)),
                revision: begin.revision,
                // No revision is the largest number.
                saved_revision: if begin.is_saved {
                    begin.revision
                } else {
                    u64::MAX
                },
                highest_revision: begin.revision,
            },
        })
    }

    fn take(&mut self, place: Place, payload: &[u8], recorded: &Recorded) -> Result<(), Nonsense> {
        let mut input = Input(payload);
        match Kind::read(&mut input)? {
            Kind::Begin => return Err(Nonsense),
            Kind::Proposal => {
                let id = coding::proposal_id(input)?;
                recorded.note(|index| index.proposal_lies_at(id, place));
            }
            kind @ (Kind::Step | Kind::Amended) => {
                let id = StepHead::read(&mut input)?.id;
                recorded.note(|index| index.step_lies_at(id, place));
                let step = recorded.read(id).map_err(|_illegible| Nonsense)?;
                self.past.highest_revision = self.past.highest_revision.max(step.revision.after);
                if kind == Kind::Step {
                    self.take_over(&step, false);
                    if let Some(table) = &step.table {
                        // It was shown so when the step was made.
                        self.table.clone_from(&table.after);
                    }
                    self.past.history.put(step);
                } else {
                    // Results come to prompts that stand still, whatever was done since.
                    if let Some(target) = &step.target {
                        self.past.target.clone_from(&target.after);
                    }
                    if !self.past.history.replace(step) {
                        return Err(Nonsense);
                    }
                }
            }
            Kind::Position => self.go_to(usize::read(&mut input)?)?,
            Kind::Saved => {
                let (revision, path) = coding::read_saved(&mut input)?;
                self.past.saved_revision = revision;
                self.labels_path = Some(path.into());
            }
            Kind::Status => {
                let status = coding::read_status(&mut input)?;
                self.source = status.source;
                self.past.target.layer = status.layer;
                self.past.target.active = status.active;
                let labels = self.table.labels().iter();
                for value in labels.map(|l| l.value).collect::<Vec<_>>() {
                    if let Some(label) = self.table.get_mut(value) {
                        label.visible = !status.hidden.contains(&value);
                    }
                }
            }
        }
        Ok(())
    }

    fn go_to(&mut self, position: usize) -> Result<(), Nonsense> {
        while self.past.history.undo_len() != position {
            let back = self.past.history.undo_len() > position;
            let moved = self.past.history.move_over(back);
            let step = moved.map_err(|_illegible| Nonsense)?.ok_or(Nonsense)?;
            self.take_over(&step, back);
        }
        Ok(())
    }

    /// Sets the work to what it is before (`back`) or after a step.
    fn take_over(&mut self, step: &Step, back: bool) {
        let (layers, table) = (&mut self.layers, &mut self.table);
        step.bring(layers, table, &mut self.measurements, back);
        if let Some(target) = &step.target {
            self.past.target.clone_from(target.to(back));
        }
        self.past.revision = *step.revision.to(back);
    }

    /// Whether its steps can be undone on a scan of this grid.
    pub fn fits(&self, grid: &Grid) -> bool {
        let own = self.layers.grid();
        own.dims == grid.dims && own.affine == grid.affine
    }
}

pub(super) fn begin_of(payload: &[u8]) -> Result<Begin, Nonsense> {
    let mut input = Input(payload);
    match Kind::read(&mut input)? {
        Kind::Begin => coding::read_begin(&mut input),
        _ => Err(Nonsense),
    }
}

pub(super) fn refusal(bytes: &[u8]) -> ReplayError {
    let name = &MARK[..MARK.len() - 1];
    match bytes {
        [] => ReplayError::Empty,
        _ if bytes.starts_with(name) && bytes.len() > name.len() => ReplayError::OtherVersion,
        _ if is_mark(bytes) => ReplayError::Empty,
        _ => ReplayError::NotAJournal,
    }
}
