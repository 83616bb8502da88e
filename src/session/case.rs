//! The open scan and everything drawn on it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::geometry::VoxelIndex;
use crate::io::ScanInfo;
use crate::models::ScanKey;
use crate::prompt::PromptSet;
use crate::volume::{Grid, ImageVolume, Label, LabelMap, LabelTable, Window};

use super::ai::Jobs;
use super::change::Target;
use super::effect::Effects;
use super::gain::KnownGain;
use super::stroke::Stroke;
use super::{
    Command, History, HistoryCommand, OpenedScan, Proposal, ScanSource, StrokeCommand, Tools,
};

/// The open scan, its labels, and the state of working on them.
#[derive(Debug)]
pub struct Case {
    pub(super) scan: OpenedScan,
    pub(super) window: Window,
    pub(super) cross_hair: VoxelIndex,
    pub(super) labels: Arc<LabelMap>,
    pub(super) table: LabelTable,
    pub(super) counts: BTreeMap<u16, usize>,
    pub(super) target: Target,
    pub(super) jobs: Jobs,
    pub(super) stroke: Option<Stroke>,
    pub(super) history: History,
    pub(super) labels_path: Option<PathBuf>,
    pub(super) revision: u64,
    /// The revision that was on disk last.
    pub(super) saved_revision: u64,
    /// Revisions that the session gave to what was open before.
    pub(super) earlier_revisions: Range<u64>,
    /// The next revision or ticket; goes on counting over all scans of a session, so that late messages
    /// about another scan mean nothing here.
    pub(super) next_number: u64,
    pub(super) gain: Option<KnownGain>,
}

impl Case {
    /// The scan's voxels.
    pub fn image(&self) -> &Arc<ImageVolume> {
        &self.scan.image
    }

    /// What the file says about the scan.
    pub fn info(&self) -> &ScanInfo {
        &self.scan.info
    }

    /// Identifies the scan for caches.
    pub fn key(&self) -> ScanKey {
        self.scan.key
    }

    /// Where the scan came from.
    pub fn source(&self) -> &ScanSource {
        &self.scan.source
    }

    /// What the scan is called: the description of its DICOM series, else the name of its file or folder.
    pub fn title(&self) -> String {
        let uid = match self.source() {
            ScanSource::File { series, .. } => series.as_deref(),
            ScanSource::Sample => None,
        };
        let series = &self.info().series;
        let shown = match uid {
            Some(uid) => series.iter().find(|s| s.uid == uid),
            None => series.first().filter(|_| series.len() == 1),
        };
        shown
            .map(|s| s.description.trim().to_owned())
            .filter(|description| !description.is_empty())
            .unwrap_or_else(|| self.source().title())
    }

    /// The grid of scan, labels and proposals.
    pub fn grid(&self) -> &Grid {
        self.scan.image.grid()
    }

    /// The labels. Cloning the `Arc` takes a snapshot, for saving in the background.
    pub fn labels(&self) -> &Arc<LabelMap> {
        &self.labels
    }

    /// Names and colours of the labels.
    pub fn table(&self) -> &LabelTable {
        &self.table
    }

    /// The label that clicks and strokes go to.
    pub fn active(&self) -> Option<&Label> {
        self.target.active.and_then(|v| self.table.get(v))
    }

    /// Number of voxels of a label; a stroke in progress counts when it ends.
    pub fn voxel_count(&self, value: u16) -> usize {
        self.counts.get(&value).copied().unwrap_or(0)
    }

    /// Volume of a label in ml; means nothing where the third axis is time.
    pub fn volume_ml(&self, value: u16) -> f64 {
        self.ml_of(self.voxel_count(value))
    }

    fn ml_of(&self, voxels: usize) -> f64 {
        voxels as f64 * self.grid().affine.voxel_volume_mm3() / 1000.0
    }

    /// How large something of this many voxels is, in words: its volume, or its voxels where time is an axis.
    pub fn size_text(&self, voxels: usize) -> String {
        if self.image().third_axis().is_time() {
            return format!("{voxels} voxels");
        }
        format!("{:.1} ml", self.ml_of(voxels))
    }

    /// What was pointed at for the active label.
    pub fn prompts(&self) -> &PromptSet {
        &self.target.prompts
    }

    /// The result that waits to be accepted, refined or rejected.
    pub fn proposal(&self) -> Option<&Proposal> {
        self.target.proposal.as_ref()
    }

    /// Whether a prompt job is expected to bring a result.
    pub fn is_prompt_running(&self) -> bool {
        self.jobs.prompt.is_some()
    }

    /// Whether an automatic segmentation is expected to bring a result.
    pub fn is_auto_running(&self) -> bool {
        self.jobs.auto.is_some()
    }

    /// Whether a stroke is being drawn.
    pub fn is_stroke_active(&self) -> bool {
        self.stroke.is_some()
    }

    /// The cross-hair, inside the volume.
    pub fn cross_hair(&self) -> VoxelIndex {
        self.cross_hair
    }

    /// Window and level.
    pub fn window(&self) -> Window {
        self.window
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

    /// The next revision or ticket.
    pub(super) fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }

    /// Whether closing now would lose work: unsaved labels, or a proposal that is not decided.
    pub fn is_dirty(&self) -> bool {
        self.revision != self.saved_revision
            || self.target.proposal.is_some()
            || self.stroke.is_some()
    }

    /// Commands on the open scan.
    pub(super) fn apply(&mut self, command: Command, tools: Tools, out: &mut Effects) {
        let is_history = matches!(command, Command::History(_));
        if self.stroke.is_some() && interrupts(&command) {
            self.apply_stroke(&StrokeCommand::End, tools, out);
        }
        match command {
            Command::Label(c) => self.apply_label(c, tools, out),
            Command::Prompt(c) => self.apply_prompt(c, tools, out),
            Command::Ai(c) => self.apply_ai(c, tools, out),
            Command::Stroke(c) => self.apply_stroke(&c, tools, out),
            Command::Edit(c) => self.apply_edit(&c, tools, out),
            Command::History(HistoryCommand::Undo) if self.stroke.is_some() => {
                self.apply_stroke(&StrokeCommand::Abort, tools, out);
            }
            Command::History(c) => self.apply_history(c, out),
            Command::Scan(_) | Command::View(_) | Command::Tool(_) => {}
        }
        if !is_history {
            self.show_waiting_structures(out);
        }
    }
}

/// Whether a command cannot go together with a stroke in progress and ends it first.
fn interrupts(command: &Command) -> bool {
    use super::AiCommand::{Accept, AcceptStructure, Reject, RejectStructure};
    match command {
        Command::Label(_) | Command::Prompt(_) | Command::Edit(_) => true,
        Command::Ai(c) => matches!(c, Accept | Reject | AcceptStructure(_) | RejectStructure(_)),
        Command::History(c) => *c != HistoryCommand::Undo,
        Command::Stroke(c) => matches!(
            c,
            StrokeCommand::Begin { .. } | StrokeCommand::Outline { .. }
        ),
        Command::Scan(_) | Command::View(_) | Command::Tool(_) => false,
    }
}
