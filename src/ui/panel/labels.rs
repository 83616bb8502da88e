//! The label list.

use egui::{Align, Button, Color32, EventFilter, Response, RichText, ScrollArea, TextEdit, Ui};

use crate::session::{Case, LabelCommand, TEMPLATES, ViewCommand};
use crate::ui::icons::{eye_toggle, lock_toggle};
use crate::ui::input::Action;
use crate::ui::model::{UiModel, UiRequest};
use crate::ui::state::{Renamed, UiState};
use crate::ui::texts::tr;
use crate::ui::theme;
use crate::volume::Label;

/// The list is at least this high, in points: three labels and a bit, so that one sees that there are more.
pub const LEAST_HEIGHT: f32 = 80.0;

/// Draws the list, as high as it may be, and the buttons under it.
pub fn show(
    ui: &mut Ui,
    model: &UiModel<'_>,
    state: &mut UiState,
    height: f32,
    out: &mut Vec<UiRequest>,
) {
    super::reserved(ui, height, |ui| {
        let mut area = ScrollArea::vertical().id_salt("labels").auto_shrink(false);
        if std::mem::take(&mut state.list_to_top) {
            area = area.vertical_scroll_offset(0.0);
        }
        area.show(ui, |ui| list(ui, model, state, out));
    });
    buttons(ui, model, out);
}

fn list(ui: &mut Ui, model: &UiModel<'_>, state: &mut UiState, out: &mut Vec<UiRequest>) {
    let Some(case) = model.session.case() else {
        ui.label(RichText::new(tr!("Open a scan first")).color(theme::of(ui.ctx()).text_weak));
        return;
    };
    if case.table().labels().is_empty() {
        ui.label(
            RichText::new(tr!("None yet. The first click, box or stroke starts one."))
                .color(theme::of(ui.ctx()).text_weak),
        );
    }
    let active = case.active().map(|l| l.value);
    let table = case.table();
    let several = table.layers().len() > 1;
    // The uppermost first, as they are drawn.
    for layer in table.layers().iter().rev() {
        if several {
            super::layers::heading(ui, case, layer, state, out);
        }
        let groups = [""].into_iter().chain(table.groups_in(layer.id));
        for group in groups {
            let labels = table.labels_in(layer.id);
            let labels: Vec<&Label> = labels
                .filter(|l| l.group == group && state.finds(l))
                .collect();
            let is_listed = group.is_empty()
                || labels.is_empty()
                || super::groups::heading(ui, case, &labels, group, state, out);
            for label in labels.into_iter().filter(|_| is_listed) {
                let is_active = active == Some(label.value);
                let shown = row(ui, case, label, is_active, state, out);
                // Chosen by key or in the picture, it comes into sight.
                if is_active && state.label_at != active {
                    shown.scroll_to_me(Some(Align::Center));
                }
            }
        }
    }
    state.label_at = active;
    let is_found = |label: &Label| state.finds(label);
    if !table.labels().is_empty() && !table.labels().iter().any(is_found) {
        ui.label(RichText::new(tr!("No label of that name")).color(theme::of(ui.ctx()).text_weak));
    }
}

/// What is sought in the list, and what is done with all that is found.
pub fn search(ui: &mut Ui, model: &UiModel<'_>, state: &mut UiState, out: &mut Vec<UiRequest>) {
    const MENU_WIDTH: f32 = 78.0;
    let case = model.session.case();
    ui.horizontal_centered(|ui| {
        let width = ui.available_width() - MENU_WIDTH;
        let field = TextEdit::singleline(&mut state.sought)
            .hint_text(tr!("Name or value"))
            .desired_width(width);
        let field = ui.add_enabled(case.is_some(), field);
        let field = field.accessible_name(tr!("Find a label"));
        state.list_to_top |= field.changed();
        if field.has_focus() {
            heed_escape(ui, &field, &mut state.sought);
        }
        ui.add_enabled_ui(case.is_some(), |ui| {
            ui.menu_button(tr!("All found"), |ui| {
                if let Some(case) = case {
                    all_found(ui, case, state, out);
                }
            });
        });
    });
}

/// Esc empties the field, and leaves it where it is empty; nothing else hears of it.
fn heed_escape(ui: &Ui, field: &Response, text: &mut String) {
    let filter = EventFilter {
        horizontal_arrows: true,
        escape: true,
        ..EventFilter::default()
    };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(field.id, filter));
    if ui.input(|i| i.key_pressed(egui::Key::Escape)) {
        match text.is_empty() {
            true => field.surrender_focus(),
            false => text.clear(),
        }
    }
}

fn all_found(ui: &mut Ui, case: &Case, state: &mut UiState, out: &mut Vec<UiRequest>) {
    let found = case.table().labels().iter().filter(|l| state.finds(l));
    let values: Vec<u16> = found.map(|l| l.value).collect();
    let any = !values.is_empty();
    ui.weak(tr!(
        "{found} of {all} labels",
        found = values.len(),
        all = case.table().labels().len()
    ));
    let mut entry = |ui: &mut Ui, text: &str, command: LabelCommand| {
        if ui.add_enabled(any, Button::new(text)).clicked() {
            out.push(UiRequest::command(command));
            ui.close();
        }
    };
    for (text, visible) in [(tr!("Show"), true), (tr!("Hide"), false)] {
        let values = values.clone();
        entry(ui, text, LabelCommand::ShowAll { values, visible });
    }
    for (text, locked) in [(tr!("Lock"), true), (tr!("Unlock"), false)] {
        let values = values.clone();
        entry(ui, text, LabelCommand::LockAll { values, locked });
    }
    ui.add_enabled_ui(any, |ui| {
        ui.menu_button(tr!("Group"), |ui| {
            super::groups::menu(ui, case, &values, state, out);
        });
    });
    ui.separator();
    ui.menu_button(tr!("Add labels"), |ui| {
        for n in 0..TEMPLATES.len() {
            action_entry(ui, Action::Template(n), out);
        }
    });
    action_entry(ui, Action::ReadLabelTable, out);
    action_entry(ui, Action::WriteLabelTable, out);
}

