//! Groups of labels as headings of the label list, where there are any.

use egui::{Button, RichText, Ui};

use crate::session::{Case, LabelCommand};
use crate::ui::icons::{eye_toggle, lock_toggle};
use crate::ui::model::UiRequest;
use crate::ui::state::{Renamed, UiState};
use crate::ui::texts::tr;
use crate::ui::theme;
use crate::volume::Label;

/// The heading of a group over its labels of a layer; whether these are listed.
pub fn heading(
    ui: &mut Ui,
    case: &Case,
    labels: &[&Label],
    group: &str,
    state: &mut UiState,
    out: &mut Vec<UiRequest>,
) -> bool {
    let is_closed = state.closed_groups.contains(group);
    ui.horizontal(|ui| {
        toggles(ui, labels, group, out);
        let what = Renamed::Group(group.to_owned());
        match super::labels::edited_name(ui, what, state) {
            Some(edited) => {
                let name = edited.filter(|name| name != group);
                out.extend(name.map(|name| renamed(case, group, name)));
            }
            None => title(ui, labels.len(), group, state),
        }
    });
    !is_closed
}

/// Shows or hides, and locks or unlocks, all labels of a group.
fn toggles(ui: &mut Ui, labels: &[&Label], group: &str, out: &mut Vec<UiRequest>) {
    let values = || labels.iter().map(|l| l.value).collect::<Vec<u16>>();
    let shown = labels.iter().any(|l| l.visible);
    let locked = labels.iter().all(|l| l.locked);
    let visible = eye_toggle(ui, shown, &tr!("Show group {group}", group)).on_hover_text(tr!(
        "All labels of this group are shown or hidden in the views"
    ));
    if visible.clicked() {
        out.push(UiRequest::command(LabelCommand::ShowAll {
            values: values(),
            visible: !shown,
        }));
    }
    let lock = lock_toggle(ui, locked, &tr!("Lock group {group}", group))
        .on_hover_text(tr!("None of the labels of this group is overwritten"));
    if lock.clicked() {
        out.push(UiRequest::command(LabelCommand::LockAll {
            values: values(),
            locked: !locked,
        }));
    }
}

/// Gives all labels of a group, in every layer, another one.
fn renamed(case: &Case, group: &str, name: String) -> UiRequest {
    let members = case.table().labels().iter().filter(|l| l.group == group);
    let values = members.map(|l| l.value).collect();
    UiRequest::command(LabelCommand::Group {
        values,
        group: name,
    })
}

/// The name, which folds the group and has the menu to rename it.
fn title(ui: &mut Ui, count: usize, group: &str, state: &mut UiState) {
    let is_closed = state.closed_groups.contains(group);
    let count = RichText::new(count.to_string()).color(theme::of(ui.ctx()).text_weak);
    let sign = if is_closed { "+" } else { "-" };
    let button = Button::selectable(false, RichText::new(format!("{sign} {group}")).strong())
        .right_text(count)
        .min_size(egui::vec2(ui.available_width(), 20.0))
        .truncate();
    let button = ui
        .add(button)
        .on_hover_text(tr!("Click: lists its labels or not. Right click: rename"));
    button.context_menu(|ui| {
        if ui.button(tr!("Rename")).clicked() {
            state.renaming = Some((Renamed::Group(group.to_owned()), group.to_owned()));
            ui.close();
        }
    });
    if button.clicked() {
        match is_closed {
            true => state.closed_groups.remove(group),
            false => state.closed_groups.insert(group.to_owned()),
        };
    }
}

/// A menu that puts labels into a group: one that there is, none, or a new one.
pub fn menu(
    ui: &mut Ui,
    case: &Case,
    values: &[u16],
    state: &mut UiState,
    out: &mut Vec<UiRequest>,
) {
    let table = case.table();
    let mut chosen: Option<String> = None;
    let layers = table.layers().iter().rev();
    let mut known: Vec<&str> = Vec::new();
    for group in layers.flat_map(|layer| table.groups_in(layer.id)) {
        if !known.contains(&group) {
            known.push(group);
        }
    }
    for group in known {
        if ui.button(group).clicked() {
            chosen = Some(group.to_owned());
        }
    }
    if ui.button(tr!("No group")).clicked() {
        chosen = Some(String::new());
    }
    if ui.button(tr!("New group")).clicked() {
        let names = (1u32..).map(|n| format!("group {n}"));
        let is_unused = |name: &String| table.labels().iter().all(|l| l.group != *name);
        let name = names.into_iter().find(is_unused).unwrap_or_default();
        // It is named in the list.
        state.renaming = Some((Renamed::Group(name.clone()), String::new()));
        chosen = Some(name);
    }
    if let Some(group) = chosen {
        let values = values.to_vec();
        out.push(UiRequest::command(LabelCommand::Group { values, group }));
        ui.close();
    }
}
