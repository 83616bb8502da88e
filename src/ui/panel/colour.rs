//! The colour of a label: one of the palette, or any by its numbers.

use egui::{
    Color32, DragValue, Popup, PopupCloseBehavior, Sense, Slider, Stroke, StrokeKind, Ui, vec2,
};

use crate::session::LabelCommand;
use crate::ui::model::UiRequest;
use crate::ui::texts::tr;
use crate::ui::theme;
use crate::volume::{Label, LabelTable};

/// Colours offered, and how many of them in a row.
const OFFERED: u16 = 40;
const A_ROW: u16 = 8;

/// The label's colour as a button that opens the choice.
pub fn button(ui: &mut Ui, label: &Label, out: &mut Vec<UiRequest>) {
    let name = tr!("Colour of {title}", title = label.title());
    let response = swatch(ui, label.color, false, &name);
    let mut color = label.color;
    Popup::menu(&response)
        .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
        .show(|ui| {
            choice(ui, &mut color);
            opacity(ui, label, out);
        });
    response.on_hover_text(tr!("Colour and opacity"));
    if color != label.color {
        out.push(UiRequest::command(LabelCommand::Recolor {
            value: label.value,
            color,
        }));
    }
}

fn choice(ui: &mut Ui, color: &mut [u8; 3]) {
    ui.label(tr!("Colours that are easily told apart"));
    for row in 0..OFFERED / A_ROW {
        ui.horizontal(|ui| {
            for column in 0..A_ROW {
                let value = row * A_ROW + column + 1;
                let offered = LabelTable::palette_color(value);
                let name = tr!("Colour {value}", value);
                if swatch(ui, offered, offered == *color, &name).clicked() {
                    *color = offered;
                    ui.close();
                }
            }
        });
    }
    ui.horizontal(|ui| {
        for (part, name) in color
            .iter_mut()
            .zip([tr!("Red "), tr!("Green "), tr!("Blue ")])
        {
            ui.add(DragValue::new(part).prefix(name));
        }
    });
}

/// How much the label's fill hides, beside what the fills of all labels do.
fn opacity(ui: &mut Ui, label: &Label, out: &mut Vec<UiRequest>) {
    let mut percent = label.opacity_percent;
    let range = Label::LEAST_OPAQUE..=Label::OPAQUE;
    let slider = Slider::new(&mut percent, range)
        .suffix(" %")
        .text(tr!("Opacity"));
    let hint = tr!("Of this label's fill, as a part of the fill of all labels");
    if ui.add(slider).on_hover_text(hint).changed() {
        let value = label.value;
        out.push(UiRequest::command(LabelCommand::Opacity { value, percent }));
    }
}

fn swatch(ui: &mut Ui, [r, g, b]: [u8; 3], chosen: bool, name: &str) -> egui::Response {
    let (rect, response) = ui.allocate_exact_size(vec2(22.0, 18.0), Sense::click());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, name));
    ui.painter()
        .rect_filled(rect, 3.0, Color32::from_rgb(r, g, b));
    if chosen || response.hovered() {
        let stroke = Stroke::new(1.5, theme::of(ui.ctx()).text);
        ui.painter()
            .rect_stroke(rect, 3.0, stroke, StrokeKind::Outside);
    }
    response
}
