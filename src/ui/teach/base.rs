//! Which model learns: the one in the box, or another of a system that can be taught.

use egui::{ComboBox, Ui};

use super::{FIELD_WIDTH, TeachForm};
use crate::models::ModelCard;
use crate::models::taught::teachable;
use crate::ui::texts::tr;

/// The row of the form, where there is a choice: of models that can learn what is chosen.
pub(super) fn row(ui: &mut Ui, models: &[ModelCard], form: &mut TeachForm) {
    let structure = form.structure.as_deref();
    let learns = |card: &&ModelCard| {
        teachable(card).is_ok_and(|opened| (opened.check)(card, structure).is_ok())
    };
    let others: Vec<&ModelCard> = models.iter().skip(1).filter(learns).collect();
    form.base
        .take_if(|id| others.iter().all(|card| card.id != *id));
    if others.is_empty() {
        return;
    }
    let boxed = models.first().map_or("", |card| card.id.as_str());
    let label = ui.label(tr!("Model to teach"));
    ComboBox::from_id_salt("taught model")
        .width(FIELD_WIDTH)
        .selected_text(form.base.as_deref().unwrap_or(boxed))
        .show_ui(ui, |ui| {
            ui.selectable_value(&mut form.base, None, boxed);
            for card in others {
                ui.selectable_value(&mut form.base, Some(card.id.clone()), &card.id);
            }
        })
        .response
        .labelled_by(label.id);
    ui.end_row();
}
