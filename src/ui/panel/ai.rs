//! The model: organs without a prompt, which label clicks go to, and the proposal.

use egui::{Button, Color32, ComboBox, Label as Text, RichText, Sense, Ui, vec2};

use crate::models::ModelCard;
use crate::session::{Case, ToolCommand};
use crate::ui::input::Action;
use crate::ui::model::{UiModel, UiRequest};
use crate::ui::state::UiState;
use crate::ui::texts::{self, tr};
use crate::ui::tools::Tool;
use crate::volume::{Modality, title_of};

/// Room beside the button for organs: whether prompts wait, and the button that has them answered, in points.
const ASKING_WIDTH: f32 = 112.0;
/// Height of the line that says which label receives, in points.
const RECEIVER_HEIGHT: f32 = 20.0;

/// Draws the section.
pub fn show(ui: &mut Ui, model: &UiModel<'_>, state: &mut UiState, out: &mut Vec<UiRequest>) {
    model_choice(ui, model, out);
    let case = model.session.case();
    let automatic = model.engine.card().is_some_and(|card| card.automatic);
    let idle = case.is_some_and(|c| !c.is_auto_running());
    let button = Button::new(RichText::new(Action::SegmentOrgans.text()).strong());
    let modality = case.map(|c| c.image().modality());
    let hint = model.engine.card().map_or_else(String::new, |card| {
        tr!(
            "Finds without a prompt: {structures}  ({keys})",
            structures = structures_text(card, modality),
            keys = super::keys_text(ui, Action::SegmentOrgans)
        )
    });
    ui.horizontal(|ui| {
        let size = vec2(ui.available_width() - ASKING_WIDTH, 28.0);
        ui.add_enabled_ui(automatic && idle, |ui| {
            if ui.add_sized(size, button).on_hover_text(hint).clicked() {
                out.push(UiRequest::Action(Action::SegmentOrgans));
            }
        });
        asking(ui, model, out);
    });
    if let Some(case) = case {
        super::reserved(ui, RECEIVER_HEIGHT, |ui| receiver(ui, model, case));
        super::review::show(ui, model, case, state, out);
    }
}

/// Whether prompts are answered one by one, and the button that has them answered otherwise.
fn asking(ui: &mut Ui, model: &UiModel<'_>, out: &mut Vec<UiRequest>) {
    let mut by_hand = model.session.tools().asks_by_hand;
    let keys = super::keys_text(ui, Action::ToggleAskByHand);
    let hint = tr!(
        "Several prompts before the model is asked: when you press Run, not at each of them  ({keys})",
        keys
    );
    let response = ui.checkbox(&mut by_hand, tr!("Wait"));
    if response.on_hover_text(hint).changed() {
        out.push(UiRequest::command(ToolCommand::AskByHand(by_hand)));
    }
    let keys = super::keys_text(ui, Action::AskModel);
    let hint = tr!(
        "Ask the model for the target of the prompts  ({keys})",
        keys
    );
    let waits = model.session.case().is_some_and(Case::awaits_an_answer);
    let button = ui
        .add_enabled(by_hand && waits, Button::new(tr!("Run")))
        .on_hover_text(hint)
        .on_disabled_hover_text(tr!("Where prompts wait to be answered"));
    if button.clicked() {
        out.push(UiRequest::Action(Action::AskModel));
    }
}

/// Which label the next click, box or stroke goes to.
fn receiver(ui: &mut Ui, model: &UiModel<'_>, case: &Case) {
    let receiver = case.receiver();
    ui.horizontal(|ui| {
        let receives = Tool::of(model.session.tools().tool).kind.receives();
        ui.label(texts::of(receives));
        let [r, g, b] = receiver.color;
        let (rect, _) = ui.allocate_exact_size(vec2(10.0, 10.0), Sense::hover());
        ui.painter()
            .rect_filled(rect, 2.0, Color32::from_rgb(r, g, b));
        let state = match (receiver.is_new, receiver.is_locked) {
            (true, _) => tr!(" (new)"),
            (_, true) => tr!(" (locked)"),
            _ => "",
        };
        let text = RichText::new(format!("{}{state}", receiver.title)).strong();
        ui.add(Text::new(text).truncate())
            .on_hover_text(tr!("Choose another label in the list below"));
    });
}

/// The list of models, where there is a choice.
fn model_choice(ui: &mut Ui, model: &UiModel<'_>, out: &mut Vec<UiRequest>) {
    if model.models.len() < 2 {
        return;
    }
    let current = model.engine.card();
    let title = current.map_or(tr!("Model"), |card| card.title.as_str());
    ComboBox::from_id_salt("model")
        .selected_text(title)
        .width(ui.available_width())
        .show_ui(ui, |ui| {
            for card in model.models {
                let chosen = current.is_some_and(|c| c.id == card.id);
                let hint = tr!(
                    "{description} Takes: {takes}",
                    description = card.description,
                    takes = card.takes()
                );
                let licence = card.licence.as_ref();
                let licence = licence.map(|text| tr!("Licence: {licence}", licence = text));
                let hint = licence.map_or_else(|| hint.clone(), |text| format!("{hint}\n{text}"));
                let response = ui.selectable_label(chosen, &card.title).on_hover_text(hint);
                if response.clicked() && !chosen {
                    out.push(UiRequest::ChooseModel(card.id.clone()));
                }
            }
        })
        .response
        .accessible_name(tr!("The model that computes"));
}

/// The structures that the model knows in scans of this modality.
fn structures_text(card: &ModelCard, modality: Option<Modality>) -> String {
    let names: Vec<String> = card
        .structures
        .iter()
        .filter(|s| modality.is_none_or(|m| s.is_known_in(m)))
        .map(|s| title_of(&s.name))
        .collect();
    match (names.is_empty(), modality) {
        (true, Some(m)) => tr!("nothing in {modality}", modality = m.name().to_uppercase()),
        _ => names.join(", "),
    }
}
