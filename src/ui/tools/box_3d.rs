//! Draws a 3D box around the target, and pulls its sides.

use egui::{CursorIcon, Key, Pos2, Rect};

use crate::geometry::{VoxelBox, VoxelIndex};
use crate::models::ModelCard;
use crate::prompt::Polarity;
use crate::session::{Receiver, ToolId};
use crate::ui::texts::tr;
use crate::ui::view::box_edit::{BoxDrag, grabbed_sides, is_in_slice, outline};
use crate::ui::view::{PlacedView, ViewIntent};

use super::{Drag, Kind, Pointer, Tool, key};

pub const TOOL: Tool = Tool {
    id: ToolId("box"),
    title: "Box",
    hint: "Drag a box around the target; adjust its depth in the other views",
    keys: &[key(Key::Num3), key(Key::B)],
    kind: &Box3d,
};

struct Box3d;

impl Kind for Box3d {
    fn press(&self, pointer: &mut Pointer<'_>) -> Box<dyn Drag> {
        let drag = BoxDrag::begin(pointer.view, pointer.pos, pointer.case.prompts().target_box);
        let current = drag.dragged(pointer.view, pointer.pos);
        Box::new(Drawing { drag, current })
    }

    fn cursor(&self, view: &PlacedView, pos: Pos2, target_box: Option<VoxelBox>) -> CursorIcon {
        over_box(view, pos, target_box).unwrap_or(CursorIcon::Crosshair)
    }

    fn words(&self, receiver: &Receiver, _polarity: Polarity, _inverse: bool) -> Option<String> {
        Some(receiver.text())
    }

    fn invitation(&self) -> Option<&'static str> {
        Some(tr!("Drag a box around a lesion or structure"))
    }

    fn lacking(&self, card: &ModelCard) -> Option<&'static str> {
        (!card.boxes).then_some(tr!("box"))
    }
}

#[derive(Debug)]
struct Drawing {
    drag: BoxDrag,
    current: VoxelBox,
}

impl Drag for Drawing {
    fn moved(&mut self, pointer: &mut Pointer<'_>) {
        self.current = self.drag.dragged(pointer.view, pointer.pos);
    }

    fn released(self: Box<Self>, pointer: &mut Pointer<'_>) {
        let Self { drag, current } = *self;
        if !drag.is_deliberate(current) {
            return;
        }
        if matches!(drag, BoxDrag::New { .. }) {
            // So that the other views go through the box and its depth can be seen.
            let middle = std::array::from_fn(|d| (current.min[d] + current.max[d]) / 2);
            pointer.means(ViewIntent::Crosshair(VoxelIndex(middle)));
        }
        pointer.means(ViewIntent::SetBox(current));
    }

    fn cursor(&self) -> Option<CursorIcon> {
        matches!(self.drag, BoxDrag::Move { .. }).then_some(CursorIcon::Grabbing)
    }

    fn drawn_box(&self) -> Option<VoxelBox> {
        Some(self.current)
    }
}

/// The shape over a box: along which way a side or a corner is pulled, or a hand that takes the whole.
fn over_box(view: &PlacedView, pos: Pos2, target_box: Option<VoxelBox>) -> Option<CursorIcon> {
    let b = target_box.filter(|b| is_in_slice(view, *b))?;
    let rect = Rect::from_points(&outline(view, b));
    let Some(sides) = grabbed_sides(view, b, pos) else {
        return rect.contains(pos).then_some(CursorIcon::Grab);
    };
    let [across, down] = view.slice.in_plane_axes().map(|axis| sides[axis] != 0);
    let away = pos - rect.center();
    Some(match (across, down) {
        (true, false) => CursorIcon::ResizeHorizontal,
        (false, _) => CursorIcon::ResizeVertical,
        (true, true) if away.x * away.y > 0.0 => CursorIcon::ResizeNwSe,
        (true, true) => CursorIcon::ResizeNeSw,
    })
}
