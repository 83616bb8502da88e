//! Sets window and level by dragging.

use egui::{CursorIcon, Key, Pos2, Vec2};

use crate::geometry::VoxelBox;
use crate::session::{ToolId, Tools};
use crate::ui::view::{PlacedView, ViewIntent};
use crate::volume::Window;

use super::{Drag, Kind, Pointer, Tool, key};

pub const TOOL: Tool = Tool {
    id: ToolId("window"),
    title: "Window",
    hint: "Drag: right is wider, up is brighter",
    keys: &[key(Key::Num6), key(Key::W)],
    kind: &WindowLevel,
};

/// Share of the window's width that a drag of one point changes it by.
const WIDTH_PER_POINT: f64 = 1.0 / 250.0;

/// Windows from this width on are set in whole numbers; narrower ones are of scans such as PET in SUV.
pub const WIDTH_OF_WHOLE_NUMBERS: f64 = 20.0;

struct WindowLevel;

impl Kind for WindowLevel {
    fn works_tilted(&self, _tools: &Tools) -> bool {
        true
    }

    fn press(&self, pointer: &mut Pointer<'_>) -> Box<dyn Drag> {
        Box::new(WindowDrag(pointer.case.window()))
    }

    fn cursor(&self, _view: &PlacedView, _pos: Pos2, _target_box: Option<VoxelBox>) -> CursorIcon {
        CursorIcon::AllScroll
    }
}

/// A drag that sets window and level; this is the window so far.
#[derive(Debug)]
pub struct WindowDrag(pub Window);

impl Drag for WindowDrag {
    fn moved(&mut self, pointer: &mut Pointer<'_>) {
        self.0 = dragged(self.0, pointer.by);
        pointer.means(ViewIntent::Window(readable(self.0)));
    }

    fn cursor(&self) -> Option<CursorIcon> {
        Some(CursorIcon::AllScroll)
    }
}

/// Whole numbers, as they are said and written, where the width leaves a choice.
fn readable(window: Window) -> Window {
    if window.width < WIDTH_OF_WHOLE_NUMBERS {
        return window;
    }
    Window {
        width: window.width.round(),
        level: window.level.round(),
    }
}

/// Right is wider, up is brighter (a lower level), in proportion to the width.
fn dragged(window: Window, by: Vec2) -> Window {
    let widening = f64::from(by.x) * WIDTH_PER_POINT;
    Window {
        width: (window.width * (1.0 + widening)).max(1e-6),
        level: window.level + f64::from(by.y) * window.width * WIDTH_PER_POINT,
    }
}
