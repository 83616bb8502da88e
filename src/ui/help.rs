//! The help windows.

use egui::{Context, Grid, RichText, ScrollArea, TextStyle, Ui, Window};

use super::input::{Action, Group, SCALE_KEYS};
use super::key_profiles::ProfileId;
use super::model::{EngineStatus, UiModel};
use super::state::UiState;
use crate::ui::texts::{self, tr};
use crate::util::about::{NOTICE, components};

/// Draws the help windows that are open.
pub fn show(ctx: &Context, model: &UiModel<'_>, state: &mut UiState) {
    mouse_and_keyboard(ctx, state);
    about(ctx, model, state);
}

fn mouse_and_keyboard(ctx: &Context, state: &mut UiState) {
    let mouse = state.mouse;
    let height = (ctx.content_rect().height() - 140.0).max(200.0);
    Window::new(tr!("Mouse and keyboard"))
        .open(&mut state.show_shortcuts)
        .default_size([500.0, height])
        .default_pos([60.0, 50.0])
        .collapsible(false)
        .show(ctx, |ui| {
            ScrollArea::vertical().max_height(height).show(ui, |ui| {
                table(
                    ui,
                    tr!("Mouse"),
                    mouse.help().map(|(g, m)| (g.to_owned(), m)),
                );
                for group in Group::ALL {
                    table(ui, group.title(), keys_of(ctx, group));
                }
                let scale = SCALE_KEYS
                    .map(|(key, meaning)| (ctx.format_shortcut(&key), texts::of(meaning)));
                table(ui, tr!("Size of the window's text"), scale);
            });
        });
}

/// The keys of a group, and what they do.
fn keys_of(ctx: &Context, group: Group) -> Vec<(String, &'static str)> {
    let shortcuts = ProfileId::of(ctx).shortcuts().iter();
    let of_group = shortcuts.filter(|s| s.action.group() == group && !s.keys.is_empty());
    let row = |action: Action, keys: &[egui::KeyboardShortcut]| {
        let keys: Vec<String> = keys.iter().map(|k| ctx.format_shortcut(k)).collect();
        (keys.join(", "), action.text().trim_end_matches("..."))
    };
    of_group.map(|s| row(s.action, &s.keys)).collect()
}

fn table(ui: &mut Ui, title: &str, rows: impl IntoIterator<Item = (String, &'static str)>) {
    ui.add_space(6.0);
    ui.label(RichText::new(title).heading());
    Grid::new(title)
        .num_columns(2)
        .min_col_width(150.0)
        .striped(true)
        .show(ui, |ui| {
            for (keys, meaning) in rows {
                ui.label(RichText::new(keys).strong());
                ui.label(meaning);
                ui.end_row();
            }
        });
}

fn about(ctx: &Context, model: &UiModel<'_>, state: &mut UiState) {
    Window::new(tr!("About Prosector"))
        .open(&mut state.show_about)
        .default_width(440.0)
        .collapsible(false)
        .show(ctx, |ui| {
            ui.label(RichText::new(concat!("Prosector ", env!("CARGO_PKG_VERSION"))).heading());
            ui.label(env!("CARGO_PKG_DESCRIPTION"));
            ui.label(concat!("Licence: ", env!("CARGO_PKG_LICENSE")));
            ui.separator();
            ui.label(texts::of(NOTICE));
            if let EngineStatus::Ready { card, device } = model.engine {
                ui.separator();
                ui.label(RichText::new(&card.title).strong());
                ui.label(&card.description);
                ui.label(tr!("Computes on {name}", name = device.name));
                for notice in &card.notices {
                    ui.weak(notice);
                }
            }
            ui.separator();
            ui.collapsing(tr!("Components of others and their licences"), made_of);
        });
}

fn made_of(ui: &mut Ui) {
    let components = components();
    let height = ui.text_style_height(&TextStyle::Body);
    ScrollArea::vertical().max_height(12.0 * height).show_rows(
        ui,
        height,
        components.len(),
        |ui, rows| {
            for c in &components[rows] {
                ui.weak(format!("{} {}: {}", c.name, c.version, c.licence));
            }
        },
    );
}
