//! Draws an outline on a slice, corner by corner or freehand (lasso); what lies inside is painted, with Shift erased.

use egui::Key;

use crate::prompt::Polarity;
use crate::session::{Command, Receiver, ToolId, Tools};
use crate::ui::texts::tr;
use crate::ui::view::ViewIntent;

use super::{Drag, Kind, OpenOutline, Pointer, Tool, brush, key};

pub const TOOL: Tool = Tool {
    id: ToolId("polygon"),
    title: "Polygon",
    hint: "Click corner after corner, or draw freehand; a double click, Enter or the first corner closes. Shift erases",
    keys: &[key(Key::Num7), key(Key::L)],
    kind: &Polygon {
        tool: ToolId("polygon"),
        erases: false,
        receives: "The polygon paints",
    },
};

/// Points of the screen between two corners of a freehand line.
const FREEHAND_STEP: f32 = 3.0;
/// Corners that a drag must leave to be a lasso that closes when it is let go.
const LEAST_OF_LASSO: usize = 6;

/// An outline of straight and freehand lines, and what is inside it painted or erased.
pub(super) struct Polygon {
    pub tool: ToolId,
    pub erases: bool,
    pub receives: &'static str,
}

impl Kind for Polygon {
    fn press(&self, pointer: &mut Pointer<'_>) -> Box<dyn Drag> {
        let erase = self.erases != pointer.modifiers.shift;
        press(pointer, self.tool, erase)
    }

    fn double_press(&self, pointer: &mut Pointer<'_>) {
        close(pointer);
    }

    fn closed(&self, outline: OpenOutline, _tools: &Tools) -> Option<Command> {
        Some(outline.drawn())
    }

    fn words(&self, receiver: &Receiver, _polarity: Polarity, inverse: bool) -> Option<String> {
        Some(brush::words(receiver, self.erases != inverse))
    }

    fn receives(&self) -> &'static str {
        self.receives
    }

    fn heeds_limits(&self) -> bool {
        true
    }

    fn usage(&self) -> &'static str {
        tr!("Corners or freehand; Enter closes")
    }
}

/// A line drawn freehand, from the corner with this number on.
#[derive(Debug)]
struct Freehand {
    began: usize,
}

impl Drag for Freehand {
    fn moved(&mut self, pointer: &mut Pointer<'_>) {
        let view = pointer.view;
        let last = pointer.outline.as_ref().and_then(|o| o.corners.last());
        let is_away = last.is_some_and(|&c| view.pos(c).distance(pointer.pos) >= FREEHAND_STEP);
        if is_away {
            add_corner(pointer);
        }
    }

    fn released(self: Box<Self>, pointer: &mut Pointer<'_>) {
        let corners = pointer.outline.as_ref().map_or(0, |o| o.corners.len());
        if self.began == 0 && corners >= LEAST_OF_LASSO {
            close(pointer);
        }
    }
}

/// Begins an outline, goes on with it, or closes it at its first corner.
pub(super) fn press(pointer: &mut Pointer<'_>, tool: ToolId, erase: bool) -> Box<dyn Drag> {
    let view = pointer.view;
    let before = pointer.outline.as_ref().filter(|o| o.is_on(view));
    if before.is_some_and(|o| o.closes_at(view, pointer.pos)) {
        close(pointer);
        return Box::new(Freehand { began: usize::MAX });
    }
    let began = before.map_or(0, |o| o.corners.len());
    if began > 0 {
        add_corner(pointer);
    } else {
        *pointer.outline = Some(OpenOutline::begin(tool, view, pointer.pos, erase));
    }
    Box::new(Freehand { began })
}

fn add_corner(pointer: &mut Pointer<'_>) {
    let corner = pointer.view.voxel_point(pointer.pos);
    if let Some(outline) = pointer.outline {
        outline.corners.push(corner);
    }
}

pub(super) fn close(pointer: &mut Pointer<'_>) {
    if pointer.outline.as_ref().is_some_and(OpenOutline::can_close)
        && let Some(outline) = pointer.outline.take()
    {
        pointer.means(ViewIntent::Outline(outline));
    }
}
