//! Small toggles that are drawn, not written: no font is sure to have their signs.

use egui::accesskit::Role;
use egui::{Color32, Painter, Pos2, Rect, Response, Sense, Shape, Stroke, StrokeKind, Ui, vec2};

use super::theme;

const SIZE: f32 = 20.0;
const LINE_WIDTH: f32 = 1.4;

/// An eye, open while `on`. `name` is what screen readers say.
pub fn eye_toggle(ui: &mut Ui, on: bool, name: &str) -> Response {
    toggle(ui, on, name, |painter, center, color| {
        let outline = |sign: f32| -> Vec<Pos2> {
            (0..=12)
                .map(|n| {
                    let t = n as f32 / 6.0 - 1.0;
                    center + vec2(7.0 * t, sign * 4.2 * (1.0 - t * t))
                })
                .collect()
        };
        let stroke = Stroke::new(LINE_WIDTH, color);
        painter.add(Shape::line(outline(1.0), stroke));
        if on {
            painter.add(Shape::line(outline(-1.0), stroke));
            painter.circle_filled(center, 2.2, color);
        }
    })
}

/// A padlock, closed while `on`. `name` is what screen readers say.
pub fn lock_toggle(ui: &mut Ui, on: bool, name: &str) -> Response {
    toggle(ui, on, name, |painter, center, color| {
        let stroke = Stroke::new(LINE_WIDTH, color);
        let body = Rect::from_center_size(center + vec2(0.0, 2.5), vec2(9.0, 7.0));
        if on {
            painter.rect_filled(body, 1.5, color);
        } else {
            painter.rect_stroke(body, 1.5, stroke, StrokeKind::Inside);
        }
        let lift = if on { 0.0 } else { -1.5 };
        let shackle: Vec<Pos2> = (0..=8)
            .map(|n| {
                let angle = std::f32::consts::PI * (1.0 + n as f32 / 8.0);
                center + vec2(3.2 * angle.cos(), -1.5 + lift + 4.0 * angle.sin())
            })
            .collect();
        painter.add(Shape::line(shackle, stroke));
    })
}

/// A tick. `name` is what screen readers say.
pub fn tick_button(ui: &mut Ui, name: &str) -> Response {
    sign(ui, name, theme::of(ui.ctx()).good_bright, |center| {
        vec![vec![
            center + vec2(-5.0, 0.5),
            center + vec2(-1.5, 4.5),
            center + vec2(5.5, -4.5),
        ]]
    })
}

/// A cross. `name` is what screen readers say.
pub fn cross_button(ui: &mut Ui, name: &str) -> Response {
    const ARM: f32 = 4.5;
    sign(ui, name, theme::of(ui.ctx()).error, |center| {
        [1.0, -1.0]
            .map(|s| vec![center + vec2(-ARM, -s * ARM), center + vec2(ARM, s * ARM)])
            .to_vec()
    })
}

/// A button with a drawn sign.
fn sign(
    ui: &mut Ui,
    name: &str,
    color: Color32,
    lines: impl FnOnce(Pos2) -> Vec<Vec<Pos2>>,
) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(SIZE, SIZE), Sense::click());
    response.widget_info(|| egui::WidgetInfo::labeled(Role::Button, true, name));
    let fill = if response.hovered() {
        theme::of(ui.ctx()).button_hovered
    } else {
        theme::of(ui.ctx()).button
    };
    ui.painter().rect_filled(rect.shrink(1.0), 3.0, fill);
    for line in lines(rect.center()) {
        let stroke = Stroke::new(1.8, color);
        ui.painter().add(Shape::line(line, stroke));
    }
    response
}

fn toggle(
    ui: &mut Ui,
    on: bool,
    name: &str,
    draw: impl FnOnce(&Painter, Pos2, Color32),
) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(SIZE, SIZE), Sense::click());
    response.widget_info(|| egui::WidgetInfo::selected(Role::CheckBox, true, on, name));
    let color = match (response.hovered(), on) {
        (true, _) => theme::of(ui.ctx()).text,
        (false, true) => theme::of(ui.ctx()).text_weak,
        (false, false) => theme::of(ui.ctx()).faint,
    };
    draw(ui.painter(), rect.center(), color);
    response
}
