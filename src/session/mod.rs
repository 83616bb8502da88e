//! The whole state of the application, without window, GPU or model.
//!
//! # One door
//! [`Session::apply`] is the only way to change anything. It takes a [`Command`] (from the window, a
//! shortcut, a script or a finished job) and returns [`Effect`]s: what the rest of the program must do
//! now. Reading is by getters: [`Session::case`] for the open scan with everything drawn on it (a
//! [`Case`]), [`Session::tools`], [`Session::display`].
//!
//! # From a click to a label
//! [`PromptCommand::AddClick`] → [`Effect::RunPrompt`] with a [`Ticket`] → the application runs the model
//! → [`AiCommand::PromptResult`] with the same ticket → a [`Proposal`] stands ([`Case::proposal`]) →
//! more clicks refine it (it is the prior), [`AiCommand::Accept`] writes it into the active label,
//! [`AiCommand::Reject`] drops it. Results with an old ticket are ignored, so jobs may finish late.
//!
//! Only the user makes a label the active one: by choosing it, adding it, or starting it with a click, box or
//! stroke. Accepted organs and opened labels do not become active, so a click never runs into one of them
//! unasked: without an active label it starts `lesion_N`. [`Case::receiver`] tells which label is next to receive.
//!
//! Structures found without a prompt are accepted or rejected one by one ([`AiCommand::AcceptStructure`]) or all
//! at once. [`Case::gain`] tells what accepting would give, as labels and locks are now.
//!
//! The prior of a click is the standing proposal, else the accepted voxels of the active label. The prior
//! of a box is the accepted voxels only: a box is drawn to start afresh. A piece of the label that the
//! result does not touch and that no negative click lies in is kept in the proposal, because models look
//! at a region only; so is what lies out of the box's reach, where there is a box.
//!
//! Scribbles and lassos ([`PromptCommand::Draw`]) are prompts as clicks are, kept as the voxels that they cover. What other
//! labels of the layer keep is told to the model as not of the target ([`crate::prompt::Asked`]), but for labels that a
//! prompt points into. [`Case::asked_by_click`] tells what a click would ask, without making it.
//!
//! Moving on accepts: a stroke, a clean-up, the next lesion or another active label, while a proposal
//! stands, accepts it first, as a step of its own with a notice. So does a click while an automatic result
//! stands. Nothing is lost: undo brings the proposal back.
//!
//! # Layers
//! Labels lie in one or more layers ([`LayerCommand`]). Inside a layer a voxel has one label; labels of different layers
//! may overlap. A label value means the same label in every layer, so choosing a label finds its layer. Clicks, strokes,
//! operations and accepted results act on the layer of the label that they are for; labels that are new begin in the
//! active layer. Each change of a layer, the choice of the active one and what is shown of them included, is a step.
//!
//! # Grids
//! Everything of a case lies on one grid: labels, prompts, proposal, cross-hair, and the scan as views, operations and
//! models have it. That is the scan's own, or a grid that labels are edited on instead ([`ScanCommand::WorkOn`]), onto which
//! the scan is resampled; its own voxels stay beside ([`Case::scan_image`]), and labels can be saved on either.
//!
//! # Who may overwrite what
//! - A **locked** label never gains or loses a voxel, whatever the command, undo and redo included.
//! - An accepted **AI result** takes background only, and replaces the voxels of the label it is for. With
//!   [`ToolCommand::TakeFromOthers`] it also takes voxels of other unlocked labels. An automatic result is
//!   for the labels that have its structures' names.
//! - The **brush** takes background and every label that is visible and unlocked: what one cannot see, one
//!   does not paint over, or less, where [`Limits`] say so. The **eraser** takes from the active label only, and so do
//!   scissors. A label that is **moved** takes background only.
//! - **Operations** take background only, or also the labels that they are told to ([`operations`]).
//!
//! # History
//! Everything that changes labels, label table, prompts, proposal or measurements is a step; a result belongs to the
//! step of the prompt that asked for it. Tools, views, visibility and the choice of the active label are
//! not steps. Steps hold run-length coded changes. With an [`journal::Archive`] each is told to it as it is made
//! and stays undoable for ever; memory holds [`History::DEFAULT_BUDGET_BYTES`] of them unless told otherwise. Without
//! one, the oldest are forgotten beyond that; the newest step always stays.

mod ai;
mod asked;
mod at_once;
mod case;
mod command;
mod compare;
mod document;
mod doubt;
mod effect;
mod gain;
mod grid;
mod label_sets;
mod labels;
mod layers;
mod limits;
mod measure;
mod open;
pub mod operations;
mod prompts;
mod readout;
pub mod recovery;
mod region;
mod rehearsal;
mod scan;
mod second;
pub mod settings;
mod stroke;
mod templates;
mod tool;
mod view;

pub use case::Case;
pub use command::{
    AiCommand, Command, HistoryCommand, LabelCommand, LayerCommand, MeasureCommand, PromptCommand,
    ScanCommand, StrokeCommand, StrokeMode, ToolCommand, ViewCommand,
};
pub use compare::{CompareCommand, ComparedLabel, ComparedReading, Comparison, TakenPart, agreed};
pub use document::{Document, Edit, History, Proposal, Proposed, Step, journal};
pub use doubt::UNSURE_PERCENT;
pub use effect::{Effect, Severity, Ticket};
pub use gain::{Gain, StructureGain};
pub use grid::{LabelFit, LabelOrigin, Regridded};
pub use labels::Receiver;
pub use limits::{Area, Limits, Over, ValueRange};
pub use operations::EditCommand;
pub use readout::Readout;
pub use region::Region;
pub use rehearsal::{Rehearsal, Rehearsed};
pub use scan::{OpenedLabels, OpenedScan, ScanSource};
pub use second::{SecondCommand, SecondImage};
pub use templates::{TEMPLATES, Template};
pub use tool::{Brush, BrushShape, CutSide, Fill, Scissors, ToolId, Tools};
pub use view::Display;

