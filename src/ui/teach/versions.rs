//! The versions of the model that were taught, each to be used by one click, and the way back.

use egui::{Button, Grid, RichText, Ui};

use super::TeachRequest;
use crate::models::{ModelCard, Taught};
use crate::ui::model::UiModel;
use crate::ui::texts::{self, tr};
use crate::ui::theme;

/// Draws the model in the box and what was taught upon it.
pub(super) fn show(ui: &mut Ui, model: &UiModel<'_>) -> Option<TeachRequest> {
    let taught = |card: &&ModelCard| card.taught.is_some();
    if !model.models.iter().any(|card| taught(&card)) {
        return None;
    }
    let in_use = model.engine.card().map(|card| card.id.as_str());
    let bases = model.models.iter().take(1);
    let mut asked = None;
    ui.label(RichText::new(tr!("Versions")).strong());
    Grid::new("versions").striped(true).show(ui, |ui| {
        for card in bases.chain(model.models.iter().filter(taught)) {
            match in_use == Some(&card.id) {
                true => {
                    ui.label(RichText::new(tr!("in use")).color(theme::of(ui.ctx()).text_weak));
                }
                false => {
                    let use_it = Button::new(tr!("Use {id}", id = card.id));
                    if ui.add(use_it).clicked() {
                        asked = Some(TeachRequest::Use(card.id.clone()));
                    }
                }
            }
            ui.label(&card.id);
            match &card.taught {
                Some(taught) => ui.label(told(taught)),
                None => ui.label(tr!("as it came")),
            };
            ui.end_row();
        }
    });
    asked
}

/// When, from how many cases, and how much better.
fn told(taught: &Taught) -> String {
    let words = texts::worded(taught.verdict.words());
    let (date, cases) = (&taught.date, taught.cases);
    match taught.measured.first() {
        Some(row) => tr!(
            "{date}, {cases} cases, Dice {before} to {after}, {words}",
            date,
            cases,
            before = format_args!("{:.3}", row.dice_before),
            after = format_args!("{:.3}", row.dice_after),
            words
        ),
        None => tr!("{date}, {cases} cases, {words}", date, cases, words),
    }
}
