//! The steps of the history; a click goes to where they were in force.

use egui::{RichText, ScrollArea, TextStyle, Ui};

use crate::session::{History, HistoryCommand};
use crate::ui::model::{UiModel, UiRequest};
use crate::ui::state::UiState;
use crate::ui::theme;

/// Steps that are shown at once; the others scroll.
const ROWS: f32 = 7.0;

/// Draws the list, the beginning first.
pub fn show(ui: &mut Ui, model: &UiModel<'_>, state: &mut UiState, out: &mut Vec<UiRequest>) {
    let Some(history) = model.session.case().map(|case| case.history()) else {
        ui.weak("No scan is open");
        return;
    };
    let row_height = ui.text_style_height(&TextStyle::Button) + 2.0 * ui.spacing().button_padding.y;
    let line = row_height + ui.spacing().item_spacing.y;
    let here = history.undo_len();
    let mut list = ScrollArea::vertical()
        .id_salt("steps")
        .auto_shrink([false, true])
        .min_scrolled_height(ROWS * line)
        .max_height(ROWS * line);
    // What was done last stays in sight, and the list stays where the user scrolled it.
    if state.history_at != Some(here) {
        state.history_at = Some(here);
        let above = (here as f32 - (ROWS - 1.0) / 2.0).max(0.0);
        list = list.vertical_scroll_offset(above * line);
    }
    let rows = 1 + here + history.redo_len();
    list.show_rows(ui, row_height, rows, |ui, shown| {
        for position in shown {
            let mut text = RichText::new(row_text(history, position));
            if position > here {
                text = text.color(theme::TEXT_WEAK);
            }
            let row = ui.selectable_label(position == here, text);
            if row.clicked() && position != here {
                out.push(UiRequest::command(HistoryCommand::JumpTo(position)));
            }
        }
    });
}

/// What is in force at a position: the step that leads to it.
fn row_text(history: &History, position: usize) -> String {
    match position.checked_sub(1).and_then(|n| history.name_at(n)) {
        Some(name) => format!("{position}  {name}"),
        None => "Beginning".to_owned(),
    }
}
