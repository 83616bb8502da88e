//! The window of teaching: which cases the model learns from, what came of it, and the way back.

use egui::{Button, ComboBox, Context, Grid, ProgressBar, RichText, TextEdit, Ui, Window};

use super::model::{UiModel, UiRequest};
use super::state::UiState;
use super::texts::{self, tr};
use super::theme;
use crate::models::{Compared, Verdict};

/// A case that the user gave for teaching.
#[derive(Debug, Clone)]
pub struct LessonCase {
    /// What it is called in the window.
    pub title: String,
    /// The names of what is drawn in it.
    pub structures: Vec<String>,
}

/// What came of a lesson, until the user has decided on it.
#[derive(Debug, Clone)]
pub struct LessonResult {
    /// What cross-validation showed.
    pub verdict: Verdict,
    /// Before and after, on cases left out.
    pub measured: Vec<Compared>,
    /// Whether there is something to accept.
    pub is_kept: bool,
}

/// What is known of teaching.
#[derive(Debug, Default)]
pub struct TeachView {
    /// The cases that were given, in this order.
    pub cases: Vec<LessonCase>,
    /// How far a lesson under way is, 0 to 1.
    pub fraction: Option<f32>,
    /// What came of the last lesson.
    pub result: Option<LessonResult>,
    /// What is to be said, in one line.
    pub said: String,
}

