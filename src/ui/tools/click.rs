//! Clicks on the target, or on what is not of it.

use egui::{Key, Ui};

use crate::models::ModelCard;
use crate::prompt::Polarity;
use crate::session::{Receiver, ToolId, Tools};
use crate::ui::model::{UiModel, UiRequest};
use crate::ui::state::UiState;
use crate::ui::texts::tr;
use crate::ui::view::ViewIntent;

use super::{Done, Drag, Kind, Pointer, Tool, key};

pub const TOOL: Tool = Tool {
    id: ToolId("click"),
    title: "Click",
    hint: "Click on the target: the model outlines it. Shift for \"not this\"",
    keys: &[key(Key::Num2), key(Key::P)],
    kind: &Clicks,
};

struct Clicks;

impl Kind for Clicks {
    fn works_tilted(&self, _tools: &Tools) -> bool {
        true
    }

    fn press(&self, pointer: &mut Pointer<'_>) -> Box<dyn Drag> {
        if let Some(voxel) = pointer.view.voxel(pointer.pos) {
            let is_negative = (pointer.polarity == Polarity::Negative) != pointer.modifiers.shift;
            let polarity = match is_negative {
                true => Polarity::Negative,
                false => Polarity::Positive,
            };
            pointer.means(ViewIntent::Crosshair(voxel));
            pointer.means(ViewIntent::Click(voxel, polarity));
        } else {
            pointer.means(ViewIntent::MissedScan);
        }
        Box::new(Done)
    }

    fn words(&self, receiver: &Receiver, polarity: Polarity, inverse: bool) -> Option<String> {
        let text = receiver.text();
        Some(match (polarity == Polarity::Negative) != inverse {
            true if !receiver.is_locked => tr!("not {text}", text),
            _ => text,
        })
    }

    fn invitation(&self) -> Option<&'static str> {
        Some(tr!("Click on a lesion or structure to outline it"))
    }

    fn lacking(&self, card: &ModelCard) -> Option<&'static str> {
        (!card.clicks).then_some(tr!("clicks"))
    }

    fn settings(
        &self,
        ui: &mut Ui,
        _model: &UiModel<'_>,
        state: &mut UiState,
        _out: &mut Vec<UiRequest>,
    ) {
        ui.horizontal(|ui| {
            ui.label(tr!("Clicks say"));
            for (negative, text) in [(false, tr!("+ this is it")), (true, tr!("- this is not"))] {
                ui.selectable_value(&mut state.negative_clicks, negative, text);
            }
        });
    }
}
