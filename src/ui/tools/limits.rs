//! Where and over what drawing by hand may paint, as a menu.

use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{Button, DragValue, PopupCloseBehavior, ScrollArea, Ui};

use crate::session::{Area, Case, Limits, Over, ToolCommand, ValueRange};
use crate::ui::model::{UiModel, UiRequest};

/// Height of a list of labels, in points; more are scrolled.
const LIST_HEIGHT: f32 = 260.0;

/// Draws the button that opens them, which says them while the pointer is over it.
pub fn show(ui: &mut Ui, model: &UiModel<'_>, out: &mut Vec<UiRequest>) {
    let Some(case) = model.session.case() else {
        return;
    };
    let limits = model.session.tools().limits;
    let mut changed = limits;
    let button = Button::new("Limits").selected(!limits.are_none());
    let config = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    let menu = MenuButton::from_button(button).config(config);
    let (response, _) = menu.ui(ui, |ui| contents(ui, case, &mut changed));
    let said = format!(
        "Where and over what is painted by hand: {}",
        summary(&limits, case)
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
            ui.checkbox(&mut limits.outside, "but outside of it");
        });
    });
    ui.menu_button(over_text(limits, case), |ui| over(ui, case, limits));
    ui.separator();
    ui.checkbox(&mut limits.edges, "Brush stays on its side of an edge");
    ui.separator();
    ui.weak(format!("Painted is {}", summary(limits, case)));
    let any = !limits.are_none();
    if ui.add_enabled(any, Button::new("No limits")).clicked() {
        *limits = Limits::default();
    }
}

fn values(ui: &mut Ui, case: &Case, limits: &mut Limits) {
    let window = case.window();
    let mut on = limits.values.is_some();
    if ui.checkbox(&mut on, "Only values of the scan").changed() {
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
        for (text, value) in [("from", &mut range.low), ("to", &mut range.high)] {
            let label = ui.label(text);
            let speed = (window.width / 200.0).max(1e-6);
            let drag = DragValue::new(value).speed(speed).max_decimals(2);
            ui.add(drag).labelled_by(label.id);
        }
        ui.checkbox(&mut range.inverted, "but outside of it");
    });
}

fn area(ui: &mut Ui, case: &Case, limits: &mut Limits) {
    let general = [
        (Area::Anywhere, "Anywhere"),
        (Area::Labelled, "In any label"),
        (Area::Shown, "In labels that are shown"),
    ];
    for (area, text) in general {
        ui.radio_value(&mut limits.area, area, text);
    }
    each_label(ui, case, |ui, value, title| {
        ui.radio_value(&mut limits.area, Area::Label(value), format!("In {title}"));
    });
}

fn over(ui: &mut Ui, case: &Case, limits: &mut Limits) {
    let general = [
        (Over::Shown, "Over all labels shown"),
        (Over::Nothing, "Over no label"),
    ];
    for (over, text) in general {
        ui.radio_value(&mut limits.over, over, text);
    }
    each_label(ui, case, |ui, value, title| {
        ui.radio_value(
            &mut limits.over,
            Over::Label(value),
            format!("Over {title}"),
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
    label.map_or_else(|| "a label that is gone".to_owned(), |l| l.title())
}

fn area_text(limits: &Limits, case: &Case) -> String {
    match limits.area {
        Area::Anywhere => "Anywhere".to_owned(),
        Area::Labelled => "In any label".to_owned(),
        Area::Shown => "In labels that are shown".to_owned(),
        Area::Label(value) => format!("In {}", title(case, value)),
    }
}

fn over_text(limits: &Limits, case: &Case) -> String {
    match limits.over {
        Over::Shown => "Over all labels shown".to_owned(),
        Over::Nothing => "Over no label".to_owned(),
        Over::Label(value) => format!("Over {}", title(case, value)),
    }
}

/// What they say, in one line.
fn summary(limits: &Limits, case: &Case) -> String {
    let mut parts = Vec::new();
    if let Some(range) = &limits.values {
        let not = if range.inverted { "not " } else { "" };
        let decimals = if range.high - range.low < 20.0 { 2 } else { 0 };
        parts.push(format!(
            "{not}{:.decimals$} to {:.decimals$}",
            range.low, range.high
        ));
    }
    if limits.area != Area::Anywhere {
        let not = if limits.outside { "not " } else { "" };
        parts.push(format!("{not}{}", area_text(limits, case).to_lowercase()));
    }
    if limits.over != Over::Shown {
        parts.push(over_text(limits, case).to_lowercase());
    }
    if limits.edges {
        parts.push("to edges".to_owned());
    }
    if parts.is_empty() {
        return "anywhere, over all labels shown".to_owned();
    }
    parts.join(", ")
}