fn action_entry(ui: &mut Ui, action: Action, out: &mut Vec<UiRequest>) {
    if ui.button(action.text()).clicked() {
        out.push(UiRequest::Action(action));
        ui.close();
    }
}

fn buttons(ui: &mut Ui, model: &UiModel<'_>, out: &mut Vec<UiRequest>) {
    let case = model.session.case();
    ui.horizontal_wrapped(|ui| {
        if ui
            .add_enabled(case.is_some(), Button::new(tr!("New label")))
            .clicked()
        {
            out.push(UiRequest::command(LabelCommand::Add { name: None }));
        }
        let hint = tr!("Start a new label for the next lesion");
        super::action_button(ui, case.is_some(), Action::NextLesion, hint, out);
        let removable = case
            .and_then(Case::active)
            .filter(|l| !l.locked)
            .map(|l| l.value);
        let remove = ui
            .add_enabled(removable.is_some(), Button::new(tr!("Remove label")))
            .on_hover_text(tr!("Remove the active label and its voxels"));
        if let Some(value) = removable.filter(|_| remove.clicked()) {
            out.push(UiRequest::command(LabelCommand::Remove(value)));
        }
    });
}

fn row(
    ui: &mut Ui,
    case: &Case,
    label: &Label,
    active: bool,
    state: &mut UiState,
    out: &mut Vec<UiRequest>,
) -> Response {
    let value = label.value;
    let shown = ui.push_id(value, |ui| {
        ui.horizontal(|ui| {
            super::colour::button(ui, label, out);
            let title = label.title();
            let visible = eye_toggle(ui, label.visible, &tr!("Show {title}", title))
                .on_hover_text(tr!("Shown or hidden in the views"));
            if visible.clicked() {
                out.push(UiRequest::command(LabelCommand::Show {
                    value,
                    visible: !label.visible,
                }));
            }
            let locked = lock_toggle(ui, label.locked, &tr!("Lock {title}", title))
                .on_hover_text(tr!("A locked label is never overwritten"));
            if locked.clicked() {
                out.push(UiRequest::command(LabelCommand::Lock {
                    value,
                    locked: !label.locked,
                }));
            }
            name(ui, case, label, active, state, out);
        });
    });
    shown.response
}

fn name(
    ui: &mut Ui,
    case: &Case,
    label: &Label,
    active: bool,
    state: &mut UiState,
    out: &mut Vec<UiRequest>,
) {
    let value = label.value;
    if let Some(edited) = edited_name(ui, Renamed::Label(value), state) {
        if let Some(name) = edited.filter(|name| *name != label.title()) {
            out.push(UiRequest::command(LabelCommand::Rename { value, name }));
        }
        return;
    }
    let volume = match case.voxel_count(value) {
        0 => String::new(),
        voxels => case.size_text(voxels),
    };
    let mut text = RichText::new(label.title());
    if !label.visible {
        text = text.color(theme::of(ui.ctx()).text_weak);
    }
    let button = Button::selectable(active, text)
        .right_text(RichText::new(volume).color(if active {
            Color32::WHITE
        } else {
            theme::of(ui.ctx()).text_weak
        }))
        .min_size(egui::vec2(ui.available_width(), 20.0))
        .truncate();
    let response = ui.add(button).on_hover_text(tr!(
        "Click: clicks, boxes and strokes go to this label. Double click: rename. Right click: more"
    ));
    if response.hovered() {
        state.highlighted = Some(value);
    }
    if response.clicked() {
        out.push(UiRequest::command(LabelCommand::Activate(value)));
    }
    if response.double_clicked() {
        state.renaming = Some((Renamed::Label(value), label.title()));
    }
    response.context_menu(|ui| {
        if ui.button(tr!("Rename")).clicked() {
            state.renaming = Some((Renamed::Label(value), label.title()));
            ui.close();
        }
        ui.menu_button(tr!("Group"), |ui| {
            super::groups::menu(ui, case, &[value], state, out);
        });
        super::layers::move_menu(ui, case, label, out);
        if ui.button(tr!("Go to")).clicked() {
            out.push(UiRequest::command(ViewCommand::GoToLabel(value)));
            ui.close();
        }
        if ui
            .add_enabled(!label.locked, Button::new(tr!("Remove")))
            .clicked()
        {
            out.push(UiRequest::command(LabelCommand::Remove(value)));
            ui.close();
        }
    });
}

/// The field where a name is edited, if this one is: `Some(None)` while it is or was left, `Some(Some(..))` with the new
/// name.
pub(super) fn edited_name(
    ui: &mut Ui,
    what: Renamed,
    state: &mut UiState,
) -> Option<Option<String>> {
    let (_, text) = state.renaming.as_mut().filter(|(w, _)| *w == what)?;
    let response = ui.add(
        TextEdit::singleline(text)
            .hint_text(tr!("Name"))
            .desired_width(ui.available_width()),
    );
    let done = ui.input(|i| i.key_pressed(egui::Key::Enter)) || response.clicked_elsewhere();
    let abandoned = ui.input(|i| i.key_pressed(egui::Key::Escape));
    if !done && !abandoned {
        response.request_focus();
        return Some(None);
    }
    // The button that stands here from now on has the field's id: it would keep the keyboard, and no key would work.
    response.surrender_focus();
    let (_, text) = state.renaming.take()?;
    let text = text.trim();
    Some((done && !abandoned && !text.is_empty()).then(|| text.to_owned()))
}
