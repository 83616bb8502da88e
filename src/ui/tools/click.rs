//! Clicks on the target, or on what is not of it.

use egui::containers::menu::MenuButton;
use egui::{Button, Key, Ui};

use crate::models::ModelCard;
use crate::prompt::{Polarity, TargetSize};
use crate::session::{Receiver, ToolCommand, ToolId, Tools};
use crate::ui::input::Action;
use crate::ui::model::{UiModel, UiRequest};
use crate::ui::panel::keys_text;
use crate::ui::state::UiState;
use crate::ui::texts::tr;
use crate::ui::view::ViewIntent;

use super::{Aim, Done, Drag, Kind, Pointer, Tool, key};

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
            let polarity = polarity(pointer);
            pointer.means(ViewIntent::Meet(pointer.view.voxel_point(pointer.pos)));
            pointer.means(ViewIntent::Click(voxel, polarity));
        } else {
            pointer.means(ViewIntent::MissedScan);
        }
        Box::new(Done)
    }

    fn words(&self, receiver: &Receiver, polarity: Polarity, inverse: bool) -> Option<String> {
        Some(words(receiver, polarity, inverse))
    }

    fn landing(&self, aim: &Aim<'_>) -> Option<String> {
        landing(aim)
    }

    fn previews(&self) -> bool {
        true
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
        model: &UiModel<'_>,
        state: &mut UiState,
        out: &mut Vec<UiRequest>,
    ) {
        sign(ui, state);
        size(ui, model, out);
        let mut shown = state.previews_clicks();
        let response = ui.checkbox(&mut shown, tr!("Preview"));
        let hint = tr!("While the pointer rests, shows dashed what a click there would give");
        if response.on_hover_text(hint).changed() {
            state.click_preview = Some(shown);
        }
    }
}

/// What a press means that is a prompt.
pub(super) fn polarity(pointer: &Pointer<'_>) -> Polarity {
    pointer.polarity.turned(pointer.modifiers.shift)
}

/// What a prompt says of the label that receives.
pub(super) fn words(receiver: &Receiver, polarity: Polarity, inverse: bool) -> String {
    let text = receiver.text();
    match polarity.turned(inverse) {
        Polarity::Negative if !receiver.is_locked => tr!("not {text}", text),
        _ => text,
    }
}

/// Why a prompt there gives nothing, or less than it shows.
pub(super) fn landing(aim: &Aim<'_>) -> Option<String> {
    let Some(voxel) = aim.voxel else {
        return Some(tr!("outside the scan").to_owned());
    };
    let keeper = aim.case.keeper_of(voxel, aim.tools);
    let keeper = keeper.filter(|_| aim.polarity == Polarity::Positive)?;
    let label = keeper.title();
    Some(match keeper.locked {
        true => tr!("{label} is locked", label),
        false => tr!("{label} keeps this voxel", label),
    })
}

/// Chooses what a plain prompt means.
pub(super) fn sign(ui: &mut Ui, state: &mut UiState) {
    for (negative, text) in [(false, tr!("+ this is it")), (true, tr!("- this is not"))] {
        ui.selectable_value(&mut state.negative_clicks, negative, text);
    }
}

/// How large what is pointed at is, for models to which that makes a difference.
pub(super) fn size(ui: &mut Ui, model: &UiModel<'_>, out: &mut Vec<UiRequest>) {
    if !model.engine.card().is_some_and(ModelCard::heeds_size) {
        return;
    }
    let sizes = [
        (TargetSize::Any, tr!("Any size")),
        (TargetSize::Small, tr!("Small: up to 2 cm")),
        (TargetSize::Large, tr!("Large: over 15 cm, bulky")),
    ];
    let now = model.session.tools().target_size;
    let text = match now {
        TargetSize::Any => tr!("Size"),
        TargetSize::Small => tr!("Small"),
        TargetSize::Large => tr!("Large"),
    };
    let button = Button::new(text).selected(now != TargetSize::Any);
    let (response, _) = MenuButton::from_button(button).ui(ui, |ui| {
        for (size, text) in sizes {
            if ui.selectable_label(size == now, text).clicked() {
                out.push(UiRequest::command(ToolCommand::TargetSize(size)));
            }
        }
    });
    let small = keys_text(ui, Action::ToggleSmallTargets);
    let large = keys_text(ui, Action::ToggleLargeTargets);
    let hint = tr!(
        "How large what is clicked is: the model begins close by ({small}) or from afar ({large}), and answers a click that stands once more",
        small,
        large
    );
    let response = response.accessible_name(tr!("Size"));
    response.on_hover_text(hint);
}
