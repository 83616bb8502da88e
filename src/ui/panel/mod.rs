//! The panel on the right.

mod ai;
mod display;
mod edits;
mod labels;
mod tools;

use egui::{CollapsingHeader, RichText, ScrollArea, Ui};

use super::input::Action;
use super::model::{UiModel, UiRequest};
use super::state::UiState;

/// Draws the sections of the panel.
pub fn show(ui: &mut Ui, model: &UiModel<'_>, state: &mut UiState, out: &mut Vec<UiRequest>) {
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let open = model.session.case().is_some();
        section(ui, "Tools", |ui| {
            ui.add_enabled_ui(open, |ui| tools::show(ui, model, state, out));
        });
        section(ui, "Model", |ui| ai::show(ui, model, out));
        section(ui, "Labels", |ui| labels::show(ui, model, state, out));
        section(ui, "Clean up", |ui| {
            ui.add_enabled_ui(open, |ui| edits::show(ui, model, out));
        });
        section(ui, "Display", |ui| {
            ui.add_enabled_ui(open, |ui| display::show(ui, model, state, out));
        });
    });
}

fn section(ui: &mut Ui, title: &str, contents: impl FnOnce(&mut Ui)) {
    CollapsingHeader::new(RichText::new(title).strong())
        .id_salt(title)
        .default_open(true)
        .show_unindented(ui, |ui| {
            contents(ui);
            ui.add_space(6.0);
        });
}

/// The keys of an action as text, such as "2 or P".
pub fn keys_text(ui: &Ui, action: Action) -> String {
    let keys: Vec<String> = action
        .keys()
        .iter()
        .map(|k| ui.ctx().format_shortcut(k))
        .collect();
    keys.join(" or ")
}

/// A button for an action, with its keys in the hint.
fn action_button(ui: &mut Ui, enabled: bool, action: Action, hint: &str, out: &mut Vec<UiRequest>) {
    let keys = keys_text(ui, action);
    let hint = match (hint.is_empty(), keys.is_empty()) {
        (_, true) => hint.to_owned(),
        (true, false) => keys,
        (false, false) => format!("{hint}  ({keys})"),
    };
    let mut response = ui.add_enabled(enabled, egui::Button::new(action.text()));
    if !hint.is_empty() {
        response = response.on_hover_text(hint);
    }
    if response.clicked() {
        out.push(UiRequest::Action(action));
    }
}
