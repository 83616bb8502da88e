//! Moves the active label in the plane of a view; while the button is held it shows where it would go.

use egui::{CursorIcon, Key, Pos2};

use crate::geometry::{VoxelBox, VoxelPoint};
use crate::prompt::Polarity;
use crate::session::{Receiver, StrokeCommand, ToolId};
use crate::ui::texts::tr;
use crate::ui::view::PlacedView;
use crate::volume::morphology::Crop;

use super::{Drag, Kind, Pointer, Tool, key};

pub const TOOL: Tool = Tool {
    id: ToolId("move_label"),
    title: "Move",
    hint: "Drag the active label, all its slices, in the plane of the view; Esc gives up",
    keys: &[key(Key::M)],
    kind: &MoveLabel,
};

struct MoveLabel;

impl Kind for MoveLabel {
    fn press(&self, pointer: &mut Pointer<'_>) -> Box<dyn Drag> {
        let case = pointer.case;
        let movable = case.active().filter(|label| !label.locked);
        let crop = movable.and_then(|label| {
            let layer = case.document().layers().get(label.layer)?;
            Crop::of_label(layer, label.value)
        });
        Box::new(Moving {
            from: pointer.view.voxel_point(pointer.pos),
            by: [0; 3],
            by_mm: 0.0,
            crop,
        })
    }

    fn cursor(&self, _view: &PlacedView, _pos: Pos2, _target_box: Option<VoxelBox>) -> CursorIcon {
        CursorIcon::Grab
    }

    fn words(&self, receiver: &Receiver, _polarity: Polarity, _inverse: bool) -> Option<String> {
        Some(match (receiver.is_locked, receiver.is_new) {
            (false, true) => tr!("no label chosen").to_owned(),
            (false, false) => tr!("move {receiver}", receiver = receiver.text()),
            (true, _) => receiver.text(),
        })
    }

    fn receives(&self) -> &'static str {
        tr!("Moves")
    }

    fn usage(&self) -> &'static str {
        tr!("Drag the active label, all its slices")
    }
}

#[derive(Debug)]
struct Moving {
    from: VoxelPoint,
    /// Voxels so far.
    by: [i64; 3],
    by_mm: f64,
    /// The label where it would be.
    crop: Option<Crop>,
}

impl Drag for Moving {
    fn moved(&mut self, pointer: &mut Pointer<'_>) {
        let away = pointer.view.voxel_point(pointer.pos).0 - self.from.0;
        let by = away.round().to_array().map(|v| v as i64);
        let more: [i64; 3] = std::array::from_fn(|d| by[d] - self.by[d]);
        if let Some(crop) = &mut self.crop {
            crop.shift(more);
        }
        let grid = pointer.view.slice.grid();
        self.by_mm = (grid.affine.matrix().matrix3 * away.round()).length();
        self.by = by;
    }

    fn released(self: Box<Self>, pointer: &mut Pointer<'_>) {
        if self.by != [0; 3] {
            pointer.changes(StrokeCommand::Shift(self.by));
        }
    }

    fn cursor(&self) -> Option<CursorIcon> {
        Some(CursorIcon::Grabbing)
    }

    fn region(&self) -> Option<&Crop> {
        self.crop.as_ref()
    }

    fn words(&self) -> Option<String> {
        let is_moving = self.crop.is_some() && self.by != [0; 3];
        is_moving.then(|| format!("{:.1} mm", self.by_mm))
    }
}
