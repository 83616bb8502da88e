//! The middle of the window: the open panes, and where they are.

use egui::emath::GuiRounding as _;
use egui::{CursorIcon, Rect, Sense, Stroke, StrokeKind, Ui};

use crate::geometry::Plane;

use super::layout::Layout;
use super::model::UiModel;
use super::panes::{Kind, Pane, PaneContext, PaneId};
use super::state::UiState;
use super::theme;
use super::view::{Canvas, ViewIntent, surface};

/// Half the width of the strip that the separator is dragged at, in points.
const GRAB: f32 = 3.0;
/// Panes narrower or lower than this, in points, are not drawn.
const LEAST_SIDE: f32 = 24.0;

/// The open panes.
#[derive(Debug)]
pub struct Workspace {
    panes: Vec<(PaneId, Box<dyn Pane>)>,
    /// The pane that is shown alone.
    maximised: Option<PaneId>,
}

impl Default for Workspace {
    /// A slice of each plane.
    fn default() -> Self {
        let mut workspace = Self::empty();
        for plane in Plane::ALL {
            let kind = Kind::of("slice");
            let pane = kind.and_then(|kind| (kind.open)(plane.name()));
            let id = PaneId(plane as u64);
            workspace.panes.extend(pane.map(|pane| (id, pane)));
        }
        workspace
    }
}

impl Workspace {
    fn empty() -> Self {
        Self {
            panes: Vec::new(),
            maximised: None,
        }
    }

    /// Shows all there is to see in all panes again.
    pub fn fit(&mut self) {
        for (_, pane) in &mut self.panes {
            pane.fit();
        }
    }

    /// The pane that keys act on: the one shown alone, else the one under the pointer last, else the first.
    pub fn key_pane(&self, active: Option<PaneId>) -> Option<PaneId> {
        let first = self.panes.first().map(|(id, _)| *id);
        self.maximised.or(active).or(first)
    }

    /// The pane of this id.
    pub fn pane(&self, id: PaneId) -> Option<&dyn Pane> {
        let found = self.panes.iter().find(|(other, _)| *other == id)?;
        Some(found.1.as_ref())
    }

    /// Whether one pane is shown alone.
    pub fn is_maximised(&self) -> bool {
        self.maximised.is_some()
    }

    /// Shows a pane alone, or all of them again.
    pub fn toggle_maximised(&mut self, id: PaneId) {
        self.maximised = match self.maximised {
            Some(_) => None,
            None => Some(id),
        };
    }

    /// Shows all panes.
    pub fn show_all(&mut self) {
        self.maximised = None;
    }

    fn rects(&self, area: Rect, layout: Layout, split: f32) -> Vec<(PaneId, Rect)> {
        match self.maximised {
            Some(id) => vec![(id, area)],
            None => layout
                .rects(area, split)
                .into_iter()
                .map(|(plane, rect)| (PaneId(plane as u64), rect))
                .collect(),
        }
    }
}

/// Draws all panes, and returns what the user meant over each.
pub fn show(
    ui: &mut Ui,
    model: &UiModel<'_>,
    canvas: Option<&Canvas>,
    state: &mut UiState,
) -> Vec<(PaneId, ViewIntent)> {
    let area = ui.available_rect_before_wrap();
    ui.painter()
        .add(surface(canvas, area, theme::VIEW_BACKGROUND));
    ui.advance_cursor_after_rect(area);
    let Some(case) = model.session.case() else {
        welcome(ui, area);
        return Vec::new();
    };
    state.hovered = None;
    let tool = model.session.tools().tool;
    state.outline.take_if(|outline| outline.tool != tool);
    let (display, highlighted) = (model.session.display(), state.highlighted);
    state.drawn_labels.update(case, display, highlighted);
    let mut workspace = std::mem::replace(&mut state.workspace, Workspace::empty());
    let mut intents = Vec::new();
    for (id, rect) in workspace.rects(area, state.layout, state.split) {
        let pane = workspace.panes.iter_mut().find(|(other, _)| *other == id);
        let Some((_, pane)) = pane.filter(|_| rect.size().min_elem() >= LEAST_SIDE) else {
            continue;
        };
        let mut context = PaneContext {
            id,
            // Whole pixels, so that the picture is drawn pixel for pixel.
            rect: rect.round_to_pixels(ui.ctx().pixels_per_point()),
            model,
            case,
            canvas,
            state,
        };
        let meant = pane.show(ui, &mut context);
        intents.extend(meant.into_iter().map(|intent| (id, intent)));
    }
    for (id, rect) in workspace.rects(area, state.layout, state.split) {
        border(ui, rect, workspace.key_pane(state.active_pane) == Some(id));
    }
    splitter(ui, area, &workspace, state);
    state.workspace = workspace;
    intents
}

fn welcome(ui: &Ui, area: Rect) {
    let text = "Open a scan from the File menu, or drop a file or folder here.\n\n\
                File > Open sample shows a phantom to try things on.";
    ui.painter().text(
        area.center(),
        egui::Align2::CENTER_CENTER,
        text,
        egui::FontId::proportional(15.0),
        theme::TEXT_WEAK,
    );
}

/// The line around a pane; keys act on the brighter one.
fn border(ui: &Ui, rect: Rect, has_keys: bool) {
    let rect = rect.round_to_pixels(ui.ctx().pixels_per_point());
    let color = match has_keys {
        true => theme::VIEW_ACTIVE,
        false => theme::VIEW_IDLE,
    };
    let stroke = Stroke::new(1.0, color);
    ui.painter_at(rect)
        .rect_stroke(rect, 0.0, stroke, StrokeKind::Inside);
}

/// The line between the large pane and the others, to drag.
fn splitter(ui: &mut Ui, area: Rect, workspace: &Workspace, state: &mut UiState) {
    if workspace.is_maximised() || state.layout == Layout::Columns {
        return;
    }
    let x = area.left() + area.width() * state.split;
    let rect = Rect::from_x_y_ranges((x - GRAB)..=(x + GRAB), area.y_range());
    let response = ui
        .interact(rect, ui.scope_id().with("splitter"), Sense::drag())
        .on_hover_and_drag_cursor(CursorIcon::ResizeHorizontal);
    if let Some(pos) = response
        .interact_pointer_pos()
        .filter(|_| response.dragged())
    {
        state.split = ((pos.x - area.left()) / area.width()).clamp(0.25, 0.8);
    }
}
