//! The steps of the history; a click goes to where they were in force.

use egui::{RichText, ScrollArea, TextStyle, Ui};

use crate::session::{History, HistoryCommand};
use crate::ui::model::{UiModel, UiRequest};
use crate::ui::state::UiState;
use crate::ui::texts::{self, tr};
use crate::ui::theme;

/// Steps that are shown at once, in a low panel fewer; the others scroll.
const ROWS: std::ops::RangeInclusive<f32> = 3.0..=7.0;
/// Share of the panel's height that the list may take.
const SHARE: f32 = 0.25;

/// Draws the list, the beginning first, into a panel of this height.
pub fn show(
    ui: &mut Ui,
    model: &UiModel<'_>,
    state: &mut UiState,
    panel_height: f32,
    out: &mut Vec<UiRequest>,
) {
    let Some(history) = model.session.case().map(|case| case.history()) else {
        ui.weak(tr!("No scan is open"));
        return;
    };
    let row_height = ui.text_style_height(&TextStyle::Button) + 2.0 * ui.spacing().button_padding.y;
    let line = row_height + ui.spacing().item_spacing.y;
    let shown_rows = (panel_height * SHARE / line)
        .floor()
        .clamp(*ROWS.start(), *ROWS.end());
    let here = history.undo_len();
    let mut list = ScrollArea::vertical().id_salt("steps").auto_shrink(false);
    // What was done last stays in sight, and the list stays where the user scrolled it.
    if state.history_at != Some(here) {
        state.history_at = Some(here);
        let above = (here as f32 - (shown_rows - 1.0) / 2.0).max(0.0);
        list = list.vertical_scroll_offset(above * line);
    }
    let rows = 1 + here + history.redo_len();
    let mut row = |ui: &mut Ui, position: usize| {
        let mut text = RichText::new(row_text(history, position));
        if position > here {
            text = text.color(theme::of(ui.ctx()).text_weak);
        }
        let row = ui.selectable_label(position == here, text);
        if row.clicked() && position != here {
            out.push(UiRequest::command(HistoryCommand::JumpTo(position)));
        }
    };
    // The same room for one step and for many, so that nothing moves while work goes on.
    super::reserved(ui, shown_rows * line, |ui| {
        list.show_rows(ui, row_height, rows, |ui, shown| {
            shown.for_each(|position| row(ui, position));
        });
    });
}

/// What is in force at a position: the step that leads to it.
fn row_text(history: &History, position: usize) -> String {
    match position.checked_sub(1).and_then(|n| history.name_at(n)) {
        Some(name) => format!("{position}  {}", texts::worded(name)),
        None => tr!("Beginning").to_owned(),
    }
}
