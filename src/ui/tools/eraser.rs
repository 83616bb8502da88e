//! Erases the active label; with Shift it paints.

use egui::Key;

use crate::session::ToolId;

use super::brush::Brush;
use super::{Tool, key};

pub const TOOL: Tool = Tool {
    id: ToolId("eraser"),
    title: "Eraser",
    hint: "Erase the active label; Shift paints",
    keys: &[key(Key::Num5)],
    kind: &Brush {
        erases: true,
        receives: "The eraser takes from",
    },
};
