//! Clean-up of the active label.

use egui::Ui;

use crate::session::Case;
use crate::ui::input::Action;
use crate::ui::model::{UiModel, UiRequest};

/// Draws the clean-up buttons.
pub fn show(ui: &mut Ui, model: &UiModel<'_>, out: &mut Vec<UiRequest>) {
    let case = model.session.case();
    let editable = case
        .and_then(Case::active)
        .is_some_and(|label| !label.locked);
    ui.horizontal_wrapped(|ui| {
        for (action, hint) in [
            (
                Action::FillHoles,
                "Fill what the active label encloses in 3D",
            ),
            (
                Action::KeepLargest,
                "Remove all of the active label but its largest piece",
            ),
            (
                Action::ClearLabel,
                "Remove all voxels of the active label; the label stays",
            ),
        ] {
            super::action_button(ui, editable, action, hint, out);
        }
    });
}
