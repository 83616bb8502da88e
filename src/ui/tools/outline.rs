//! What is drawn in several presses: an outline on one slice that is not closed yet.

use egui::{Color32, Painter, Pos2, Shape, Stroke};

use crate::geometry::{Plane, VoxelPoint};
use crate::session::{Command, StrokeCommand, StrokeMode, ToolId, Tools};
use crate::ui::theme;
use crate::ui::view::PlacedView;
use crate::volume::LiveWire;

use super::Tool;

/// An outline that is being drawn.
#[derive(Debug, Clone)]
pub struct OpenOutline {
    /// The tool that draws it; with another it is given up.
    pub tool: ToolId,
    /// The view that it is drawn in.
    pub plane: Plane,
    /// The slice, on the view's normal axis.
    pub slice: i64,
    /// What is inside is taken from the label instead of given to it.
    pub erase: bool,
    /// Its corners so far.
    pub corners: Vec<VoxelPoint>,
    /// Of a line that follows edges: how many corners there were before each press.
    pub presses: Vec<usize>,
    /// The line on from the last corner, as far as the pointer.
    pub lead: Vec<VoxelPoint>,
    /// Where the line may go on from the last corner; `None` until it is asked for.
    pub wire: Option<Box<LiveWire>>,
}

impl OpenOutline {
    /// An outline that begins here.
    pub fn begin(tool: ToolId, view: &PlacedView, pos: Pos2, erase: bool) -> Self {
        Self {
            tool,
            plane: view.slice.plane(),
            slice: view.slice.slice(),
            erase,
            corners: vec![view.voxel_point(pos)],
            presses: Vec::new(),
            lead: Vec::new(),
            wire: None,
        }
    }

    /// Whether it is drawn on the slice that the view shows.
    pub fn is_on(&self, view: &PlacedView) -> bool {
        let is_its_plane = self.plane == view.slice.plane() && !view.slice.is_tilted();
        is_its_plane && self.slice == view.slice.slice()
    }

    /// Whether it encloses anything yet.
    pub fn can_close(&self) -> bool {
        self.corners.len() >= 3
    }

    /// Whether a press here closes it: near its first corner.
    pub fn closes_at(&self, view: &PlacedView, pos: Pos2) -> bool {
        self.can_close() && view.pos(self.corners[0]).distance(pos) <= theme::GRAB_RADIUS
    }

    /// The change of the session that closing it means; `None` where its tool has no use for it.
    pub fn closed(self, tools: &Tools) -> Option<Command> {
        Tool::of(self.tool).kind.closed(self, tools)
    }

    /// Draws or erases what is inside.
    pub fn drawn(self) -> Command {
        StrokeCommand::Outline {
            mode: StrokeMode::erasing(self.erase),
            plane: self.plane,
            corners: self.corners,
        }
        .into()
    }

    /// Takes back what the last press added; whether anything is left.
    pub fn take_back(&mut self) -> bool {
        let left = self.presses.pop().unwrap_or(self.corners.len() - 1);
        self.corners.truncate(left);
        self.lead.clear();
        self.wire = None;
        !self.corners.is_empty()
    }

    /// Draws it, with a line to the pointer and, thinner, from there back to the beginning.
    pub fn paint(&self, painter: &Painter, view: &PlacedView, pointer: Option<Pos2>) {
        if !self.is_on(view) {
            return;
        }
        let color = match self.erase {
            true => theme::ERASER,
            false => theme::BRUSH,
        };
        let mut line: Vec<Pos2> = self.corners.iter().map(|&c| view.pos(c)).collect();
        let lead = self.lead.iter().map(|&c| view.pos(c));
        line.extend(lead.chain(pointer));
        let (first, last) = (line[0], line[line.len() - 1]);
        painter.line(
            line.clone(),
            Stroke::new(3.0, Color32::from_black_alpha(140)),
        );
        painter.line(line, Stroke::new(1.5, color));
        let back = Stroke::new(1.0, color.gamma_multiply(0.6));
        painter.extend(Shape::dashed_line(&[last, first], back, 4.0, 4.0));
        let closes = pointer.is_some_and(|pos| self.closes_at(view, pos));
        let radius = if closes {
            theme::GRAB_RADIUS / 1.5
        } else {
            3.0
        };
        painter.circle(
            first,
            radius,
            Color32::from_black_alpha(140),
            Stroke::new(1.5, color),
        );
    }
}
