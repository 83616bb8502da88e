//! The worklist of an annotation project, at the left of the views.

use egui::accesskit::Role;
use egui::{Align2, Color32, Rect, RichText, ScrollArea, Sense, TextEdit, TextStyle, Ui, vec2};

use crate::project::{Entry, State};
use crate::ui::texts::{self, tr};

use super::input::Action;
use super::model::{UiModel, UiRequest, Worklist, WorklistRequest};
use super::panel::action_button;
use super::state::UiState;
use super::theme;

/// What the window remembers of the worklist.
#[derive(Debug, Default)]
pub struct WorklistState {
    /// What the reader says of the case that is open; saved with it.
    pub note: String,
    /// What is sought in the names of cases.
    sought: String,
    /// The only state of cases that is listed.
    only: Option<State>,
    /// The reader's name while it is being typed.
    reader: Option<String>,
}

/// Draws the worklist.
pub fn show(
    ui: &mut Ui,
    model: &UiModel<'_>,
    worklist: &Worklist,
    state: &mut UiState,
    out: &mut Vec<UiRequest>,
) {
    ui.horizontal(|ui| {
        ui.strong(&worklist.title);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let close = ui
                .small_button(tr!("Close"))
                .on_hover_text(tr!("Close the worklist"));
            if close.clicked() {
                out.push(UiRequest::Worklist(WorklistRequest::Close));
            }
        });
    });
    reader(ui, worklist, state, out);
    let over = worklist.entries.iter().filter(|e| e.state.is_over());
    let over = over.count();
    ui.label(tr!(
        "{over} of {all} finished",
        over,
        all = worklist.entries.len()
    ));
    filters(ui, state);
    let below = current_height(ui, worklist);
    let height = (ui.available_height() - below).max(80.0);
    ui.allocate_ui(vec2(ui.available_width(), height), |ui| {
        ui.set_min_height(height);
        list(ui, worklist, state, out);
    });
    if worklist.current.is_some() {
        current(ui, model, worklist, state, out);
    } else {
        action_button(ui, true, Action::NextCase, "", out);
    }
}

fn reader(ui: &mut Ui, worklist: &Worklist, state: &mut UiState, out: &mut Vec<UiRequest>) {
    ui.horizontal(|ui| {
        ui.label(tr!("Reader"));
        let typed = &mut state.worklist.reader;
        let mut text = typed.clone().unwrap_or_else(|| worklist.reader.clone());
        let field = ui.add(TextEdit::singleline(&mut text).desired_width(f32::INFINITY));
        let field = field.accessible_name(tr!("Reader's name"));
        if field.changed() {
            *typed = Some(text);
        }
        if field.lost_focus()
            && let Some(name) = typed.take()
        {
            let name = name.trim().to_owned();
            if name != worklist.reader {
                out.push(UiRequest::Worklist(WorklistRequest::Reader(name)));
            }
        }
    });
}

fn filters(ui: &mut Ui, state: &mut UiState) {
    ui.horizontal_wrapped(|ui| {
        let only = &mut state.worklist.only;
        ui.selectable_value(only, None, tr!("All"));
        for wanted in State::ALL {
            ui.selectable_value(only, Some(wanted), texts::of(wanted.title()));
        }
    });
    let field = TextEdit::singleline(&mut state.worklist.sought)
        .hint_text(tr!("Find a case"))
        .desired_width(f32::INFINITY);
    ui.add(field).accessible_name(tr!("Find a case"));
}

fn list(ui: &mut Ui, worklist: &Worklist, state: &UiState, out: &mut Vec<UiRequest>) {
    let sought = state.worklist.sought.trim().to_lowercase();
    let is_found = |e: &&Entry| {
        let is_wanted = state.worklist.only.is_none_or(|only| only == e.state);
        is_wanted && e.id.to_lowercase().contains(&sought)
    };
    let found: Vec<&Entry> = worklist.entries.iter().filter(is_found).collect();
    if found.is_empty() {
        ui.label(RichText::new(tr!("No such case")).color(theme::of(ui.ctx()).text_weak));
    }
    let height = ui.text_style_height(&TextStyle::Body) + 6.0;
    ScrollArea::vertical()
        .id_salt("worklist")
        .auto_shrink(false)
        .show_rows(ui, height, found.len(), |ui, shown| {
            for entry in &found[shown] {
                let is_current = worklist.current.as_ref() == Some(&entry.id);
                if row(ui, entry, is_current, height) {
                    let id = entry.id.clone();
                    out.push(UiRequest::Worklist(WorklistRequest::Open(id)));
                }
            }
        });
}

