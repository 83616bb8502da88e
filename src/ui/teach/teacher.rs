//! Who else teaches: an installed model whose answers are learnt too, and scans without labels for it to answer on.

use egui::{Button, ComboBox, Slider, Ui};

use super::{FIELD_WIDTH, TeachForm, TeachRequest};
use crate::models::ModelCard;
use crate::project::State;
use crate::ui::model::UiModel;
use crate::ui::texts::tr;

/// Whether a model teaches beside the labels.
pub(super) fn is_chosen(form: &TeachForm) -> bool {
    form.structure.is_some() && form.teacher.is_some()
}

/// Whether a teacher, where one is chosen, finds what is to be learnt.
pub(super) fn is_ready(models: &[ModelCard], form: &TeachForm) -> bool {
    let Some(structure) = form.structure.as_ref().filter(|_| is_chosen(form)) else {
        return true;
    };
    let name = form.teacher_structure.as_ref().unwrap_or(structure);
    chosen(models, form).is_some_and(|card| knows(card, name))
}

/// The rows of the form: which model, what it calls the structure, and its share. Structures alone are taught by others.
pub(super) fn rows(ui: &mut Ui, models: &[ModelCard], form: &mut TeachForm) {
    let Some(structure) = form.structure.clone() else {
        return;
    };
    let before = form.teacher.clone();
    let none = tr!("nobody: labels alone");
    let label = ui.label(tr!("Teacher"));
    ComboBox::from_id_salt("teacher")
        .width(FIELD_WIDTH)
        .selected_text(form.teacher.as_deref().unwrap_or(none))
        .show_ui(ui, |ui| {
            ui.selectable_value(&mut form.teacher, None, none);
            for card in models.iter().filter(|card| can_teach(card)) {
                ui.selectable_value(&mut form.teacher, Some(card.id.clone()), &card.id);
            }
        })
        .response
        .labelled_by(label.id)
        .on_hover_text(tr!(
            "A model whose answers are learnt too, on scans without labels alone"
        ));
    ui.end_row();
    if form.teacher != before {
        form.teacher_structure = None;
    }
    let Some(card) = chosen(models, form) else {
        return;
    };
    let label = ui.label(tr!("It calls it"));
    let name = form.teacher_structure.as_ref().unwrap_or(&structure);
    let shown = match knows(card, name) {
        true => name.clone(),
        false => tr!("choose what it finds").to_owned(),
    };
    ComboBox::from_id_salt("structure of the teacher")
        .width(FIELD_WIDTH)
        .selected_text(shown)
        .show_ui(ui, |ui| {
            for known in &card.structures {
                let value = Some(known.name.clone());
                ui.selectable_value(&mut form.teacher_structure, value, &known.name);
            }
        })
        .response
        .labelled_by(label.id);
    ui.end_row();
    let label = ui.label(tr!("Its share"));
    ui.add(Slider::new(&mut form.lambda, 0.0..=1.0).fixed_decimals(2))
        .labelled_by(label.id)
        .on_hover_text(tr!(
            "Of the loss where there are labels too: at 0 labels alone teach, at 1 the teacher alone"
        ));
    ui.end_row();
}

/// The buttons that give scans without labels.
pub(super) fn scans(ui: &mut Ui, model: &UiModel<'_>) -> Option<TeachRequest> {
    let mut asked = None;
    let is_open = model.session.case().is_some();
    let this = Button::new(tr!("Use this scan without labels"));
    if ui.add_enabled(is_open, this).clicked() {
        asked = Some(TeachRequest::UseThisScan);
    }
    if let Some(worklist) = model.worklist {
        let mut entries = worklist.entries.iter();
        let is_any = entries.any(|entry| entry.state == State::NotStarted);
        let all = Button::new(tr!("Use the scans of the worklist that I have not begun"));
        if ui.add_enabled(is_any, all).clicked() {
            asked = Some(TeachRequest::UseWorklistScans);
        }
    }
    asked
}

fn chosen<'a>(models: &'a [ModelCard], form: &TeachForm) -> Option<&'a ModelCard> {
    let id = form.teacher.as_ref()?;
    models.iter().find(|card| card.id == *id)
}

/// Whether a model finds structures by itself, in one image.
fn can_teach(card: &ModelCard) -> bool {
    card.automatic && !card.structures.is_empty() && card.channels.len() < 2
}

fn knows(card: &ModelCard, structure: &str) -> bool {
    card.structures.iter().any(|known| known.name == structure)
}
