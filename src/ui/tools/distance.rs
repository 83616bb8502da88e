//! Draws a distance from where the button goes down to where it is let go.

use egui::Key;

use crate::session::{ToolId, Tools};
use crate::ui::texts::tr;
use crate::volume::measurement::DISTANCE;

use super::measure::{self, Spanning};
use super::{Drag, Kind, Pointer, Tool, shift};

pub const TOOL: Tool = Tool {
    id: ToolId("distance"),
    title: "Distance",
    hint: "Drag from end to end; drag an end to move it. Shift and a press on an end takes it away",
    keys: &[shift(Key::D)],
    kind: &Distance,
};

struct Distance;

impl Kind for Distance {
    fn works_tilted(&self, _tools: &Tools) -> bool {
        true
    }

    fn press(&self, pointer: &mut Pointer<'_>) -> Box<dyn Drag> {
        measure::press_on_drawn(pointer).unwrap_or_else(|| {
            Spanning::begin(pointer, |view, from, to| {
                measure::through(DISTANCE, view, &[from, to])
            })
        })
    }

    fn measures(&self) -> bool {
        true
    }

    fn usage(&self) -> &'static str {
        tr!("Drag from end to end")
    }
}
