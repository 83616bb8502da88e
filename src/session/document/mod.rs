//! The document: what is edited, apart from tools and views. Label layers and their table, what the model works towards,
//! and the history of it all.
//!
//! Changes are made by an [`Edit`]: begun, written, and committed as one [`Step`] of the [`History`], which tells each to
//! the [`journal`].

mod adopted;
mod commit;
mod edit;
mod history;
pub mod journal;
mod locks;
mod proposal;
mod step;
mod target;
mod write;

pub use edit::Edit;
pub use history::History;
pub use proposal::{Proposal, Proposed};
pub use step::Step;

pub(super) use adopted::{Adopted, LABEL, LESION, is_made_up, unused_name};
pub(super) use commit::Mark;
pub(super) use locks::Locks;
pub(super) use proposal::PackedProposal;
pub(super) use step::{Delta, box_of_runs};
pub(super) use target::{Target, TargetRecord};

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::prompt::PromptSet;
use crate::volume::measurement::Measurement;
use crate::volume::{Grid, Label, LabelLayers, LabelMap, LabelTable, LayerId, Mask};

use super::ScanSource;
use super::effect::{Effect, Effects};
use journal::{Begin, Past, Record, Status};

/// Why no label can be added.
const NO_VALUE_LEFT: &str = "all 65535 label values are in use: remove a label first";

/// What is edited: labels in layers, prompts, proposal, and the history.
#[derive(Debug)]
pub struct Document {
    pub(super) layers: LabelLayers,
    pub(super) table: LabelTable,
    /// What is drawn and measured.
    pub(super) measurements: Vec<Measurement>,
    /// Voxels of each label.
    counts: BTreeMap<u16, usize>,
    pub(super) target: Target,
    pub(super) history: History,
    labels_path: Option<PathBuf>,
    revision: u64,
    /// The revision that was on disk last.
    saved_revision: u64,
    /// Revisions that the session gave to what was open before.
    earlier_revisions: Range<u64>,
    /// The next revision or ticket; goes on counting over all scans of a session, so that late messages
    /// about another scan mean nothing here.
    pub(super) next_number: u64,
}

impl Document {
    /// No labels yet. `earlier` are the revisions and tickets given out before.
    pub(super) fn new(grid: Grid, history: History, earlier: Range<u64>) -> Self {
        Self {
            layers: LabelLayers::empty(grid),
            table: LabelTable::default(),
            measurements: Vec::new(),
            counts: BTreeMap::new(),
            target: Target::default(),
            history,
            labels_path: None,
            revision: earlier.end,
            saved_revision: earlier.end,
            next_number: earlier.end + 1,
            earlier_revisions: earlier,
        }
    }

    /// A copy with labels, table and active label, to try something on: its history begins, and is told to no journal.
    pub(super) fn detached(&self) -> Self {
        Self {
            layers: self.layers.clone(),
            table: self.table.clone(),
            measurements: Vec::new(),
            counts: self.counts.clone(),
            target: Target {
                layer: self.target.layer,
                active: self.target.active,
                ..Target::default()
            },
            history: History::new(History::DEFAULT_BUDGET_BYTES, None),
            labels_path: None,
            revision: self.revision,
            saved_revision: self.saved_revision,
            earlier_revisions: self.earlier_revisions.clone(),
            next_number: self.next_number,
        }
    }

    /// The label layers. Cloning them takes a snapshot, for saving in the background.
    pub fn layers(&self) -> &LabelLayers {
        &self.layers
    }

    /// Names and colours of labels and layers.
    pub fn table(&self) -> &LabelTable {
        &self.table
    }

    /// What is drawn and measured, in the order of drawing.
    pub fn measurements(&self) -> &[Measurement] {
        &self.measurements
    }

    /// The grid of all layers.
    pub fn grid(&self) -> &Grid {
        self.layers.grid()
    }

    /// The layer that new labels begin in; that of the active label, where there is one.
    pub fn active_layer(&self) -> LayerId {
        self.target.layer
    }

    /// The labels of the active layer.
    pub fn labels(&self) -> &Arc<LabelMap> {
        self.map_of(self.target.layer)
    }

    /// The labels of the layer that a label is in.
    pub(super) fn labels_with(&self, value: u16) -> &Arc<LabelMap> {
        self.map_of(self.table.layer_of(value))
    }

    fn map_of(&self, layer: LayerId) -> &Arc<LabelMap> {
        let maps = self.layers.maps();
        self.layers.get(layer).unwrap_or(&maps[0])
    }

    /// The label that clicks and strokes go to.
    pub fn active(&self) -> Option<&Label> {
        self.target.active.and_then(|v| self.table.get(v))
    }

    /// Number of voxels of a label; a stroke in progress counts when it ends.
    pub fn voxel_count(&self, value: u16) -> usize {
        self.counts.get(&value).copied().unwrap_or(0)
    }

    /// What was pointed at for the active label.
    pub fn prompts(&self) -> &PromptSet {
        &self.target.prompts
    }

    /// The result that waits to be accepted, refined or rejected.
    pub fn proposal(&self) -> Option<&Proposal> {
        self.target.proposal.as_ref()
    }

    /// What can be undone and redone.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The file that Save writes to, once there is one.
    pub fn labels_path(&self) -> Option<&Path> {
        self.labels_path.as_deref()
    }

    /// Identifies the content of labels and names: equal revisions of one session mean equal content.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether closing now would lose work: unsaved labels, or a proposal that is not decided.
    pub fn is_dirty(&self) -> bool {
        self.revision != self.saved_revision || self.target.proposal.is_some()
    }

