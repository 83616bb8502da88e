//! The help windows.

use egui::{Context, Grid, RichText, ScrollArea, Window};

use super::input::SHORTCUTS;
use super::model::{EngineStatus, UiModel};
use super::question::NOTICE;
use super::state::UiState;

/// Draws the help windows that are open.
pub fn show(ctx: &Context, model: &UiModel<'_>, state: &mut UiState) {
    shortcuts(ctx, state);
    about(ctx, model, state);
}

fn shortcuts(ctx: &Context, state: &mut UiState) {
    let mouse = state.mouse;
    Window::new("Mouse and keyboard")
        .open(&mut state.show_shortcuts)
        .default_width(430.0)
        .collapsible(false)
        .show(ctx, |ui| {
            ScrollArea::vertical().max_height(560.0).show(ui, |ui| {
                Grid::new("mouse")
                    .num_columns(2)
                    .striped(true)
                    .show(ui, |ui| {
                        for (gesture, meaning) in mouse.help() {
                            ui.label(RichText::new(gesture).strong());
                            ui.label(meaning);
                            ui.end_row();
                        }
                    });
                ui.separator();
                Grid::new("keys")
                    .num_columns(2)
                    .striped(true)
                    .show(ui, |ui| {
                        for shortcut in SHORTCUTS {
                            let keys: Vec<String> = shortcut
                                .keys
                                .iter()
                                .map(|k| ctx.format_shortcut(k))
                                .collect();
                            ui.label(RichText::new(keys.join(", ")).strong());
                            ui.label(shortcut.action.text().trim_end_matches("..."));
                            ui.end_row();
                        }
                    });
            });
        });
}

fn about(ctx: &Context, model: &UiModel<'_>, state: &mut UiState) {
    Window::new("About Prosector")
        .open(&mut state.show_about)
        .default_width(440.0)
        .collapsible(false)
        .show(ctx, |ui| {
            ui.label(RichText::new(concat!("Prosector ", env!("CARGO_PKG_VERSION"))).heading());
            ui.label(env!("CARGO_PKG_DESCRIPTION"));
            ui.label(concat!("Licence: ", env!("CARGO_PKG_LICENSE")));
            ui.separator();
            ui.label(NOTICE);
            if let EngineStatus::Ready { card, device } = model.engine {
                ui.separator();
                ui.label(RichText::new(&card.title).strong());
                ui.label(&card.description);
                ui.label(format!("Computes on {}", device.name));
                for notice in &card.notices {
                    ui.weak(notice);
                }
            }
        });
}
