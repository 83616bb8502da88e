//! What the primary button does in a view: a table with one file a tool.
//!
//! A tool is asked what a press begins ([`Kind::press`]); what it answers follows the pointer until the button is let go
//! ([`Drag`]). Both say what the user means as [`ViewIntent`]s. What is drawn in several presses stands in an
//! [`OpenOutline`] meanwhile. Menu, panel, keys, help and palette list the tools from [`TOOLS`].

mod angle;
mod box_3d;
mod brush;
mod click;
mod cross_hair;
mod diameter;
mod distance;
mod ellipse;
mod erase_area;
mod eraser;
mod fill;
mod lasso;
mod level_trace;
mod limits;
mod live_wire;
mod measure;
mod move_label;
mod outline;
mod pick;
mod polygon;
mod scissors;
mod scribble;
mod window;

use std::fmt::Debug;

use egui::{CursorIcon, KeyboardShortcut, Modifiers, Painter, Pos2, Ui, Vec2};

use crate::geometry::{VoxelBox, VoxelIndex};
use crate::models::ModelCard;
use crate::prompt::Polarity;
use crate::session::{Case, Command, Receiver, ToolId, Tools};
use crate::ui::texts::tr;
use crate::volume::measurement::Measurement;
use crate::volume::morphology::Crop;

use super::model::{UiModel, UiRequest};
use super::state::UiState;
use super::view::{PlacedView, ViewIntent};

pub(super) use limits::show as limits;
pub use outline::OpenOutline;
pub use window::WIDTH_OF_WHOLE_NUMBERS;
pub(super) use window::WindowDrag;

/// All tools, in the order of the panel.
pub const TOOLS: &[Tool] = &[
    cross_hair::TOOL,
    click::TOOL,
    box_3d::TOOL,
    brush::TOOL,
    eraser::TOOL,
    polygon::TOOL,
    window::TOOL,
    scribble::TOOL,
    lasso::TOOL,
    diameter::TOOL,
    live_wire::TOOL,
    erase_area::TOOL,
    fill::TOOL,
    level_trace::TOOL,
    scissors::TOOL,
    move_label::TOOL,
    pick::TOOL,
    distance::TOOL,
    angle::TOOL,
    ellipse::TOOL,
];

/// The tool that chooses labels, whose press any tool has with Ctrl.
pub(super) const PICK: &Tool = &pick::TOOL;

/// The tool whose handles the 3D box shows.
pub const BOX: ToolId = box_3d::TOOL.id;

/// One tool.
#[derive(Clone, Copy)]
pub struct Tool {
    /// Names it in the session and in the settings.
    pub id: ToolId,
    /// What it is called.
    pub title: &'static str,
    /// What it does, in one sentence.
    pub hint: &'static str,
    /// Its keys, the first being the one that menus show.
    pub keys: &'static [KeyboardShortcut],
    /// What it does.
    pub kind: &'static dyn Kind,
}

impl Tool {
    /// The tool of this id; the cross-hair where there is none.
    pub fn of(id: ToolId) -> &'static Self {
        TOOLS.iter().find(|t| t.id == id).unwrap_or(&TOOLS[0])
    }

    /// Whether it can be used in a view: in a tilted one, not every tool can.
    pub fn works_in(&self, view: &PlacedView, tools: &Tools) -> bool {
        !view.slice.is_tilted() || self.kind.works_tilted(tools)
    }
}

/// What a tool does.
pub trait Kind: Sync {
    /// The primary button went down over a view: what the drag that begins does.
    fn press(&self, pointer: &mut Pointer<'_>) -> Box<dyn Drag>;

    /// The button was pressed twice in quick succession, after the second [`Self::press`] was let go.
    fn double_press(&self, _pointer: &mut Pointer<'_>) {}

    /// The pointer went on over a view while no button is held.
    fn hover(&self, _pointer: &mut Pointer<'_>) {}

    /// The change of the session that closing an outline of this tool means.
    fn closed(&self, _outline: OpenOutline, _tools: &Tools) -> Option<Command> {
        None
    }

    /// What is being measured with an outline of this tool while the pointer is here, to be shown in the outline's place.
    fn forming(
        &self,
        _outline: &OpenOutline,
        _view: &PlacedView,
        _pos: Option<Pos2>,
    ) -> Option<Measurement> {
        None
    }

    /// Whether it takes hold of what is drawn to be measured.
    fn measures(&self) -> bool {
        false
    }

    /// Whether it works in views whose plane is no voxel plane, as it is set.
    fn works_tilted(&self, _tools: &Tools) -> bool {
        false
    }

    /// The pointer's shape over a view; `target_box` is the prompt's.
    fn cursor(&self, _view: &PlacedView, _pos: Pos2, _target_box: Option<VoxelBox>) -> CursorIcon {
        CursorIcon::Crosshair
    }

    /// What a press will do and to which label, in words beside the pointer; `inverse` while Shift is held. `None` for
    /// tools that touch no label.
    fn words(&self, _receiver: &Receiver, _polarity: Polarity, _inverse: bool) -> Option<String> {
        None
    }

    /// Why a press here gives nothing, or less than it shows; said with the words beside the pointer.
    fn landing(&self, _aim: &Aim<'_>) -> Option<String> {
        None
    }

    /// Whether what a press would give can be shown while the pointer rests.
    fn previews(&self) -> bool {
        false
    }

    /// How the panel's line about the label that receives begins.
    fn receives(&self) -> &'static str {
        tr!("Clicks and boxes go to")
    }

    /// What the panel says while there is no proposal; `None` for tools that ask for none.
    fn invitation(&self) -> Option<&'static str> {
        None
    }

    /// What a model lacks that the tool needs.
    fn lacking(&self, _card: &ModelCard) -> Option<&'static str> {
        None
    }

