//! The window of an operation that wants to be told more than a label: a field for each of its parameters.
//!
//! It is made from the operation's table of parameters, and what it sends is what `prosector edit` would be told; so an
//! operation has its window as soon as it is in the table.

use std::collections::BTreeMap;

use egui::{Button, Checkbox, ComboBox, Context, Grid, RichText, TextEdit, Ui, Window};

use super::model::{UiModel, UiRequest};
use super::state::UiState;
use super::theme;
use super::value_chart::ValueChart;
use crate::geometry::{Plane, VoxelBox, VoxelIndex};
use crate::session::operations::{EditCommand, Kind, Need, Operation, OperationError, Parameter};
use crate::session::{Case, Command};
use crate::ui::texts::{self, tr};

/// What was entered for an operation.
#[derive(Debug, Clone)]
pub struct OperationForm {
    operation: &'static Operation,
    /// Texts by parameter, as on the command line; an empty one is not given.
    texts: BTreeMap<&'static str, String>,
    /// The values of the scan, for an operation that is told the lowest and the highest.
    chart: Option<ValueChart>,
    /// What it would give is to be shown.
    previews: bool,
    /// It is.
    is_shown: bool,
}

const FIELD_WIDTH: f32 = 190.0;

impl OperationForm {
    /// A form with the operation's defaults.
    pub fn new(operation: &'static Operation, previews: bool) -> Self {
        let default = |p: &Parameter| match p.need {
            Need::Default(text) => text.to_owned(),
            Need::Required | Need::Optional => String::new(),
        };
        let texts = operation.parameters().map(|p| (p.name, default(p)));
        Self {
            operation,
            texts: texts.collect(),
            chart: None,
            previews,
            is_shown: false,
        }
    }

    /// Whether what the operation would give is in the views.
    pub fn is_shown(&self) -> bool {
        self.is_shown
    }

    /// The operation whose result is to be shown before it is applied, if it can be done as it is told.
    pub fn previewed(&self, case: &Case) -> Option<EditCommand> {
        self.previews.then(|| self.command(case).ok()).flatten()
    }

    /// Draws the values of the scan, where the operation is about them.
    fn show_values(&mut self, ui: &mut Ui, case: &Case) {
        let limits = ["low", "high"].map(|name| self.texts.get(name).cloned());
        let [Some(mut low), Some(mut high)] = limits else {
            return;
        };
        let known = self.chart.take().filter(|chart| chart.is_of(case));
        let mut chart = known.unwrap_or_else(|| ValueChart::of(case));
        chart.show(ui, case, [&mut low, &mut high]);
        self.chart = Some(chart);
        self.texts.extend([("low", low), ("high", high)]);
    }

    /// The words that say the same on the command line.
    fn words(&self) -> String {
        let given = self.operation.parameters().filter_map(|p| {
            let text = self.texts.get(p.name)?.trim();
            (!text.is_empty()).then(|| format!(" {}={text}", p.name))
        });
        std::iter::once(self.operation.id.to_owned())
            .chain(given)
            .collect()
    }

    /// The plane that was entered, for an operation on slices.
    fn plane(&self) -> Option<Plane> {
        let text = self.texts.get("plane")?;
        Plane::ALL
            .into_iter()
            .find(|p| p.name().eq_ignore_ascii_case(text))
    }

    fn command(&self, case: &Case) -> Result<EditCommand, OperationError> {
        let command = EditCommand::parse(&self.words())?;
        command.check(case)?;
        Ok(command)
    }
}

/// Draws the form, if there is one.
pub fn show(ctx: &Context, model: &UiModel<'_>, state: &mut UiState, out: &mut Vec<UiRequest>) {
    let Some(case) = model.session.case() else {
        state.form = None;
        return;
    };
    let Some(form) = &mut state.form else {
        return;
    };
    let mut open = true;
    Window::new(texts::of(form.operation.title))
        .id(egui::Id::unique("operation"))
        .open(&mut open)
        .default_pos([60.0, 80.0])
        .collapsible(false)
        .resizable(false)
        .show(ctx, |ui| {
            ui.label(texts::of(form.operation.hint));
            ui.add_space(4.0);
            form.show_values(ui, case);
            Grid::new(form.operation.id).num_columns(2).show(ui, |ui| {
                let plane = form.plane();
                for parameter in form.operation.parameters() {
                    let text = form.texts.entry(parameter.name).or_default();
                    let here = at_hand(parameter.kind, plane, case);
                    row(ui, parameter, text, case, here);
                }
            });
            let previewed = preview(ui, form, case, model);
            if previewed.changed() {
                let id = form.operation.id;
                state.operation_previews.insert(id, form.previews);
            }
            apply(ui, form, case, out);
        });
    if !open {
        state.form = None;
    }
}

/// Whether what the operation would give is shown, and what would be said of it.
fn preview(
    ui: &mut Ui,
    form: &mut OperationForm,
    case: &Case,
    model: &UiModel<'_>,
) -> egui::Response {
    form.is_shown = model.rehearsed.is_some();
    let words = if !form.previews {
        String::new()
    } else if case.proposal().is_some() {
        tr!("A proposal stands: accept it (Enter) or reject it (Esc) first").to_owned()
    } else if model.is_rehearsing {
        tr!("Being computed").to_owned()
    } else {
        let notices = model.rehearsed.map_or(&[][..], |r| &r.notices);
        let notices: Vec<String> = notices.iter().map(|n| texts::worded(n)).collect();
        notices.join("; ")
    };
    ui.separator();
    ui.horizontal(|ui| {
        let hint = tr!("Shows dashed what Apply would give; the labels stay as they are");
        let response = ui.checkbox(&mut form.previews, tr!("Preview"));
        let response = response.on_hover_text(hint);
        ui.add(egui::Label::new(RichText::new(words).weak()).truncate());
        response
    })
    .inner
}

