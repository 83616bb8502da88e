//! The panel on the right.
//!
//! Nothing in it moves but by what the user does to the panel itself: what comes and goes (tool settings, proposals,
//! labels) has room that is always there, so that a click lands on what was under the pointer.

mod ai;
mod colour;
mod compare;
mod display;
mod edits;
mod groups;
mod history;
mod labels;
mod layers;
mod review;
mod second;
mod tools;

use egui::{CollapsingHeader, Rect, RichText, ScrollArea, Separator, Ui, UiBuilder, vec2};

use super::input::Action;
use super::key_profiles::ProfileId;
use super::model::{UiModel, UiRequest};
use super::state::UiState;
use crate::ui::texts::tr;

pub use review::Review;
pub(super) use tools::refusal;

/// Width left free for the scroll bar, in points.
const SCROLL_BAR: f32 = 8.0;

/// Draws the sections of the panel.
pub fn show(ui: &mut Ui, model: &UiModel<'_>, state: &mut UiState, out: &mut Vec<UiRequest>) {
    state.highlighted = None;
    let height = ui.available_height();
    let room = height - state.history_height;
    let list_height = state.label_list_height.max(labels::LEAST_HEIGHT);
    let sections = ScrollArea::vertical().auto_shrink(false).max_height(room);
    let scrolled = sections.show(ui, |ui| {
        // Beside what is to be clicked on, not over it.
        ui.set_max_width(ui.available_width() - SCROLL_BAR);
        let open = model.session.case().is_some();
        section(ui, tr!("Tools"), |ui| {
            ui.add_enabled_ui(open, |ui| tools::show(ui, model, state, out));
        });
        // Above what has room of its own, so that all of it is in sight.
        if let Some(image) = model.session.case().and_then(|c| c.second()) {
            section(ui, tr!("Second image"), |ui| second::show(ui, image, out));
        }
        if let Some(case) = model.session.case()
            && let Some(comparison) = case.comparison()
        {
            section(ui, tr!("Comparison"), |ui| {
                compare::show(ui, case, comparison, out);
            });
        }
        section(ui, tr!("Model"), |ui| ai::show(ui, model, state, out));
        let heading = section(ui, tr!("Labels"), |ui| {
            labels::show(ui, model, state, list_height, out);
            edits::show(ui, model, out);
        });
        beside(ui, heading, |ui| labels::search(ui, model, state, out));
        section(ui, tr!("Display"), |ui| {
            ui.add_enabled_ui(open, |ui| display::show(ui, model, state, out));
        });
    });
    // Below what scrolls, so that it is always at hand.
    let top = ui.cursor().top();
    ui.add(Separator::default().spacing(2.0));
    folded_section(ui, tr!("History"), |ui| {
        history::show(ui, model, state, height, out);
    });
    keep(ui, &mut state.history_height, ui.cursor().top() - top);
    let others = scrolled.content_size.y - list_height;
    let left = (room - others).floor().max(labels::LEAST_HEIGHT);
    keep(ui, &mut state.label_list_height, left);
}

/// Keeps a measured height for the next frame, which comes at once when it is another.
fn keep(ui: &Ui, kept: &mut f32, measured: f32) {
    if *kept != measured {
        *kept = measured;
        ui.ctx().request_repaint();
    }
}

fn section(ui: &mut Ui, title: &str, contents: impl FnOnce(&mut Ui)) -> Rect {
    foldable(ui, title, true, contents)
}

/// Draws into the room right of a heading.
fn beside(ui: &mut Ui, heading: Rect, contents: impl FnOnce(&mut Ui)) {
    /// What the heading itself takes, in points.
    const HEADING: f32 = 72.0;
    let mut room = heading;
    room.min.x += HEADING;
    room.max.x = ui.max_rect().right();
    contents(&mut ui.new_child(UiBuilder::new().max_rect(room)));
}

/// A section that is folded until the user opens it.
fn folded_section(ui: &mut Ui, title: &str, contents: impl FnOnce(&mut Ui)) {
    foldable(ui, title, false, contents);
}

/// Where the heading is.
fn foldable(ui: &mut Ui, title: &str, is_open: bool, contents: impl FnOnce(&mut Ui)) -> Rect {
    CollapsingHeader::new(RichText::new(title).strong())
        .id_salt(title)
        .default_open(is_open)
        .show_unindented(ui, |ui| {
            contents(ui);
            ui.add_space(4.0);
        })
        .header_response
        .rect
}

/// Room of this height over the whole width, whatever is drawn into it.
fn reserved<R>(ui: &mut Ui, height: f32, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let size = vec2(ui.available_width(), height);
    let (_, rect) = ui.allocate_space(size);
    let mut inner = ui.new_child(UiBuilder::new().max_rect(rect));
    inner.set_clip_rect(rect.expand(2.0).intersect(ui.clip_rect()));
    contents(&mut inner)
}

/// The keys of an action as text, such as "2 or P".
pub fn keys_text(ui: &Ui, action: Action) -> String {
    let keys: Vec<String> = ProfileId::of(ui.ctx())
        .keys(action)
        .iter()
        .map(|k| ui.ctx().format_shortcut(k))
        .collect();
    keys.join(" or ")
}

/// A button for an action, with its keys in the hint.
pub fn action_button(
    ui: &mut Ui,
    enabled: bool,
    action: Action,
    hint: &str,
    out: &mut Vec<UiRequest>,
) {
    let keys = keys_text(ui, action);
    let hint = match (hint.is_empty(), keys.is_empty()) {
        (_, true) => hint.to_owned(),
        (true, false) => keys,
        (false, false) => format!("{hint}  ({keys})"),
    };
    let mut response = ui.add_enabled(enabled, egui::Button::new(action.text()));
    if !hint.is_empty() {
        response = response.on_hover_text(hint);
    }
    if response.clicked() {
        out.push(UiRequest::Action(action));
    }
}