/// A line of the list; whether it was pressed.
fn row(ui: &mut Ui, entry: &Entry, is_current: bool, height: f32) -> bool {
    let can_open = entry.is_open && !is_current;
    let sense = if can_open {
        Sense::click()
    } else {
        Sense::hover()
    };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), sense);
    let state = if entry.is_open {
        texts::of(entry.state.title())
    } else {
        tr!("taken by others")
    };
    response.widget_info(|| {
        let text = tr!(
            "Case {id}, {state}",
            id = entry.id,
            state = state.to_lowercase()
        );
        egui::WidgetInfo::labeled(Role::Row, can_open, text)
    });
    if is_current {
        ui.painter()
            .rect_filled(rect, 2.0, theme::of(ui.ctx()).button_hovered);
    } else if can_open && response.hovered() {
        ui.painter()
            .rect_filled(rect, 2.0, theme::of(ui.ctx()).button);
    }
    let colour = match entry.is_open {
        true => theme::of(ui.ctx()).text,
        false => theme::of(ui.ctx()).text_weak,
    };
    mark(ui, rect, entry);
    text_at(
        ui,
        rect,
        rect.left() + 20.0,
        Align2::LEFT_CENTER,
        &entry.id,
        colour,
    );
    let minutes = match entry.seconds {
        seconds if seconds > 0.0 => tr!(
            "{minutes} min",
            minutes = format_args!("{:.0}", (seconds / 60.0).ceil())
        ),
        _ => String::new(),
    };
    let right = rect.right() - 6.0;
    text_at(
        ui,
        rect,
        right,
        Align2::RIGHT_CENTER,
        &minutes,
        theme::of(ui.ctx()).text_weak,
    );
    let told = [state, entry.note.as_str()];
    let told: Vec<&str> = told.into_iter().filter(|t| !t.is_empty()).collect();
    response.on_hover_text(told.join("\n")).clicked()
}

/// How far a case is, told by form and colour.
fn mark(ui: &Ui, row: Rect, entry: &Entry) {
    let centre = row.left_center() + vec2(9.0, 0.0);
    let painter = ui.painter();
    let stroke = |colour: Color32| egui::Stroke::new(1.5, colour);
    match entry.state {
        State::NotStarted => {
            painter.circle_stroke(centre, 4.0, stroke(theme::of(ui.ctx()).text_weak));
        }
        State::InProgress => {
            painter.circle_stroke(centre, 4.0, stroke(theme::ACCENT));
            painter.circle_filled(centre, 2.0, theme::ACCENT);
        }
        State::Done => {
            painter.circle_filled(centre, 4.5, theme::ACCENT);
        }
        State::Flagged => {
            let square = Rect::from_center_size(centre, vec2(8.0, 8.0));
            painter.rect_filled(square, 1.0, theme::of(ui.ctx()).warning);
        }
    }
}

fn text_at(ui: &Ui, row: Rect, x: f32, align: Align2, text: &str, colour: Color32) {
    let font = TextStyle::Body.resolve(ui.style());
    let at = egui::pos2(x, row.center().y);
    ui.painter()
        .with_clip_rect(row)
        .text(at, align, text, font, colour);
}

/// What is kept free for the open case below the list, in points.
fn current_height(ui: &Ui, worklist: &Worklist) -> f32 {
    let line = ui.text_style_height(&TextStyle::Body) + 12.0;
    match worklist.current {
        Some(_) => line * 6.5,
        None => line * 1.5,
    }
}

fn current(
    ui: &mut Ui,
    model: &UiModel<'_>,
    worklist: &Worklist,
    state: &mut UiState,
    out: &mut Vec<UiRequest>,
) {
    ui.separator();
    let id = worklist.current.as_deref().unwrap_or_default();
    ui.label(RichText::new(id).strong());
    let note = TextEdit::multiline(&mut state.worklist.note)
        .hint_text(tr!("Note of this case"))
        .desired_rows(2)
        .desired_width(f32::INFINITY);
    ui.add(note).accessible_name(tr!("Note of this case"));
    let is_open = model.session.case().is_some();
    ui.horizontal(|ui| {
        action_button(ui, is_open, Action::CaseDone, "", out);
        action_button(ui, is_open, Action::CaseFlagged, "", out);
    });
    action_button(ui, true, Action::NextCase, "", out);
}