/// The button, why it cannot be pressed, and the words for the command line.
fn apply(ui: &mut Ui, form: &OperationForm, case: &Case, out: &mut Vec<UiRequest>) {
    ui.separator();
    let command = form.command(case);
    ui.horizontal(|ui| {
        if ui
            .add_enabled(command.is_ok(), Button::new(tr!("Apply")))
            .clicked()
            && let Ok(command) = &command
        {
            let command: Command = command.clone().into();
            out.push(UiRequest::command(command));
        }
        let words = RichText::new(form.words()).monospace().weak();
        ui.add(egui::Label::new(words).truncate())
            .on_hover_text(tr!("The same for prosector edit --do"));
    });
    // Room that is always there, so that nothing moves while one types.
    let error = command.err().map(|e| texts::worded(&e.to_string()));
    let error = error.unwrap_or_default();
    ui.label(RichText::new(format!("{error} ")).color(theme::of(ui.ctx()).warning));
}

fn row(
    ui: &mut Ui,
    parameter: &Parameter,
    text: &mut String,
    case: &Case,
    at_hand: Option<(&'static str, String)>,
) {
    let unit = match parameter.kind {
        Kind::Number { unit: "", .. } | Kind::Count { unit: "", .. } => String::new(),
        Kind::Number { unit, .. } if unit == parameter.name => String::new(),
        Kind::Number { unit, .. } | Kind::Count { unit, .. } => format!(" ({unit})"),
        _ => String::new(),
    };
    let star = match parameter.need {
        Need::Required => " *",
        Need::Optional | Need::Default(_) => "",
    };
    let name = texts::worded(&parameter.name.replace('_', " "));
    let label = ui
        .label(format!("{name}{unit}{star}"))
        .on_hover_text(texts::of(parameter.hint));
    let allowed = texts::worded(&parameter.kind.allowed());
    let allowed = format!("{}: {allowed}", texts::of(parameter.hint));
    ui.horizontal(|ui| {
        field(ui, parameter, text, case)
            .labelled_by(label.id)
            .on_hover_text(allowed);
        if let Some((word, here)) = at_hand
            && ui.button(word).clicked()
        {
            *text = here;
        }
    });
    ui.end_row();
}

/// The field of one parameter.
fn field(ui: &mut Ui, parameter: &Parameter, text: &mut String, case: &Case) -> egui::Response {
    let is_optional = parameter.need == Need::Optional;
    match parameter.kind {
        Kind::Label | Kind::OtherLabel | Kind::NewLabel => {
            let is_main = parameter.need == Need::Required && parameter.kind != Kind::OtherLabel;
            if let Some(active) = case.active().filter(|_| is_main && text.is_empty()) {
                *text = active.value.to_string();
            }
            let mut rows: Vec<(String, String)> = case
                .table()
                .labels()
                .iter()
                .map(|l| (l.value.to_string(), l.title()))
                .collect();
            if parameter.kind == Kind::NewLabel
                && let Some(value) = case.table().next_free_value()
            {
                rows.push((value.to_string(), tr!("New label").to_owned()));
            }
            choice(ui, parameter.name, text, rows, is_optional)
        }
        Kind::Flag => {
            let mut on = text == "yes";
            let response = ui.add(Checkbox::without_text(&mut on));
            *text = if on { "yes".to_owned() } else { String::new() };
            response
        }
        Kind::Choice(_) | Kind::Plane => {
            let words = parameter.kind.choices().unwrap_or_default();
            let shown = |word: &str| texts::worded(word).replace('_', " ");
            let rows = words.into_iter().map(|w| (w.clone(), shown(&w))).collect();
            choice(ui, parameter.name, text, rows, is_optional)
        }
        Kind::Labels
        | Kind::LabelsOrAll
        | Kind::Number { .. }
        | Kind::Count { .. }
        | Kind::Slice
        | Kind::Voxel
        | Kind::Box => ui.add(TextEdit::singleline(text).desired_width(FIELD_WIDTH)),
    }
}

/// A list to choose from: texts, and what is shown for them.
fn choice(
    ui: &mut Ui,
    name: &str,
    text: &mut String,
    rows: Vec<(String, String)>,
    is_optional: bool,
) -> egui::Response {
    let shown = rows.iter().find(|(t, _)| t == text).map(|(_, s)| s.clone());
    let list = ComboBox::from_id_salt(name)
        .width(FIELD_WIDTH)
        .selected_text(shown.unwrap_or_default());
    let list = list.show_ui(ui, |ui| {
        let none = is_optional.then(|| (String::new(), "-".to_owned()));
        for (value, shown) in none.into_iter().chain(rows) {
            ui.selectable_value(text, value, shown);
        }
    });
    list.response
}

/// What the views point at: the word on the button, and the text.
fn at_hand(kind: Kind, plane: Option<Plane>, case: &Case) -> Option<(&'static str, String)> {
    match kind {
        Kind::Slice => {
            let axis = case.grid().normal_axis(plane?);
            Some((tr!("Slice shown"), case.cross_hair().0[axis].to_string()))
        }
        Kind::Voxel => {
            let VoxelIndex([i, j, k]) = case.cross_hair();
            Some((tr!("Cross-hair"), format!("{i},{j},{k}")))
        }
        Kind::Box => {
            let VoxelBox { min, max } = case.prompts().target_box?;
            let corners: Vec<String> = min.iter().chain(&max).map(i64::to_string).collect();
            Some((tr!("Drawn box"), corners.join(",")))
        }
        _ => None,
    }
}
