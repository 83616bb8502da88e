//! Which model learns: the one in the box, or another of a system that can be taught.

use egui::{ComboBox, Ui};

use super::{FIELD_WIDTH, TeachForm};
use crate::models::ModelCard;
use crate::models::taught::teachable;
use crate::ui::texts::tr;

/// The row of the form, where there is a choice. Others than the one in the box learn to find structures alone.
pub(super) fn row(ui: &mut Ui, models: &[ModelCard], form: &mut TeachForm) {
    let others = models.iter().skip(1).filter(|card| teachable(card).is_ok());
    let others: Vec<&ModelCard> = others.collect();
    if form.structure.is_none() || others.is_empty() {
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
