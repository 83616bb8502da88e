//! Draws an ellipse from corner to corner of the rectangle around it, and measures the scan's values in it.

use egui::{Key, pos2};

use crate::session::ToolId;
use crate::ui::texts::tr;
use crate::volume::measurement::ELLIPSE;

use super::measure::{self, Spanning};
use super::{Drag, Kind, Pointer, Tool, shift};

pub const TOOL: Tool = Tool {
    id: ToolId("ellipse"),
    title: "Ellipse",
    hint: "Drag across a region: its area, and mean and SD of the values in it. Drag the middle or the end of an axis to \
        change it; Shift and a press there takes it away",
    keys: &[shift(Key::E)],
    kind: &Ellipse,
};

/// Points of the screen that each axis must be long to be meant.
const LEAST_AXIS: f32 = 3.0;

struct Ellipse;

impl Kind for Ellipse {
    fn press(&self, pointer: &mut Pointer<'_>) -> Box<dyn Drag> {
        measure::press_on_drawn(pointer).unwrap_or_else(|| {
            Spanning::begin(pointer, |view, from, to| {
                let size = (to - from).abs();
                if size.min_elem() < LEAST_AXIS {
                    return None;
                }
                let middle = from + (to - from) / 2.0;
                let ends = [pos2(to.x, middle.y), pos2(middle.x, to.y)];
                measure::through(ELLIPSE, view, &[middle, ends[0], ends[1]])
            })
        })
    }

    fn measures(&self) -> bool {
        true
    }

    fn usage(&self) -> &'static str {
        tr!("Drag across a region")
    }
}
