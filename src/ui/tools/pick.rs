//! Chooses the label under the pointer, which is named before; with Ctrl, a click of any tool does.

use egui::{CursorIcon, Key, Painter, Pos2};

use crate::geometry::VoxelBox;
use crate::session::{LabelCommand, Receiver, ToolId, Tools};
use crate::ui::model::UiModel;
use crate::ui::texts::tr;
use crate::ui::theme;
use crate::ui::view::{PlacedView, pointer};

use super::{Done, Drag, Kind, Pointer, Tool, key};

pub const TOOL: Tool = Tool {
    id: ToolId("pick"),
    title: "Pick",
    hint: "Click on a label to make it the active one; Ctrl and click does so with every tool",
    keys: &[key(Key::Q)],
    kind: &Pick,
};

struct Pick;

impl Kind for Pick {
    fn works_tilted(&self, _tools: &Tools) -> bool {
        true
    }

    fn press(&self, pointer: &mut Pointer<'_>) -> Box<dyn Drag> {
        let voxel = pointer.view.voxel(pointer.pos);
        let label = voxel.and_then(|v| pointer.case.label_shown_at(v));
        if let Some(value) = label.map(|l| l.value) {
            pointer.changes(LabelCommand::Activate(value));
        }
        Box::new(Done)
    }

    fn cursor(&self, _view: &PlacedView, _pos: Pos2, _target_box: Option<VoxelBox>) -> CursorIcon {
        CursorIcon::PointingHand
    }

    fn receives(&self) -> &'static str {
        tr!("Chosen is")
    }

    fn usage(&self) -> &'static str {
        tr!("Click on a label to choose it")
    }

    fn at_pointer(&self, painter: &Painter, view: &PlacedView, pos: Pos2, model: &UiModel<'_>) {
        let Some((case, voxel)) = model.session.case().zip(view.voxel(pos)) else {
            return;
        };
        let label = case.label_shown_at(voxel);
        let title = label.map_or_else(|| tr!("no label here").to_owned(), |l| l.title());
        let [r, g, b, _] = theme::DARK.faint.to_array();
        let receiver = Receiver {
            color: label.map_or([r, g, b], |l| l.color),
            is_new: false,
            is_locked: false,
            title,
        };
        pointer::tag(painter, view, pos, &receiver.title, &receiver);
    }
}
