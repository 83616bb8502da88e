//! The whole window: bars, panel, views and what lies over them.

use egui::{CentralPanel, Frame, Margin, Panel, Rect, Shape, Ui};

use super::model::{UiModel, UiRequest};
use super::panes::PaneId;
use super::state::UiState;
use super::view::{Canvas, ViewIntent};
use super::{
    actions, archive, help, menu, offers, operation_form, palette, panel, question, status, teach,
    theme, view, worklist, workspace,
};
use crate::session::Severity;
use crate::ui::texts::{self, tr};

/// Draws one frame and returns what the user asked for, in order.
pub fn show(
    ui: &mut Ui,
    model: &UiModel<'_>,
    canvas: Option<&Canvas>,
    state: &mut UiState,
) -> Vec<UiRequest> {
    let mut out = Vec::new();
    texts::speak(state.spoken());
    ui.ctx().set_theme(state.theme);
    state.keys.tell(ui.ctx());
    actions::read_keys(ui.ctx(), model.session, state, &mut out);
    bars(ui, model, canvas, state, &mut out);
    let left = side_panels(ui, model, canvas, state, &mut out);
    let intents = CentralPanel::no_frame()
        .show(ui, |ui| workspace::show(ui, model, canvas, state))
        .inner;
    for (pane, intent) in intents {
        heed(pane, intent, model, state, &mut out);
    }
    drop_hint(ui);
    help::show(ui.ctx(), model, state);
    operation_form::show(ui.ctx(), model, state, &mut out);
    archive::show(ui.ctx(), model, state, &mut out);
    teach::show(ui.ctx(), model, state, &mut out);
    palette::show(ui.ctx(), model, state, &mut out);
    question::show(ui.ctx(), state.question.as_mut(), &mut out);
    state.messages.show(ui.ctx(), left);
    out
}

/// The menu at the top, the status line at the bottom, and what is offered below the menu.
fn bars(
    ui: &mut Ui,
    model: &UiModel<'_>,
    canvas: Option<&Canvas>,
    state: &mut UiState,
    out: &mut Vec<UiRequest>,
) {
    let bar = Frame::new().inner_margin(Margin::symmetric(8, 3));
    on_surface(ui, canvas, |ui| {
        let panel = Panel::top("menu").frame(bar);
        let shown = panel.show(ui, |ui| menu::show(ui, model, state, out));
        shown.response.rect
    });
    on_surface(ui, canvas, |ui| {
        let panel = Panel::bottom("status").frame(bar).exact_size(28.0);
        let shown = panel.show(ui, |ui| status::show(ui, model, state, out));
        shown.response.rect
    });
    if offers::is_shown(model, state) {
        on_surface(ui, canvas, |ui| {
            let panel = Panel::top("offers").frame(bar);
            let shown = panel.show(ui, |ui| offers::show(ui, model, state, out));
            shown.response.rect
        });
    }
}

/// The worklist at the left and the panel at the right, where they are shown; where the left one ends, in points.
fn side_panels(
    ui: &mut Ui,
    model: &UiModel<'_>,
    canvas: Option<&Canvas>,
    state: &mut UiState,
    out: &mut Vec<UiRequest>,
) -> f32 {
    let frame = Frame::new().inner_margin(Margin::symmetric(10, 6));
    let mut left = 0.0;
    if let Some(worklist) = model.worklist {
        on_surface(ui, canvas, |ui| {
            let panel = Panel::left("worklist")
                .frame(frame)
                .default_size(220.0)
                .size_range(180.0..=400.0);
            let shown = panel.show(ui, |ui| worklist::show(ui, model, worklist, state, out));
            left = shown.response.rect.right();
            shown.response.rect
        });
    }
    if state.show_side_panel {
        on_surface(ui, canvas, |ui| {
            let panel = Panel::right("side")
                .frame(frame)
                .default_size(theme::SIDE_PANEL_WIDTH)
                .size_range(260.0..=460.0);
            let shown = panel.show(ui, |ui| panel::show(ui, model, state, out));
            shown.response.rect
        });
    }
    left
}

/// Does what was meant in a pane, or hands it on.
fn heed(
    pane: PaneId,
    intent: ViewIntent,
    model: &UiModel<'_>,
    state: &mut UiState,
    out: &mut Vec<UiRequest>,
) {
    match intent {
        ViewIntent::ToggleMaximised => out.push(UiRequest::ToggleMaximised(pane)),
        ViewIntent::MissedScan => {
            let text = tr!("That is beside the scan: click inside it");
            state.messages.push(Severity::Warning, text);
        }
        ViewIntent::Turn(axis, by_rad) => {
            state.turned.tilt = state.turned.tilt.turned(axis, by_rad);
        }
        ViewIntent::NeedsStraightPlane => {
            let text = tr!(
                "This tool works on voxel slices: turn the planes back (Alt+R), or use cross-hair, click, 3D brush, distance or angle"
            );
            state.messages.push(Severity::Warning, text);
        }
        other => {
            let command = actions::command_of(other, model.session, state);
            out.extend(command.map(UiRequest::Command));
        }
    }
}

/// Draws something that says which rectangle it took, on a surface in the colour of panels.
fn on_surface(ui: &mut Ui, canvas: Option<&Canvas>, draw: impl FnOnce(&mut Ui) -> Rect) {
    let below = ui.painter().add(Shape::Noop);
    let rect = draw(ui);
    let surface = view::surface(canvas, rect, theme::of(ui.ctx()).panel);
    ui.painter().set(below, surface);
}

/// While a file is held over the window: what letting go does.
fn drop_hint(ui: &Ui) {
    if ui.input(|i| i.raw.hovered_files.is_empty()) {
        return;
    }
    let layer = egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("drop hint"));
    let painter = ui.ctx().layer_painter(layer);
    let area = ui.ctx().content_rect();
    painter.rect_filled(area, 0.0, egui::Color32::from_black_alpha(160));
    painter.text(
        area.center(),
        egui::Align2::CENTER_CENTER,
        tr!("Drop to open"),
        egui::FontId::proportional(22.0),
        theme::DARK.text,
    );
}