    /// Whether it draws within the limits that are set for drawing by hand.
    fn heeds_limits(&self) -> bool {
        false
    }

    /// What the row of the tool's settings says where there is nothing to set.
    fn usage(&self) -> &'static str {
        ""
    }

    /// Draws the tool's settings into the row that the panel has for them.
    fn settings(
        &self,
        ui: &mut Ui,
        _model: &UiModel<'_>,
        _state: &mut UiState,
        _out: &mut Vec<UiRequest>,
    ) {
        if !self.usage().is_empty() {
            ui.weak(self.usage());
        }
    }

    /// Draws what the tool shows around the pointer.
    fn at_pointer(&self, _painter: &Painter, _view: &PlacedView, _pos: Pos2, _model: &UiModel<'_>) {
    }
}

/// Where a press would land.
#[derive(Debug, Clone, Copy)]
pub struct Aim<'a> {
    /// The voxel; `None` beside the scan.
    pub voxel: Option<VoxelIndex>,
    /// What a press means.
    pub polarity: Polarity,
    /// The scan and what is drawn on it.
    pub case: &'a Case,
    /// How tools are set.
    pub tools: &'a Tools,
}

/// The pointer over a view, and what it works on.
pub struct Pointer<'a> {
    /// The view.
    pub view: &'a PlacedView,
    /// Where it is, in points.
    pub pos: Pos2,
    /// How far it went since it was told of last, in points.
    pub by: Vec2,
    /// The keys that are held.
    pub modifiers: Modifiers,
    /// What a plain click means.
    pub polarity: Polarity,
    /// The scan and what is drawn on it.
    pub case: &'a Case,
    /// How tools are set.
    pub tools: &'a Tools,
    /// The cross-hair is drawn.
    pub shows_cross_hair: bool,
    /// What is being drawn in several presses.
    pub outline: &'a mut Option<OpenOutline>,
    /// What was meant so far.
    pub intents: &'a mut Vec<ViewIntent>,
}

impl Pointer<'_> {
    /// Says what the user means.
    pub fn means(&mut self, intent: ViewIntent) {
        self.intents.push(intent);
    }

    /// Says what the user changes.
    pub fn changes(&mut self, command: impl Into<Command>) {
        self.means(ViewIntent::Command(Box::new(command.into())));
    }
}

/// A drag under way, from the press to the release of a button.
pub trait Drag: Debug {
    /// The pointer went on.
    fn moved(&mut self, _pointer: &mut Pointer<'_>) {}

    /// The button was let go.
    fn released(self: Box<Self>, _pointer: &mut Pointer<'_>) {}

    /// The pointer's shape while dragging; `None`: the tool's own.
    fn cursor(&self) -> Option<CursorIcon> {
        None
    }

    /// What letting go would draw, where it can be shown before.
    fn region(&self) -> Option<&Crop> {
        None
    }

    /// What to say beside the pointer; `None`: what the tool says.
    fn words(&self) -> Option<String> {
        None
    }

    /// What is drawn to be measured, as it is now.
    fn measurement(&self) -> Option<&Measurement> {
        None
    }

    /// The 3D box as it is being drawn.
    fn drawn_box(&self) -> Option<VoxelBox> {
        None
    }
}

/// A drag that does nothing: the press did all there was to do.
#[derive(Debug)]
pub struct Done;

impl Drag for Done {}

const fn shift(logical_key: egui::Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::SHIFT, logical_key)
}

const fn key(logical_key: egui::Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::NONE, logical_key)
}
