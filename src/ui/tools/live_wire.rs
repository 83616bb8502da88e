//! Draws an outline that follows edges from press to press; what lies inside is painted, with Shift erased.

use egui::Key;

use crate::geometry::VoxelPoint;
use crate::prompt::Polarity;
use crate::session::{Command, Receiver, ToolId, Tools};
use crate::ui::texts::tr;
use crate::volume::LiveWire;

use super::polygon::close;
use super::{Done, Drag, Kind, OpenOutline, Pointer, Tool, brush, key};

pub const TOOL: Tool = Tool {
    id: ToolId("live_wire"),
    title: "Livewire",
    hint: "Click along an edge: the line follows it; a double click, Enter or the first corner closes. Shift erases",
    keys: &[key(Key::Num8), key(Key::U)],
    kind: &Wire,
};

struct Wire;

impl Kind for Wire {
    fn press(&self, pointer: &mut Pointer<'_>) -> Box<dyn Drag> {
        let view = pointer.view;
        let before = pointer.outline.as_ref().filter(|o| o.is_on(view));
        let Some(outline) = before else {
            let erase = pointer.modifiers.shift;
            let mut begun = OpenOutline::begin(TOOL.id, view, pointer.pos, erase);
            begun.corners[0] = view.clamped_voxel(pointer.pos).center();
            begun.presses.push(0);
            *pointer.outline = Some(begun);
            return Box::new(Done);
        };
        let closes = outline.closes_at(view, pointer.pos);
        let first = outline.corners[0];
        let end = if closes {
            first
        } else {
            view.clamped_voxel(pointer.pos).center()
        };
        let way = way_to(pointer, end);
        if let Some(outline) = pointer.outline {
            outline.presses.push(outline.corners.len());
            outline.corners.extend(way);
            outline.lead.clear();
            outline.wire = None;
        }
        if closes {
            close(pointer);
        }
        Box::new(Done)
    }

    fn hover(&self, pointer: &mut Pointer<'_>) {
        let view = pointer.view;
        if !pointer.outline.as_ref().is_some_and(|o| o.is_on(view)) {
            return;
        }
        let end = view.clamped_voxel(pointer.pos).center();
        let way = way_to(pointer, end);
        if let Some(outline) = pointer.outline {
            outline.lead = way;
        }
    }

    fn double_press(&self, pointer: &mut Pointer<'_>) {
        close(pointer);
    }

    fn closed(&self, outline: OpenOutline, _tools: &Tools) -> Option<Command> {
        Some(outline.drawn())
    }

    fn words(&self, receiver: &Receiver, _polarity: Polarity, inverse: bool) -> Option<String> {
        Some(brush::words(receiver, inverse))
    }

    fn receives(&self) -> &'static str {
        tr!("The livewire paints")
    }

    fn heeds_limits(&self) -> bool {
        true
    }

    fn usage(&self) -> &'static str {
        tr!("Click along an edge; Enter closes")
    }
}

/// The line along edges from the last corner to a voxel of the slice, the corner left out.
fn way_to(pointer: &mut Pointer<'_>, end: VoxelPoint) -> Vec<VoxelPoint> {
    let (case, view) = (pointer.case, pointer.view);
    let Some(outline) = pointer.outline else {
        return Vec::new();
    };
    let from = outline.corners.last().map(|c| c.nearest());
    let begin = || LiveWire::from(case.image(), view.slice.normal_axis(), from?);
    if outline.wire.is_none() {
        outline.wire = begin().map(Box::new);
    }
    let way = outline.wire.as_mut().and_then(|w| w.path_to(end.nearest()));
    way.unwrap_or_default().into_iter().skip(1).collect()
}
