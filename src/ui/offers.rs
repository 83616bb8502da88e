//! Labels that lie beside the scan: a bar above the views offers them until it is answered.

use std::collections::BTreeSet;

use egui::Ui;

use crate::io::LabelSource;

use super::model::{UiModel, UiRequest};
use super::state::UiState;
use super::texts::tr;

/// More buttons than this are in a menu.
const BUTTONS: usize = 4;

/// What was answered of the labels beside the scan that is open.
#[derive(Debug, Default)]
pub struct Offers {
    is_closed: bool,
    /// Those that were opened, by their place in the scan's list.
    opened: BTreeSet<usize>,
}

impl Offers {
    /// Nothing is offered any more.
    pub fn close(&mut self) {
        self.is_closed = true;
    }

    /// What is still offered of the scan's labels.
    fn left<'a>(&self, model: &UiModel<'a>) -> Vec<(usize, &'a LabelSource)> {
        let case = model.session.case().filter(|_| !self.is_closed);
        let all = case.map_or(&[][..], |case| &case.info().labels);
        let left = all.iter().enumerate();
        left.filter(|(n, _)| !self.opened.contains(n)).collect()
    }
}

/// Whether there is something to offer.
pub(super) fn is_shown(model: &UiModel<'_>, state: &UiState) -> bool {
    !state.offers.left(model).is_empty()
}

/// Draws the bar.
pub(super) fn show(
    ui: &mut Ui,
    model: &UiModel<'_>,
    state: &mut UiState,
    out: &mut Vec<UiRequest>,
) {
    let left = state.offers.left(model);
    let mut pressed = None;
    let mut is_closed = false;
    ui.horizontal(|ui| {
        ui.label(heading(&left));
        let (shown, more) = left.split_at(left.len().min(BUTTONS));
        for (n, labels) in shown {
            if ui
                .button(tr!("Open {labels}", labels = labels.title()))
                .clicked()
            {
                pressed = Some(*n);
            }
        }
        if !more.is_empty() {
            ui.menu_button(tr!("More"), |ui| {
                for (n, labels) in more {
                    if ui
                        .button(tr!("Open {labels}", labels = labels.title()))
                        .clicked()
                    {
                        pressed = Some(*n);
                        ui.close();
                    }
                }
            });
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let button = ui.small_button(tr!("Not now"));
            is_closed = button
                .on_hover_text(tr!("File > Open labels... opens them later"))
                .clicked();
        });
    });
    if let Some(n) = pressed {
        state.offers.opened.insert(n);
        out.push(UiRequest::OpenOffered(n));
    }
    if is_closed {
        state.offers.close();
    }
}

/// How many there are, and where.
fn heading(left: &[(usize, &LabelSource)]) -> String {
    let is_dicom = left.iter().any(|(_, labels)| labels.object.is_some());
    match (left.len(), is_dicom) {
        (1, true) => tr!("1 segmentation of this series:").to_owned(),
        (n, true) => tr!("{n} segmentations of this series:", n),
        (1, false) => tr!("1 label map beside this scan:").to_owned(),
        (n, false) => tr!("{n} label maps beside this scan:", n),
    }
}
