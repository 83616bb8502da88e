//! Erases what lies inside an outline from the active label.

use egui::Key;

use crate::session::ToolId;

use super::polygon::Polygon;
use super::{Tool, key};

pub const TOOL: Tool = Tool {
    id: ToolId("erase_area"),
    title: "Erase area",
    hint: "Outline what is to be erased, corner by corner or freehand; Enter closes. Shift paints",
    keys: &[key(Key::Num9), key(Key::J)],
    kind: &Polygon {
        tool: ToolId("erase_area"),
        erases: true,
        receives: "The outline takes from",
    },
};
