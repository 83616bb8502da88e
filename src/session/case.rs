//! The open scan and everything drawn on it.

use std::path::Path;
use std::sync::Arc;

use crate::geometry::VoxelIndex;
use crate::io::ScanInfo;
use crate::models::ScanKey;
use crate::prompt::PromptSet;
use crate::volume::{Grid, ImageVolume, Label, LabelMap, LabelTable, Window};

use super::ai::Jobs;
use super::document::Document;
use super::effect::Effects;
use super::gain::KnownGain;
use super::grid::Original;
use super::measure::Readings;
use super::stroke::Stroke;
use super::{
    Command, CompareCommand, Comparison, History, HistoryCommand, OpenedScan, Proposal, ScanSource,
    SecondImage, StrokeCommand, Tools,
};

/// The open scan, its labels, and the state of working on them.
#[derive(Debug)]
pub struct Case {
    /// The scan, its image on the grid that is worked on.
    pub(super) scan: OpenedScan,
    /// The scan's own voxels, where that is another grid.
    pub(super) original: Option<Original>,
    pub(super) second: Option<SecondImage>,
    pub(super) comparison: Option<Comparison>,
    pub(super) window: Window,
    pub(super) inverted: bool,
    pub(super) cross_hair: VoxelIndex,
    pub(super) document: Document,
    pub(super) jobs: Jobs,
    pub(super) stroke: Option<Stroke>,
    pub(super) gain: Option<KnownGain>,
    pub(super) readings: Readings,
}

impl Case {
    /// The scan on the grid that is worked on: what views, operations and models have.
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
        self.scan.title()
    }

    /// The grid that is worked on: of scan, labels and proposals.
    pub fn grid(&self) -> &Grid {
        self.scan.image.grid()
    }

    /// What is edited: label layers, their table, and the history.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The labels of the active layer: those that clicks, strokes and operations work on.
    pub fn labels(&self) -> &Arc<LabelMap> {
        self.document.labels()
    }

    /// Names and colours of labels and layers.
    pub fn table(&self) -> &LabelTable {
        self.document.table()
    }

    /// The label that clicks and strokes go to.
    pub fn active(&self) -> Option<&Label> {
        self.document.active()
    }

    /// Number of voxels of a label; a stroke in progress counts when it ends.
    pub fn voxel_count(&self, value: u16) -> usize {
        self.document.voxel_count(value)
    }

    /// Volume of a label in ml; means nothing where the third axis is time.
    pub fn volume_ml(&self, value: u16) -> f64 {
        self.scan.ml_of(self.voxel_count(value))
    }

    /// How large something of this many voxels is, in words: its volume, or its voxels where time is an axis.
    pub fn size_text(&self, voxels: usize) -> String {
        self.scan.size_text(voxels)
    }

    /// What was pointed at for the active label.
    pub fn prompts(&self) -> &PromptSet {
        self.document.prompts()
    }

    /// The result that waits to be accepted, refined or rejected.
    pub fn proposal(&self) -> Option<&Proposal> {
        self.document.proposal()
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

    /// Whether low values are shown white and high ones black: at first for PET.
    pub fn is_inverted(&self) -> bool {
        self.inverted
    }

    /// What can be undone and redone.
    pub fn history(&self) -> &History {
        self.document.history()
    }

    /// The file that Save writes to, once there is one.
    pub fn labels_path(&self) -> Option<&Path> {
        self.document.labels_path()
    }

    /// Identifies the content of labels and names: equal revisions of one session mean equal content.
    pub fn revision(&self) -> u64 {
        self.document.revision()
    }

    /// Whether closing now would lose work: unsaved labels, or a proposal that is not decided.
    pub fn is_dirty(&self) -> bool {
        self.document.is_dirty() || self.stroke.is_some()
    }

    /// Commands on the open scan.
    pub(super) fn apply(&mut self, command: Command, tools: Tools, out: &mut Effects) {
        let is_history = matches!(command, Command::History(_));
        if self.stroke.is_some() && interrupts(&command) {
            self.apply_stroke(&StrokeCommand::End, tools, out);
        }
        match command {
            Command::Label(c) => self.apply_label(c, tools, out),
            Command::Layer(c) => self.apply_layer(c, tools, out),
            Command::Prompt(c) => self.apply_prompt(c, tools, out),
            Command::Ai(c) => self.apply_ai(c, tools, out),
            Command::Stroke(c) => self.apply_stroke(&c, tools, out),
            Command::Edit(c) => self.apply_edit(&c, tools, out),
            Command::Measure(c) => self.apply_measure(c, out),
            Command::Compare(c) => self.apply_compare(c, tools, out),
            Command::History(HistoryCommand::Undo) if self.stroke.is_some() => {
                self.apply_stroke(&StrokeCommand::Abort, tools, out);
            }
            Command::History(c) => self.apply_history(c, tools, out),
            Command::Scan(_) | Command::View(_) | Command::Second(_) | Command::Tool(_) => {}
        }
        if !is_history {
            self.show_waiting_structures(out);
        }
    }
}

impl Case {
    /// Undo, redo, and jumps: any number of steps back or forward, told as one change.
    fn apply_history(&mut self, command: HistoryCommand, tools: Tools, out: &mut Effects) {
        let history = self.document.history();
        let (here, redo) = (history.undo_len(), history.redo_len());
        let wanted = match command {
            HistoryCommand::Undo => here.saturating_sub(1),
            HistoryCommand::Redo => here + redo.min(1),
            HistoryCommand::JumpTo(position) => position.min(here + redo),
        };
        let before = self.document.target.record();
        if let Some(record) = self.document.go_to(wanted, out) {
            self.document.restore_target(record);
            self.document.target.record().announce(&before, out);
            self.cancel_prompt_job(out);
            if !tools.asks_by_hand {
                self.answer_prompts(tools, out);
            }
        }
        self.document.forget_missing_active();
    }

    /// Asks for the target of prompts that stand without their answer.
    pub(super) fn answer_prompts(&mut self, tools: Tools, out: &mut Effects) {
        if !self.document.target.proposal_answers_prompts() {
            self.run_prompts(self.document.accepted_prior(), tools, out);
        }
    }
}

/// Whether a command cannot go together with a stroke in progress and ends it first.
fn interrupts(command: &Command) -> bool {
    use super::AiCommand::{Accept, AcceptStructure, Reject, RejectStructure};
    match command {
        Command::Label(_)
        | Command::Layer(_)
        | Command::Prompt(_)
        | Command::Edit(_)
        | Command::Measure(_) => true,
        Command::Compare(c) => matches!(c, CompareCommand::Take { .. }),
        Command::Ai(c) => matches!(c, Accept | Reject | AcceptStructure(_) | RejectStructure(_)),
        Command::History(c) => *c != HistoryCommand::Undo,
        Command::Stroke(c) => matches!(
            c,
            StrokeCommand::Begin { .. }
                | StrokeCommand::Outline { .. }
                | StrokeCommand::Region { .. }
                | StrokeCommand::Cut { .. }
                | StrokeCommand::Shift(_)
        ),
        Command::Scan(_) | Command::View(_) | Command::Second(_) | Command::Tool(_) => false,
    }
}
