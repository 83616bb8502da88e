//! Fills the connected voxels of like value around a click; while the button is held the region shows, and a drag changes how
//! alike values must be.

use egui::{DragValue, Key, Ui};

use crate::geometry::{Plane, VoxelIndex};
use crate::prompt::Polarity;
use crate::session::{
    Case, Fill, Receiver, Region, StrokeCommand, StrokeMode, ToolCommand, ToolId,
};
use crate::ui::model::{UiModel, UiRequest};
use crate::ui::state::UiState;
use crate::ui::texts::tr;
use crate::volume::morphology::Crop;

use super::{Done, Drag, Kind, Pointer, Tool, brush, key};

pub const TOOL: Tool = Tool {
    id: ToolId("fill"),
    title: "Flood fill",
    hint: "Press to see the connected voxels of like value, drag to the right for more or left for less, let go to \
           paint them. Shift erases, Esc gives up",
    keys: &[key(Key::G)],
    kind: &FloodFill,
};

/// Points of a drag that double the tolerance.
const POINTS_TO_DOUBLE: f32 = 80.0;
/// The tolerance changes in steps of this factor, so that a region is not sought for every point of a drag.
const STEP: f64 = 1.1;
/// Share of what the window shows that the tolerance is at first.
const SHARE_OF_WINDOW: f64 = 0.1;

struct FloodFill;

/// How far values may be from the first.
fn tolerance(fill: &Fill, case: &Case) -> f64 {
    let of_window = case.window().width * SHARE_OF_WINDOW;
    fill.tolerance.unwrap_or(of_window)
}

impl Kind for FloodFill {
    fn press(&self, pointer: &mut Pointer<'_>) -> Box<dyn Drag> {
        let Some(at) = pointer.view.voxel(pointer.pos) else {
            return Box::new(Done);
        };
        let fill = pointer.tools.fill;
        let began_with = tolerance(&fill, pointer.case);
        let plane = pointer.view.slice.plane();
        let mut filling = Filling {
            at,
            in_slice_of: (!fill.through).then_some(plane),
            mode: StrokeMode::erasing(pointer.modifiers.shift),
            began_with,
            tolerance: began_with,
            dragged: 0.0,
            found: None,
        };
        filling.find(pointer.case);
        Box::new(filling)
    }

    fn words(&self, receiver: &Receiver, _polarity: Polarity, inverse: bool) -> Option<String> {
        Some(brush::words(receiver, inverse))
    }

    fn receives(&self) -> &'static str {
        tr!("Flood fill paints")
    }

    fn heeds_limits(&self) -> bool {
        true
    }

    fn settings(
        &self,
        ui: &mut Ui,
        model: &UiModel<'_>,
        _state: &mut UiState,
        out: &mut Vec<UiRequest>,
    ) {
        let Some(case) = model.session.case() else {
            return;
        };
        let fill = model.session.tools().fill;
        let mut changed = fill;
        ui.horizontal(|ui| {
            let label = ui.label(tr!("Tolerance"));
            let before = tolerance(&fill, case);
            let mut value = before;
            let drag = DragValue::new(&mut value)
                .range(0.0..=1e9)
                .speed((before / 50.0).max(1e-3))
                .max_decimals(2);
            ui.add(drag).labelled_by(label.id);
            if value != before {
                changed.tolerance = Some(value);
            }
            ui.selectable_value(&mut changed.through, false, "2D")
                .on_hover_text(tr!("On the slice that you click on"));
            ui.selectable_value(&mut changed.through, true, "3D")
                .on_hover_text(tr!("Through the slices"));
        });
        if changed != fill {
            out.push(UiRequest::command(ToolCommand::Fill(changed)));
        }
    }
}

#[derive(Debug)]
struct Filling {
    at: VoxelIndex,
    in_slice_of: Option<Plane>,
    mode: StrokeMode,
    began_with: f64,
    tolerance: f64,
    /// How far to the right, in points.
    dragged: f32,
    found: Option<Crop>,
}

impl Filling {
    fn region(&self) -> Region {
        Region::Flood {
            at: self.at,
            tolerance: self.tolerance,
            in_slice_of: self.in_slice_of,
        }
    }

    fn find(&mut self, case: &Case) {
        self.found = self.region().found_in(case.image());
    }
}

impl Drag for Filling {
    fn moved(&mut self, pointer: &mut Pointer<'_>) {
        self.dragged += pointer.by.x;
        let doublings = f64::from(self.dragged / POINTS_TO_DOUBLE);
        let steps = (doublings / STEP.log2()).round();
        let tolerance = self.began_with * STEP.powf(steps);
        if tolerance != self.tolerance {
            self.tolerance = tolerance;
            self.find(pointer.case);
        }
    }

    fn released(self: Box<Self>, pointer: &mut Pointer<'_>) {
        if self.tolerance != self.began_with {
            let tolerance = Some(self.tolerance);
            let fill = pointer.tools.fill;
            pointer.changes(ToolCommand::Fill(Fill { tolerance, ..fill }));
        }
        let (mode, region) = (self.mode, self.region());
        pointer.changes(StrokeCommand::Region { mode, region });
    }

    fn region(&self) -> Option<&Crop> {
        self.found.as_ref()
    }

    fn words(&self) -> Option<String> {
        let voxels = self.found.as_ref().map_or(0, Crop::count);
        let decimals = if self.tolerance < 10.0 { 2 } else { 0 };
        Some(tr!(
            "within {tolerance}: {voxels} voxels",
            tolerance = format_args!("{:.decimals$}", self.tolerance),
            voxels
        ))
    }
}
