//! Draws an angle with three presses: the end of an arm, the vertex, the end of the other arm.

use egui::{Key, Pos2};

use crate::session::{ToolId, Tools};
use crate::ui::texts::tr;
use crate::ui::view::PlacedView;
use crate::volume::measurement::{ANGLE, Measurement};

use super::{Done, Drag, Kind, OpenOutline, Pointer, Tool, measure, shift};

pub const TOOL: Tool = Tool {
    id: ToolId("angle"),
    title: "Angle",
    hint: "Press at the end of an arm, at the vertex, and at the end of the other arm; drag these to move them. Shift and a \
        press on one takes the angle away",
    keys: &[shift(Key::A)],
    kind: &Angle,
};

struct Angle;

impl Kind for Angle {
    fn works_tilted(&self, _tools: &Tools) -> bool {
        true
    }

    fn press(&self, pointer: &mut Pointer<'_>) -> Box<dyn Drag> {
        let view = pointer.view;
        if pointer.outline.as_ref().is_some_and(|o| !o.is_on(view)) {
            // Arms on another slice are given up.
            *pointer.outline = None;
        }
        if let Some(pulling) = measure::press_on_drawn(pointer) {
            return pulling;
        }
        let Some(outline) = pointer.outline else {
            *pointer.outline = Some(OpenOutline::begin(TOOL.id, view, pointer.pos, false));
            return Box::new(Done);
        };
        let last = outline.corners.last();
        if last.is_some_and(|&c| view.pos(c).distance(pointer.pos) < LEAST_ARM) {
            return Box::new(Done);
        }
        if outline.corners.len() + 1 < ANGLE.points {
            outline.corners.push(view.voxel_point(pointer.pos));
        } else if let Some(drawn) = formed(outline, view, Some(pointer.pos)) {
            *pointer.outline = None;
            measure::draw(pointer, &drawn);
        }
        Box::new(Done)
    }

    fn forming(
        &self,
        outline: &OpenOutline,
        view: &PlacedView,
        pos: Option<Pos2>,
    ) -> Option<Measurement> {
        formed(outline, view, pos)
    }

    fn measures(&self) -> bool {
        true
    }

    fn usage(&self) -> &'static str {
        tr!("Three presses: arm, vertex, arm")
    }
}

/// Points of the screen that an arm must be long to be meant.
const LEAST_ARM: f32 = 2.0;

/// The angle as it would be with the pointer here; places that are missing are where the last one is.
fn formed(outline: &OpenOutline, view: &PlacedView, pos: Option<Pos2>) -> Option<Measurement> {
    let mut points: Vec<Pos2> = outline.corners.iter().map(|&c| view.pos(c)).collect();
    points.extend(pos);
    let last = *points.last()?;
    points.resize(ANGLE.points, last);
    measure::through(ANGLE, view, &points)
}
