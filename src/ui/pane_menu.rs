//! The handle in a pane's corner: a click opens the pane's menu, a drag takes the pane to another place.

use egui::accesskit::Role;
use egui::{Button, CursorIcon, Popup, Rect, Response, Sense, Stroke, Ui, vec2};

use super::input::Action;
use super::menu::with_keys;
use super::panes::{Pane, PaneContext};
use super::theme;
use super::view::ViewIntent;
use crate::ui::texts::tr;

/// Where the handle of a pane in `rect` is.
pub fn handle(rect: Rect) -> Rect {
    let side = theme::PANE_HANDLE;
    Rect::from_min_size(rect.min + vec2(3.0, 6.0), vec2(side, side))
}

/// Draws handle and menu of a pane; what was chosen is done to the pane, or meant by `intents`.
pub fn show(
    ui: &Ui,
    pane: &mut dyn Pane,
    context: &PaneContext<'_, '_>,
    is_alone: bool,
    intents: &mut Vec<ViewIntent>,
) -> Response {
    let id = ui.scope_id().with(("handle", context.id));
    let title = pane.title(context.case);
    let response = ui
        .interact(context.handle, id, Sense::click_and_drag())
        .on_hover_cursor(CursorIcon::Grab)
        .on_hover_text(tr!(
            "Click: what is shown here. Drag: moves this view to another place"
        ));
    response.widget_info(|| {
        let name = tr!("Menu of the view {title}", title);
        egui::WidgetInfo::labeled(Role::Button, true, name)
    });
    let color = match response.hovered() {
        true => theme::DARK.text,
        false => theme::DARK.text_weak,
    };
    let center = context.handle.center();
    for y in [-4.0, 0.0, 4.0] {
        let (left, right) = (center + vec2(-5.0, y), center + vec2(5.0, y));
        for (width, color) in [(3.0, egui::Color32::from_black_alpha(160)), (1.5, color)] {
            ui.painter()
                .line_segment([left, right], Stroke::new(width, color));
        }
    }
    Popup::menu(&response).show(|ui| {
        pane.menu(ui, context.case);
        ui.separator();
        if ui.button(tr!("Fit to the scan")).clicked() {
            pane.fit();
            // It was drawn before.
            ui.ctx().request_repaint();
        }
        let text = match is_alone {
            true => tr!("All views"),
            false => tr!("This view alone"),
        };
        let alone = with_keys(ui, Button::new(text), Action::MaximiseView);
        if ui.add(alone).clicked() {
            intents.push(ViewIntent::ToggleMaximised);
        }
    });
    response
}