    /// The next revision or ticket.
    pub(super) fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }

    /// Makes a label the active one, and its layer with it.
    pub(super) fn activate(&mut self, value: u16) {
        self.target.active = Some(value);
        self.target.layer = self.table.layer_of(value);
    }

    /// The active label, if it may be changed; without one, a new `lesion_N` in the active layer (part of the step that is
    /// being made). `None`, and said, where there is none to change.
    pub(super) fn receiving_label(&mut self, out: &mut Effects) -> Option<u16> {
        if let Some(active) = self.target.active {
            return (!self.is_locked(active, out)).then_some(active);
        }
        let Some(value) = self.table.next_free_value() else {
            out.refuse(NO_VALUE_LEFT);
            return None;
        };
        let name = unused_name(&self.table, LESION);
        self.table.add_in(self.target.layer, value, &name);
        self.activate(value);
        Some(value)
    }

    /// Shows a label that is to be drawn, and its layer; whether that was needed.
    pub(super) fn show_label(&mut self, value: u16) -> bool {
        let Some(label) = self.table.get_mut(value) else {
            return false;
        };
        let was_hidden = !std::mem::replace(&mut label.visible, true);
        let layer = label.layer;
        let layer = self.table.layer_mut(layer);
        layer.is_some_and(|l| !std::mem::replace(&mut l.visible, true)) || was_hidden
    }

    /// A label that is not in the table cannot be active. None takes its place: that is for the user to say. The active
    /// layer is one that there is, and that of the active label.
    pub(super) fn forget_missing_active(&mut self) {
        let active = self.active().map(|l| (l.value, l.layer));
        self.target.active = active.map(|(value, _)| value);
        let layer = active.map_or(self.target.layer, |(_, layer)| layer);
        let is_there = self.table.layer(layer).is_some();
        let lowest = self.table.layers()[0].id;
        self.target.layer = if is_there { layer } else { lowest };
    }

    /// Whether a label is locked; tells the user when it is.
    pub(super) fn is_locked(&self, value: u16, out: &mut Effects) -> bool {
        match self.table.get(value) {
            Some(label) if label.locked => {
                let title = label.title();
                out.refuse(format!("{title} is locked: unlock it to change it"));
                true
            }
            _ => false,
        }
    }

    /// The accepted voxels of the active label, as a prior.
    pub(super) fn accepted_prior(&self) -> Option<Arc<Mask>> {
        let active = self.target.active?;
        let has_voxels = self.voxel_count(active) > 0;
        has_voxels.then(|| Arc::new(self.labels_with(active).mask_of(active)))
    }

    /// The labels of a revision were written to a file.
    pub(super) fn mark_saved(&mut self, revision: u64, path: PathBuf) {
        if self.earlier_revisions.contains(&revision) {
            return;
        }
        self.saved_revision = revision;
        self.labels_path = Some(path.clone());
        self.history.tell_record(|| Record::saved(revision, path));
    }

    /// Takes over other labels; history and prompts begin anew. They are in the file, if one is given.
    pub(super) fn replace(
        &mut self,
        layers: LabelLayers,
        mut table: LabelTable,
        file: Option<PathBuf>,
        out: &mut Effects,
    ) {
        self.counts = layers.counts();
        for (layer, map) in layers.iter() {
            for (value, _) in map.counts() {
                if table.get(value).is_none() {
                    table.add_in(layer, value, &format!("label_{value}"));
                }
            }
        }
        self.layers = layers;
        self.layers.follow(&table);
        self.table = table;
        self.target = Target::default();
        self.forget_missing_active();
        self.history = History::new(self.history.budget_bytes(), self.history.archive().cloned());
        self.revision = self.number();
        self.earlier_revisions.end = self.revision;
        if let Some(path) = file {
            self.saved_revision = self.revision;
            self.labels_path = Some(path);
        }
        out.push(Effect::LabelsChanged(self.grid().bounds()));
        out.push(Effect::TableChanged);
        out.push(Effect::PromptsChanged);
        out.push(Effect::ProposalChanged);
    }

    /// Goes on with the history of work whose labels were taken over.
    pub(super) fn resume(&mut self, past: Past, labels_path: Option<PathBuf>) {
        let (archive, budget) = (self.history.archive().cloned(), self.history.budget_bytes());
        self.history = past.history;
        self.history.continue_in(archive, budget);
        self.revision = past.revision;
        self.saved_revision = past.saved_revision;
        self.labels_path = labels_path;
        self.next_number = self.next_number.max(past.highest_revision + 1);
        self.restore_target(past.target);
        self.forget_missing_active();
    }

    /// There is nothing yet that could be lost.
    pub(super) fn begin_unchanged(&mut self) {
        self.saved_revision = self.revision;
    }

    /// The file that Save is to write to.
    pub(super) fn set_labels_path(&mut self, path: Option<PathBuf>) {
        self.labels_path = path;
    }

    /// Tells the journal that the work begins with what is there now.
    pub(super) fn tell_begin(&self, source: &ScanSource) {
        self.history.tell_begin(|| Begin {
            source: source.clone(),
            layers: Begin::runs_of(&self.layers, &self.counts),
            grid: *self.grid(),
            table: self.table.clone(),
            measurements: self.measurements.clone(),
            layer: self.target.layer,
            active: self.target.active,
            labels_path: self.labels_path.clone(),
            revision: self.revision,
            is_saved: self.revision == self.saved_revision,
        });
    }

    /// Tells the journal what is no step but part of the work.
    pub(super) fn tell_status(&mut self, source: &ScanSource) {
        let (layer, active, table) = (self.target.layer, self.target.active, &self.table);
        self.history.tell_status(|| Status {
            source: source.clone(),
            layer,
            active,
            hidden: table.hidden(),
        });
    }
}
