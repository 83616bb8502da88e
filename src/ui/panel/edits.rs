//! Clean-up of the active label.

use egui::Ui;

use crate::session::Case;
use crate::session::operations::{clear, fill_holes, keep_largest};
use crate::ui::input::Action;
use crate::ui::model::{UiModel, UiRequest};
use crate::ui::texts;

/// Draws the clean-up buttons.
pub fn show(ui: &mut Ui, model: &UiModel<'_>, out: &mut Vec<UiRequest>) {
    let case = model.session.case();
    let editable = case
        .and_then(Case::active)
        .is_some_and(|label| !label.locked);
    ui.horizontal_wrapped(|ui| {
        for operation in [
            &fill_holes::OPERATION,
            &keep_largest::OPERATION,
            &clear::OPERATION,
        ] {
            super::action_button(
                ui,
                editable,
                Action::Operation(operation),
                texts::of(operation.hint),
                out,
            );
        }
    });
}
