//! Moves the cross-hair.

use egui::Key;

use crate::session::ToolId;
use crate::ui::view::ViewIntent;

use super::{Drag, Kind, Pointer, Tool, key};

pub const TOOL: Tool = Tool {
    id: ToolId::CROSS_HAIR,
    title: "Cross-hair",
    hint: "Move the cross-hair; the other views follow",
    keys: &[key(Key::Num1), key(Key::X)],
    kind: &CrossHair,
};

#[derive(Debug)]
struct CrossHair;

impl Kind for CrossHair {
    fn press(&self, pointer: &mut Pointer<'_>) -> Box<dyn Drag> {
        CrossHair.moved(pointer);
        Box::new(CrossHair)
    }

    fn double_press(&self, pointer: &mut Pointer<'_>) {
        pointer.means(ViewIntent::ToggleMaximised);
    }
}

impl Drag for CrossHair {
    fn moved(&mut self, pointer: &mut Pointer<'_>) {
        let voxel = pointer.view.clamped_voxel(pointer.pos);
        pointer.means(ViewIntent::Crosshair(voxel));
    }
}
