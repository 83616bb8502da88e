//! Scribbles over the target, or over what is not of it: a prompt that says more than a click.

use egui::{DragValue, Key, Ui};

use crate::geometry::{Plane, VoxelPoint};
use crate::models::ModelCard;
use crate::prompt::{DrawingKind, Polarity};
use crate::session::{PromptCommand, Receiver, ToolCommand, ToolId, Tools};
use crate::ui::model::{UiModel, UiRequest};
use crate::ui::state::UiState;
use crate::ui::texts::tr;
use crate::volume::morphology::Crop;

use super::{Drag, Kind, Pointer, Tool, click, shift};

pub const TOOL: Tool = Tool {
    id: ToolId("scribble"),
    title: "Scribble",
    hint: "Draw a line through the target: the model outlines it. Shift for \"not this\", Esc gives the line up",
    keys: &[shift(Key::C)],
    kind: &Scribble,
};

/// Points of the screen between two points of a line.
const STEP: f32 = 2.0;

struct Scribble;

impl Kind for Scribble {
    fn press(&self, pointer: &mut Pointer<'_>) -> Box<dyn Drag> {
        let mut scribbling = Scribbling {
            plane: pointer.view.slice.plane(),
            polarity: click::polarity(pointer),
            line: Vec::new(),
            region: None,
        };
        scribbling.go_on(pointer);
        Box::new(scribbling)
    }

    fn words(&self, receiver: &Receiver, polarity: Polarity, inverse: bool) -> Option<String> {
        Some(click::words(receiver, polarity, inverse))
    }

    fn landing(&self, aim: &super::Aim<'_>) -> Option<String> {
        click::landing(aim)
    }

    fn receives(&self) -> &'static str {
        tr!("Scribbles go to")
    }

    fn invitation(&self) -> Option<&'static str> {
        Some(tr!(
            "Draw a line through a lesion or structure to outline it"
        ))
    }

    fn lacking(&self, card: &ModelCard) -> Option<&'static str> {
        (!card.scribbles).then_some(tr!("scribbles"))
    }

    fn settings(
        &self,
        ui: &mut Ui,
        model: &UiModel<'_>,
        state: &mut UiState,
        out: &mut Vec<UiRequest>,
    ) {
        click::sign(ui, state);
        click::size(ui, model, out);
        let tools = model.session.tools();
        let Some(case) = model.session.case() else {
            return;
        };
        let plane = state
            .key_pane()
            .and_then(|id| state.workspace.pane(id)?.plane());
        let before = tools.scribble_width_mm(case.grid(), plane.unwrap_or(Plane::Axial));
        let mut width_mm = before;
        let (least, most) = Tools::SCRIBBLE_RANGE_MM;
        let drag = DragValue::new(&mut width_mm)
            .range(least..=most)
            .speed(0.05)
            .max_decimals(1)
            .suffix(" mm");
        ui.add(drag).on_hover_text(tr!("How wide scribbles are"));
        if width_mm != before {
            out.push(UiRequest::command(ToolCommand::ScribbleWidth(Some(
                width_mm,
            ))));
        }
    }
}

#[derive(Debug)]
struct Scribbling {
    plane: Plane,
    polarity: Polarity,
    line: Vec<VoxelPoint>,
    /// The voxels under it; `None` beside the scan.
    region: Option<Crop>,
}

impl Scribbling {
    fn go_on(&mut self, pointer: &Pointer<'_>) {
        self.line.push(pointer.view.voxel_point(pointer.pos));
        let kind = DrawingKind::Scribble;
        let (case, tools) = (pointer.case, pointer.tools);
        let drawn = case.drawn(kind, self.polarity, self.plane, &self.line, tools);
        self.region = drawn.ok().map(|drawing| Crop::clone(&drawing.region));
    }
}

impl Drag for Scribbling {
    fn moved(&mut self, pointer: &mut Pointer<'_>) {
        let last = self.line.last().map(|&p| pointer.view.pos(p));
        if last.is_none_or(|last| last.distance(pointer.pos) >= STEP) {
            self.go_on(pointer);
        }
    }

    fn released(self: Box<Self>, pointer: &mut Pointer<'_>) {
        pointer.changes(PromptCommand::Draw {
            kind: DrawingKind::Scribble,
            polarity: self.polarity,
            plane: self.plane,
            line: self.line,
        });
    }

    fn region(&self) -> Option<&Crop> {
        self.region.as_ref()
    }
}
