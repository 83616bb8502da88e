//! The window of teaching: which cases the model learns from, how the lesson goes and what came of it, which versions there
//! are, and the way back.

mod base;
mod course;
mod outcome;
mod said;
mod teacher;
mod versions;

use egui::{
    Button, ComboBox, Context, Grid, ProgressBar, RichText, ScrollArea, TextEdit, Ui, Window,
};

use super::model::{UiModel, UiRequest};
use super::state::UiState;
use super::texts::tr;
use super::theme;
use crate::models::Course;
use crate::project::State;

pub use outcome::{LessonPicture, LessonResult, PictureSide};
pub use said::Said;

/// A case that the user gave for teaching.
#[derive(Debug, Clone)]
pub struct LessonCase {
    /// What it is called in the window.
    pub title: String,
    /// The names of what is drawn in it.
    pub structures: Vec<String>,
    /// Whether it is labelled; where it is not a teacher answers.
    pub is_labelled: bool,
}

/// What is known of teaching.
#[derive(Debug, Default)]
pub struct TeachView {
    /// The cases that were given, in this order.
    pub cases: Vec<LessonCase>,
    /// How far a lesson under way is, 0 to 1.
    pub fraction: Option<f32>,
    /// How the lesson under way goes, or the last one went.
    pub course: Course,
    /// What came of the last lesson.
    pub result: Option<LessonResult>,
    /// What is to be said, in one line.
    pub said: Option<Said>,
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
#[derive(Debug, Clone)]
pub struct TeachForm {
    /// What the taught model is to be called.
    pub name: String,
    /// What is to be found without a prompt; `None`: better answers to prompts.
    pub structure: Option<String>,
    /// The model that learns to find it, by its id; `None`: the one in the box.
    pub base: Option<String>,
    /// The model whose answers are learnt too, by its id; `None`: labels alone teach.
    pub teacher: Option<String>,
    /// What the teacher calls the structure; `None`: the same.
    pub teacher_structure: Option<String>,
    /// The teacher's share in the loss of labelled cases, 0 to 1.
    pub lambda: f64,
    /// Whether it may be kept where it is not proven to be better.
    pub unproven: bool,
}

impl Default for TeachForm {
    fn default() -> Self {
        Self {
            name: String::new(),
            structure: None,
            base: None,
            teacher: None,
            teacher_structure: None,
            // What AutoProSAM's authors found best.
            lambda: 0.5,
            unproven: false,
        }
    }
}

/// What is asked of teaching.
#[derive(Debug, Clone)]
pub enum TeachRequest {
    /// Learn from the case that is open, as it is now.
    UseThisCase,
    /// Learn from what a teacher answers on the scan that is open.
    UseThisScan,
    /// Learn from all cases of the worklist that its reader has finished.
    UseWorklist,
    /// Learn from what a teacher answers on the scans of the worklist that its reader has not begun.
    UseWorklistScans,
    /// Leave this case out.
    Forget(usize),
    /// Begin.
    Teach(TeachForm),
    /// Use what was taught from now on.
    Accept,
    /// Throw away what was taught.
    Discard,
    /// Use this version from now on.
    Use(String),
    /// Use the model that was used before.
    RollBack,
    /// Write the report of the last lesson.
    SaveReport,
}

const FIELD_WIDTH: f32 = 220.0;
/// Of curves, table and pictures together; more is scrolled.
const OUTCOME_HEIGHT: f32 = 420.0;

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
            if teacher::is_chosen(form) {
                asked = teacher::scans(ui, model).or(asked.take());
            }
            ui.separator();
            asked = what(ui, model, form).or(asked.take());
            asked = way_back(ui, view).or(asked.take());
            if let Some(fraction) = view.fraction {
                ui.add(ProgressBar::new(fraction).show_percentage());
            }
            let shown = ScrollArea::vertical()
                .max_height(OUTCOME_HEIGHT)
                .min_scrolled_height(OUTCOME_HEIGHT)
                .show(ui, |ui| {
                    course::show(ui, &view.course);
                    let result = view.result.as_ref();
                    let of_outcome = result.and_then(|result| {
                        ui.separator();
                        outcome::show(ui, result, model.engine.is_remote())
                    });
                    versions::show(ui, model).or(of_outcome)
                });
            asked = shown.inner.or(asked.take());
        });
    out.extend(asked.map(UiRequest::Teach));
    if !open {
        state.teach = None;
    }
}

/// The button that goes back, and what is to be said.
fn way_back(ui: &mut Ui, view: &TeachView) -> Option<TeachRequest> {
    let row = ui.horizontal(|ui| {
        let back = ui.button(tr!("Back to the model before"));
        if let Some(said) = &view.said {
            ui.label(RichText::new(said.text()).color(theme::of(ui.ctx()).text_weak));
        }
        back.clicked()
    });
    row.inner.then_some(TeachRequest::RollBack)
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
            let names = match case.is_labelled {
                true => case.structures.join(", "),
                false => tr!("no labels: the teacher answers").to_owned(),
            };
            ui.label(RichText::new(names).color(theme::of(ui.ctx()).text_weak));
        });
    }
    let drawn = model
        .session
        .case()
        .is_some_and(|c| !c.table().labels().is_empty());
    let as_now = match model.engine.is_remote() {
        true => tr!("Its labels as they are now; scan and labels are sent when you teach"),
        false => tr!("Its labels as they are now; they stay on this computer"),
    };
    let this = ui
        .add_enabled(drawn, Button::new(tr!("Use this case for teaching")))
        .on_hover_text(as_now)
        .on_disabled_hover_text(tr!("Open a scan and draw or correct its labels first"));
    if this.clicked() {
        asked = Some(TeachRequest::UseThisCase);
    }
    if let Some(worklist) = model.worklist {
        let done = worklist.entries.iter();
        let done = done.filter(|e| e.role.is_some() && e.state == State::Done);
        let button = Button::new(tr!("Use my finished cases of the worklist"));
        let all = ui
            .add_enabled(done.count() > 0, button)
            .on_hover_text(tr!(
                "The labels that you handed in of each case, read from their files"
            ))
            .on_disabled_hover_text(tr!("You have finished no case of the worklist yet"));
        if all.clicked() {
            asked = Some(TeachRequest::UseWorklist);
        }
    }
    asked
}

/// What is learnt, and the button that begins.
fn what(ui: &mut Ui, model: &UiModel<'_>, form: &mut TeachForm) -> Option<TeachRequest> {
    let view = model.teaching;
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
        base::row(ui, model.models, form);
        teacher::rows(ui, model.models, form);
        let label = ui.label(tr!("Call it"));
        let field = TextEdit::singleline(&mut form.name).desired_width(FIELD_WIDTH);
        ui.add(field).labelled_by(label.id);
        ui.end_row();
    });
    ui.checkbox(
        &mut form.unproven,
        tr!("Keep it also where it is not proven to be better"),
    );
    if model.engine.is_remote() {
        ui.label(tr!(
            "Another machine computes: these scans and labels are sent there, without names, and forgotten after the lesson."
        ));
    }
    let is_named = !form.name.is_empty()
        && form
            .name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let ready = is_named
        && !view.cases.is_empty()
        && view.fraction.is_none()
        && teacher::is_ready(model.models, form);
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
