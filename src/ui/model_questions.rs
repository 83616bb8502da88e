//! Questions about models: which images one is shown, and whether its licence is accepted.

use egui::{Button, RichText, Ui};

use super::model::Answer;
use super::question::{enter_pressed, heading, main_button};
use super::texts::tr;

/// Which of the model's images is the open scan, and which files the others are.
pub(super) fn channels(
    ui: &mut Ui,
    images: &[(String, Option<String>)],
    scan_is: usize,
    answer: &mut Option<Answer>,
) {
    heading(ui, tr!("The model takes several images"));
    ui.label(tr!("All of the same patient, voxel for voxel on the scan's grid. Say which one is open, and choose the others."));
    ui.add_space(6.0);
    let mut is_complete = true;
    for (place, (name, file)) in images.iter().enumerate() {
        ui.horizontal(|ui| {
            ui.add_sized([90.0, 24.0], egui::Label::new(RichText::new(name).strong()));
            if place == scan_is {
                ui.label(tr!("the open scan"));
                return;
            }
            is_complete &= file.is_some();
            let text = match file {
                Some(file) => tr!("{file}: choose another...", file),
                None => tr!("Choose {name}...", name),
            };
            if ui.add(Button::new(text).truncate()).clicked() {
                *answer = Some(Answer::ChooseChannel(place));
            }
            let hint = tr!("The open scan is this image of the model's");
            let button = ui.small_button(tr!("{name} is the open scan", name));
            if button.on_hover_text(hint).clicked() {
                *answer = Some(Answer::ScanIsChannel(place));
            }
        });
    }
    ui.add_space(10.0);
    ui.horizontal(|ui| {
        let button = ui.add_enabled(is_complete, main_button(tr!("Segment organs")));
        if button.clicked() || (is_complete && enter_pressed(ui)) {
            *answer = Some(Answer::ChannelsGiven);
        }
        if ui.button(tr!("Cancel")).clicked() {
            *answer = Some(Answer::Cancel);
        }
    });
}

/// Whether what the licence says is kept to. Enter does not answer: it is to be read.
pub(super) fn licence(ui: &mut Ui, licence: &str, answer: &mut Option<Answer>) {
    heading(ui, tr!("The licence of these weights"));
    ui.label(RichText::new(licence).strong());
    ui.add_space(6.0);
    ui.label(tr!("It does not allow every use. It is kept with the model, and shown wherever the model is chosen."));
    ui.add_space(10.0);
    ui.horizontal(|ui| {
        if ui.add(main_button(tr!("Import, and keep to it"))).clicked() {
            *answer = Some(Answer::LicenceAccepted);
        }
        if ui.button(tr!("Do not import")).clicked() {
            *answer = Some(Answer::Cancel);
        }
    });
}
