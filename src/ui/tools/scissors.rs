//! Cuts the active label by an outline, through all slices or a slab.

use egui::{DragValue, Key, Ui};

use crate::prompt::Polarity;
use crate::session::{
    Command, CutSide, Receiver, Scissors, StrokeCommand, ToolCommand, ToolId, Tools,
};
use crate::ui::model::{UiModel, UiRequest};
use crate::ui::state::UiState;
use crate::ui::texts::tr;
use crate::volume::Depth;

use super::polygon::Polygon;
use super::{Drag, Kind, OpenOutline, Pointer, Tool, brush, key};

pub const TOOL: Tool = Tool {
    id: ToolId("scissors"),
    title: "Scissors",
    hint: "Outline what is to be cut off the active label, through all slices or a slab; Enter closes",
    keys: &[key(Key::C)],
    kind: &Cut(Polygon {
        tool: ToolId("scissors"),
        erases: true,
        receives: "Scissors cut",
    }),
};

/// Slab that is offered first, in mm.
const SLAB_MM: f64 = 10.0;

/// Drawn as a polygon is.
struct Cut(Polygon);

impl Kind for Cut {
    fn press(&self, pointer: &mut Pointer<'_>) -> Box<dyn Drag> {
        let drag = self.0.press(pointer);
        // There is nothing to cut on.
        if let Some(outline) = pointer.outline {
            outline.erase = true;
        }
        drag
    }

    fn double_press(&self, pointer: &mut Pointer<'_>) {
        self.0.double_press(pointer);
    }

    fn closed(&self, outline: OpenOutline, tools: &Tools) -> Option<Command> {
        let cut = StrokeCommand::Cut {
            plane: outline.plane,
            corners: outline.corners,
            scissors: tools.scissors,
        };
        Some(cut.into())
    }

    fn words(&self, receiver: &Receiver, _polarity: Polarity, _inverse: bool) -> Option<String> {
        Some(brush::words(receiver, true))
    }

    fn receives(&self) -> &'static str {
        self.0.receives()
    }

    fn settings(
        &self,
        ui: &mut Ui,
        model: &UiModel<'_>,
        _state: &mut UiState,
        out: &mut Vec<UiRequest>,
    ) {
        let scissors = model.session.tools().scissors;
        let mut changed = scissors;
        side(ui, &mut changed);
        ui.separator();
        depth(ui, &mut changed);
        if changed != scissors {
            out.push(UiRequest::command(ToolCommand::Scissors(changed)));
        }
    }
}

fn side(ui: &mut Ui, scissors: &mut Scissors) {
    for (side, text) in [
        (CutSide::Inside, tr!("Inside")),
        (CutSide::Outside, tr!("Outside")),
    ] {
        ui.selectable_value(&mut scissors.side, side, text)
            .on_hover_text(tr!("Which side of the outline is cut off"));
    }
}

fn depth(ui: &mut Ui, scissors: &mut Scissors) {
    let is_whole = scissors.depth == Depth::Whole;
    let whole = ui.selectable_label(is_whole, tr!("All"));
    if whole.on_hover_text(tr!("Through all slices")).clicked() {
        scissors.depth = Depth::Whole;
    }
    let mut slab_mm = match scissors.depth {
        Depth::Whole => SLAB_MM,
        Depth::SlabMm(mm) => mm,
    };
    let is_slab = ui.selectable_label(!is_whole, tr!("Slab")).clicked();
    let value = DragValue::new(&mut slab_mm)
        .range(0.0..=1000.0)
        .speed(0.2)
        .max_decimals(1)
        .suffix(" mm");
    let is_set = ui.add_enabled(!is_whole, value).changed();
    if is_slab || is_set {
        scissors.depth = Depth::SlabMm(slab_mm);
    }
}