pub use crate::volume::Interpolation;

use std::sync::Arc;

use effect::Effects;
use journal::{Archive, unique_number};
use settings::Settings;

/// The state of the application. See the module's documentation for its rules.
#[derive(Debug, Default)]
pub struct Session {
    case: Option<Case>,
    tools: Tools,
    display: Display,
    history_budget_bytes: Option<usize>,
    archive: Option<Arc<dyn Archive>>,
    /// The first revision or ticket.
    first_number: u64,
    /// The next revision or ticket, while nothing is open.
    next_number: u64,
}

impl Session {
    /// Nothing open; tools and display as the user left them.
    pub fn new(settings: &Settings) -> Self {
        Self {
            tools: Tools {
                brush: settings.brush.clamped(),
                take_from_others: settings.take_from_others,
                asks_by_hand: settings.asks_by_hand,
                ..Tools::default()
            },
            display: settings.display(),
            history_budget_bytes: Some(settings.history_budget_bytes()),
            ..Self::default()
        }
    }

    /// The same session with another history budget for the scans it opens.
    pub fn with_history_budget(mut self, bytes: usize) -> Self {
        self.history_budget_bytes = Some(bytes);
        self
    }

    /// The same session; every step of the scans that it opens is told to the archive, and read back from it when it is
    /// not in memory any more.
    pub fn with_archive(mut self, archive: Arc<dyn Archive>) -> Self {
        self.archive = Some(archive);
        // Revisions of sessions that write one journal after the other must differ.
        self.first_number = unique_number();
        self.next_number = self.first_number;
        self
    }

    /// How many bytes the history may hold in memory.
    pub fn history_budget_bytes(&self) -> usize {
        let default = History::DEFAULT_BUDGET_BYTES;
        self.history_budget_bytes.unwrap_or(default)
    }

    /// The open scan with everything drawn on it.
    pub fn case(&self) -> Option<&Case> {
        self.case.as_ref()
    }

    /// Tool and brush.
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// Interpolation, overlay and convention.
    pub fn display(&self) -> &Display {
        &self.display
    }

    /// Whether closing now would lose work.
    pub fn is_dirty(&self) -> bool {
        self.case.as_ref().is_some_and(Case::is_dirty)
    }

    /// Applies one command; the only way to change a session.
    ///
    /// What cannot be done is refused with an [`Effect::Notice`], and the state is as before. Commands that
    /// need a scan do nothing without one.
    pub fn apply(&mut self, command: impl Into<Command>) -> Vec<Effect> {
        let mut out = Effects::default();
        match command.into() {
            Command::Scan(c) => self.apply_scan(c, &mut out),
            Command::View(c) => self.apply_view(c, &mut out),
            Command::Second(c) => match &mut self.case {
                Some(case) => case.apply_second(c, &mut out),
                None => {
                    out.refuse("no scan is open: open the scan first, then a second image over it");
                }
            },
            Command::Tool(c) => self.apply_tool(c, &mut out),
            on_case => {
                if let Some(case) = &mut self.case {
                    case.apply(on_case, self.tools, &mut out);
                }
            }
        }
        if let Some(case) = &mut self.case {
            case.update_gain(self.tools);
            case.update_readings();
            case.update_comparison(&out.0);
            case.document.tell_status(&case.scan.source);
        }
        out.0
    }

    fn apply_tool(&mut self, command: ToolCommand, out: &mut Effects) {
        match command {
            ToolCommand::Select(tool) => self.tools.tool = tool,
            ToolCommand::Brush(brush) => self.tools.brush = brush.clamped(),
            ToolCommand::Limits(limits) => self.tools.limits = limits,
            ToolCommand::Fill(fill) => self.tools.fill = fill,
            ToolCommand::Scissors(scissors) => self.tools.scissors = scissors,
            ToolCommand::ScribbleWidth(mm) => {
                let (least, most) = Tools::SCRIBBLE_RANGE_MM;
                let mm = mm.filter(|mm| mm.is_finite());
                self.tools.scribble_mm = mm.map(|mm| mm.clamp(least, most));
            }
            ToolCommand::AskByHand(on) => self.tools.asks_by_hand = on,
            ToolCommand::TargetSize(size) => {
                let is_other = std::mem::replace(&mut self.tools.target_size, size) != size;
                let case = self.case.as_mut().filter(|_| is_other);
                // A box says how large it is.
                if let Some(case) = case.filter(|c| c.prompts().target_box.is_none()) {
                    case.ask_anew(self.tools, out);
                }
            }
            ToolCommand::TakeFromOthers(on) => self.tools.take_from_others = on,
            ToolCommand::HistoryBudget(bytes) => {
                self.history_budget_bytes = Some(bytes);
                if let Some(case) = &mut self.case {
                    case.document.history.set_budget(bytes);
                }
            }
        }
        out.push(Effect::ViewChanged);
    }
}
