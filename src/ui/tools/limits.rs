//! Where and over what drawing by hand may paint, as a menu.

use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{Button, DragValue, PopupCloseBehavior, ScrollArea, Ui};

use crate::session::{Area, Case, Limits, Over, ToolCommand, ValueRange};
use crate::ui::model::{UiModel, UiRequest};
use crate::ui::texts::tr;

/// Height of a list of labels, in points; more are scrolled.
const LIST_HEIGHT: f32 = 260.0;

/// Draws the button that opens them, which says them while the pointer is over it.
pub fn show(ui: &mut Ui, model: &UiModel<'_>, out: &mut Vec<UiRequest>) {
    let Some(case) = model.session.case() else {
        return;
    };
    let limits = model.session.tools().limits;
    let mut changed = limits;
    let button = Button::new(tr!("Limits")).selected(!limits.are_none());
    let config = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    let menu = MenuButton::from_button(button).config(config);
    let (response, _) = menu.ui(ui, |ui| contents(ui, case, &mut changed));
    let said = tr!(
        "Where and over what is painted by hand: {limits}",
        limits = summary(&limits, case)
    );
    response.on_hover_text(said);
    if changed != limits {
        out.push(UiRequest::command(ToolCommand::Limits(changed)));
    }
}

fn contents(ui: &mut Ui, case: &Case, limits: &mut Limits) {
    values(ui, case, limits);
    ui.separator();
    ui.horizontal(|ui| {
        ui.menu_button(area_text(limits, case), |ui| area(ui, case, limits));
        let is_set = limits.area != Area::Anywhere;
        ui.add_enabled_ui(is_set, |ui| {
            ui.checkbox(&mut limits.outside, tr!("but outside of it"));
        });
    });
    ui.menu_button(over_text(limits, case), |ui| over(ui, case, limits));
    ui.separator();
    ui.checkbox(&mut limits.edges, tr!("Brush stays on its side of an edge"));
    ui.separator();
    ui.weak(tr!("Painted is {limits}", limits = summary(limits, case)));
    let any = !limits.are_none();
    if ui.add_enabled(any, Button::new(tr!("No limits"))).clicked() {
        *limits = Limits::default();
    }
}

fn values(ui: &mut Ui, case: &Case, limits: &mut Limits) {
    let window = case.window();
    let mut on = limits.values.is_some();
    if ui
        .checkbox(&mut on, tr!("Only values of the scan"))
        .changed()
    {
        limits.values = on.then_some(ValueRange {
            low: window.low(),
            high: window.high(),
            inverted: false,
        });
    }
    let Some(range) = &mut limits.values else {
        return;
    };
    ui.horizontal(|ui| {
        for (text, value) in [(tr!("from"), &mut range.low), (tr!("to"), &mut range.high)] {
            let label = ui.label(text);
            let speed = (window.width / 200.0).max(1e-6);
            let drag = DragValue::new(value).speed(speed).max_decimals(2);
            ui.add(drag).labelled_by(label.id);
        }
        ui.checkbox(&mut range.inverted, tr!("but outside of it"));
    });
}

fn area(ui: &mut Ui, case: &Case, limits: &mut Limits) {
    let general = [
        (Area::Anywhere, tr!("Anywhere")),
        (Area::Labelled, tr!("In any label")),
        (Area::Shown, tr!("In labels that are shown")),
    ];
    for (area, text) in general {
        ui.radio_value(&mut limits.area, area, text);
    }
    each_label(ui, case, |ui, value, title| {
        ui.radio_value(
            &mut limits.area,
            Area::Label(value),
            tr!("In {title}", title),
        );
    });
}

fn over(ui: &mut Ui, case: &Case, limits: &mut Limits) {
    let general = [
        (Over::Shown, tr!("Over all labels shown")),
        (Over::Nothing, tr!("Over no label")),
    ];
    for (over, text) in general {
        ui.radio_value(&mut limits.over, over, text);
    }
    each_label(ui, case, |ui, value, title| {
        ui.radio_value(
            &mut limits.over,
            Over::Label(value),
            tr!("Over {title}", title),
        );
    });
}

fn each_label(ui: &mut Ui, case: &Case, mut row: impl FnMut(&mut Ui, u16, &str)) {
    ui.separator();
    ScrollArea::vertical()
        .max_height(LIST_HEIGHT)
        .show(ui, |ui| {
            for label in case.table().labels() {
                row(ui, label.value, &label.title());
            }
        });
}

fn title(case: &Case, value: u16) -> String {
    let label = case.table().get(value);
    label.map_or_else(|| tr!("a label that is gone").to_owned(), |l| l.title())
}

fn area_text(limits: &Limits, case: &Case) -> String {
    match limits.area {
        Area::Anywhere => tr!("Anywhere").to_owned(),
        Area::Labelled => tr!("In any label").to_owned(),
        Area::Shown => tr!("In labels that are shown").to_owned(),
        Area::Label(value) => tr!("In {title}", title = title(case, value)),
    }
}

fn over_text(limits: &Limits, case: &Case) -> String {
    match limits.over {
        Over::Shown => tr!("Over all labels shown").to_owned(),
        Over::Nothing => tr!("Over no label").to_owned(),
        Over::Label(value) => tr!("Over {title}", title = title(case, value)),
    }
}

/// What they say, in one line.
fn summary(limits: &Limits, case: &Case) -> String {
    let mut parts = Vec::new();
    if let Some(range) = &limits.values {
        let not = if range.inverted { tr!("not ") } else { "" };
        let decimals = if range.high - range.low < 20.0 { 2 } else { 0 };
        parts.push(tr!(
            "{not}{low} to {high}",
            not,
            low = format_args!("{:.decimals$}", range.low),
            high = format_args!("{:.decimals$}", range.high)
        ));
    }
    if limits.area != Area::Anywhere {
        let not = if limits.outside { tr!("not ") } else { "" };
        parts.push(format!("{not}{}", area_text(limits, case).to_lowercase()));
    }
    if limits.over != Over::Shown {
        parts.push(over_text(limits, case).to_lowercase());
    }
    if limits.edges {
        parts.push("to edges".to_owned());
    }
    if parts.is_empty() {
        return tr!("anywhere, over all labels shown").to_owned();
    }
    parts.join(", ")
}
