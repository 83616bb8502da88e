//! Lassos around the target in a slice, or around what is not of it: a prompt as a scribble is.

use egui::{Key, Ui};

use crate::models::ModelCard;
use crate::prompt::{DrawingKind, Polarity};
use crate::session::{Command, PromptCommand, Receiver, ToolId, Tools};
use crate::ui::model::{UiModel, UiRequest};
use crate::ui::state::UiState;
use crate::ui::texts::tr;

use super::{Drag, Kind, OpenOutline, Pointer, Tool, click, polygon, shift};

pub const TOOL: Tool = Tool {
    id: ToolId("lasso"),
    title: "Lasso",
    hint: "Draw around the target on one slice, freehand or corner by corner: the model outlines it. Enter, a double \
           click or the first corner closes, Shift for \"not this\"",
    keys: &[shift(Key::L)],
    kind: &Lasso,
};

struct Lasso;

impl Kind for Lasso {
    fn press(&self, pointer: &mut Pointer<'_>) -> Box<dyn Drag> {
        let negative = click::polarity(pointer) == Polarity::Negative;
        polygon::press(pointer, TOOL.id, negative)
    }

    fn double_press(&self, pointer: &mut Pointer<'_>) {
        polygon::close(pointer);
    }

    fn closed(&self, outline: OpenOutline, _tools: &Tools) -> Option<Command> {
        let command = PromptCommand::Draw {
            kind: DrawingKind::Lasso,
            polarity: Polarity::Positive.turned(outline.erase),
            plane: outline.plane,
            line: outline.corners,
        };
        Some(command.into())
    }

    fn words(&self, receiver: &Receiver, polarity: Polarity, inverse: bool) -> Option<String> {
        Some(click::words(receiver, polarity, inverse))
    }

    fn receives(&self) -> &'static str {
        tr!("Lassos go to")
    }

    fn invitation(&self) -> Option<&'static str> {
        Some(tr!("Draw around a lesion or structure on one slice"))
    }

    fn lacking(&self, card: &ModelCard) -> Option<&'static str> {
        (!card.lassos).then_some(tr!("lassos"))
    }

    fn settings(
        &self,
        ui: &mut Ui,
        _model: &UiModel<'_>,
        state: &mut UiState,
        _out: &mut Vec<UiRequest>,
    ) {
        click::sign(ui, state);
    }
}