impl TeachView {
    /// Names of what is drawn in any of the cases.
    fn structures(&self) -> Vec<&str> {
        let all = self.cases.iter().flat_map(|c| &c.structures);
        let mut names: Vec<&str> = all.map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// What was entered.
#[derive(Debug, Clone, Default)]
pub struct TeachForm {
    /// What the taught model is to be called.
    pub name: String,
    /// What is to be found without a prompt; `None`: better answers to prompts.
    pub structure: Option<String>,
    /// Whether it may be kept where it is not proven to be better.
    pub unproven: bool,
}

/// What is asked of teaching.
#[derive(Debug, Clone)]
pub enum TeachRequest {
    /// Learn from the case that is open, as it is now.
    UseThisCase,
    /// Leave this case out.
    Forget(usize),
    /// Begin.
    Teach(TeachForm),
    /// Use what was taught from now on.
    Accept,
    /// Throw away what was taught.
    Discard,
    /// Use the model that was used before.
    RollBack,
}

const FIELD_WIDTH: f32 = 220.0;

/// Draws the window, while it is open.
pub fn show(ctx: &Context, model: &UiModel<'_>, state: &mut UiState, out: &mut Vec<UiRequest>) {
    let Some(form) = &mut state.teach else {
        return;
    };
    let mut open = true;
    let mut asked = None;
    Window::new(tr!("Teach from cases"))
        .open(&mut open)
        .default_pos([80.0, 80.0])
        .default_width(460.0)
        .collapsible(false)
        .show(ctx, |ui| {
            let view = model.teaching;
            asked = cases(ui, model);
            ui.separator();
            asked = what(ui, view, form).or(asked.take());
            if let Some(fraction) = view.fraction {
                ui.add(ProgressBar::new(fraction).show_percentage());
            }
            if let Some(result) = &view.result {
                ui.separator();
                asked = outcome(ui, result).or(asked.take());
            }
            ui.separator();
            ui.horizontal(|ui| {
                let back = ui.button(tr!("Back to the model before"));
                if back.clicked() {
                    asked = Some(TeachRequest::RollBack);
                }
                ui.label(
                    RichText::new(texts::worded(&view.said)).color(theme::of(ui.ctx()).text_weak),
                );
            });
        });
    out.extend(asked.map(UiRequest::Teach));
    if !open {
        state.teach = None;
    }
}

/// The cases that are learnt from. Nothing is taken that the user did not give.
fn cases(ui: &mut Ui, model: &UiModel<'_>) -> Option<TeachRequest> {
    let view = model.teaching;
    let mut asked = None;
    if view.cases.is_empty() {
        ui.label(tr!(
            "No case is used yet. Draw or correct labels, then use the case."
        ));
    }
    for (n, case) in view.cases.iter().enumerate() {
        ui.horizontal(|ui| {
            if ui.small_button(tr!("Leave out")).clicked() {
                asked = Some(TeachRequest::Forget(n));
            }
            ui.label(&case.title);
            let names = case.structures.join(", ");
            ui.label(RichText::new(names).color(theme::of(ui.ctx()).text_weak));
        });
    }
    let drawn = model
        .session
        .case()
        .is_some_and(|c| !c.table().labels().is_empty());
    let this = ui
        .add_enabled(drawn, Button::new(tr!("Use this case for teaching")))
        .on_hover_text(tr!(
            "Its labels as they are now; they stay on this computer"
        ))
        .on_disabled_hover_text(tr!("Open a scan and draw or correct its labels first"));
    if this.clicked() {
        asked = Some(TeachRequest::UseThisCase);
    }
    asked
}

/// What is learnt, and the button that begins.
fn what(ui: &mut Ui, view: &TeachView, form: &mut TeachForm) -> Option<TeachRequest> {
    let prompts = tr!("answers to clicks and boxes");
    Grid::new("lesson").num_columns(2).show(ui, |ui| {
        let label = ui.label(tr!("What to learn"));
        ComboBox::from_id_salt("taught structure")
            .width(FIELD_WIDTH)
            .selected_text(form.structure.as_deref().unwrap_or(prompts))
            .show_ui(ui, |ui| {
                ui.selectable_value(&mut form.structure, None, prompts);
                for name in view.structures() {
                    let value = Some(name.to_owned());
                    ui.selectable_value(&mut form.structure, value, tr!("to find {name}", name));
                }
            })
            .response
            .labelled_by(label.id);
        ui.end_row();
        let label = ui.label(tr!("Call it"));
        let field = TextEdit::singleline(&mut form.name).desired_width(FIELD_WIDTH);
        ui.add(field).labelled_by(label.id);
        ui.end_row();
    });
    ui.checkbox(
        &mut form.unproven,
        tr!("Keep it also where it is not proven to be better"),
    );
    let is_named = !form.name.is_empty()
        && form
            .name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let ready = is_named && !view.cases.is_empty() && view.fraction.is_none();
    let button = ui
        .add_enabled(ready, Button::new(tr!("Teach")))
        .on_hover_text(tr!(
            "Takes minutes to an hour, in the background; clicks go first"
        ))
        .on_disabled_hover_text(tr!(
            "Use a case, and give a name of letters, digits, '-' and '_'"
        ));
    button.clicked().then(|| TeachRequest::Teach(form.clone()))
}

/// Before and after, and the decision.
fn outcome(ui: &mut Ui, result: &LessonResult) -> Option<TeachRequest> {
    let words = texts::worded(result.verdict.words());
    ui.label(RichText::new(tr!("On cases left out: {words}", words)).strong());
    if !result.measured.is_empty() {
        Grid::new("before and after").striped(true).show(ui, |ui| {
            for head in [
                tr!("Given"),
                tr!("Dice before"),
                tr!("after"),
                tr!("noise"),
                tr!("NSD before"),
                tr!("after"),
            ] {
                ui.label(RichText::new(head).color(theme::of(ui.ctx()).text_weak));
            }
            ui.end_row();
            for row in &result.measured {
                ui.label(&row.given);
                for value in [row.dice_before, row.dice_after] {
                    ui.label(format!("{value:.3}"));
                }
                ui.label(row.dice_noise.map_or("-".to_owned(), |n| format!("{n:.3}")));
                for value in [row.nsd_before, row.nsd_after] {
                    ui.label(format!("{value:.3}"));
                }
                ui.end_row();
            }
        });
    }
    if !result.is_kept {
        ui.label(tr!("Nothing was kept: the model is as it was."));
        return None;
    }
    let mut asked = None;
    ui.horizontal(|ui| {
        if ui.button(tr!("Use it from now on")).clicked() {
            asked = Some(TeachRequest::Accept);
        }
        if ui.button(tr!("Throw it away")).clicked() {
            asked = Some(TeachRequest::Discard);
        }
    });
    asked
}
