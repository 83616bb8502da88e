//! The three slice views.

pub mod annotations;
pub mod box_edit;
mod camera;
mod gestures;
mod paint_callback;
mod placed;
pub mod pointer;
mod prompt_overlay;
mod scene;

use egui::accesskit::Role;
use egui::emath::GuiRounding as _;
use egui::{Color32, CursorIcon, Painter, Pos2, Rect, Sense, Shape, Stroke, StrokeKind, Ui};

use crate::geometry::{Convention, Plane, VoxelBox};
use crate::io::TimeAxis;
use crate::session::Case;

use super::model::UiModel;
use super::state::UiState;
use super::theme;
use super::tools::{self, Tool};

pub use camera::Cameras;
pub use gestures::{ActiveDrag, GestureContext, ViewIntent};
pub use paint_callback::Canvas;
pub use placed::PlacedView;
pub use scene::DrawnLabels;

use gestures::GestureReader;

/// Width of the strip at a view's border where a press is for the splitter, in points.
const BORDER: f32 = 3.0;

/// Draws all views and returns what the user meant over them.
pub fn show(
    ui: &mut Ui,
    model: &UiModel<'_>,
    canvas: Option<&Canvas>,
    state: &mut UiState,
) -> Vec<ViewIntent> {
    let pixels_per_point = ui.ctx().pixels_per_point();
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
    let mut intents = Vec::new();
    for (plane, rect) in state.layout.rects(area, state.maximised, state.split) {
        if rect.width() < 24.0 || rect.height() < 24.0 {
            continue;
        }
        // Whole pixels, so that the picture is drawn pixel for pixel.
        let rect = rect.round_to_pixels(pixels_per_point);
        intents.extend(slice_view(ui, model, case, canvas, state, plane, rect));
    }
    splitter(ui, area, state);
    intents
}

/// A large plain surface, drawn by whoever does it cheapest.
pub fn surface(canvas: Option<&Canvas>, rect: Rect, color: Color32) -> Shape {
    match canvas {
        Some(canvas) => Shape::Callback(canvas.surface(rect, color)),
        None => Shape::rect_filled(rect, 0.0, color),
    }
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

fn slice_view(
    ui: &mut Ui,
    model: &UiModel<'_>,
    case: &Case,
    canvas: Option<&Canvas>,
    state: &mut UiState,
    plane: Plane,
    rect: Rect,
) -> Vec<ViewIntent> {
    let pixels_per_point = ui.ctx().pixels_per_point();
    let display = model.session.display();
    let place = |cameras: &Cameras| {
        let convention = match case.info().time {
            // Pictures are not of a patient's left or right: they are never mirrored.
            Some(time) if !time.has_position => Convention::Radiological,
            _ => display.convention,
        };
        let cross_hair = case.cross_hair();
        cameras.placed(
            case.grid(),
            plane,
            convention,
            cross_hair,
            rect,
            pixels_per_point,
        )
    };
    let view = place(&state.cameras);
    let id = ui.scope_id().with(plane);
    let response = ui.interact(rect, id, Sense::drag());
    tell_accessibility(&response, &view, case.info().time);
    let mut intents = read_gestures(ui, model, case, state, &view, &response);
    intents.retain(|intent| {
        let view = place(&state.cameras);
        match *intent {
            ViewIntent::Pan(_, by) => state.cameras.pan(&view, by),
            ViewIntent::Zoom(_, factor, at) => state.cameras.zoom(&view, factor, at),
            _ => return true,
        }
        false
    });
    let view = place(&state.cameras);
    let hover = response.hover_pos().filter(|p| rect.contains(*p));
    if let Some(pos) = hover {
        state.active_view = Some(plane);
        state.hovered = view.voxel(pos).map(|voxel| (plane, voxel));
    }
    let dragged = state.drag.as_ref().filter(|d| d.is_of(plane));
    if let Some(pos) = hover.or(response
        .interact_pointer_pos()
        .filter(|_| dragged.is_some()))
    {
        let tool = Tool::of(model.session.tools().tool);
        let while_dragging = dragged.and_then(ActiveDrag::cursor);
        let icon =
            while_dragging.unwrap_or_else(|| tool.kind.cursor(&view, pos, shown_box(case, state)));
        ui.ctx().set_cursor_icon(icon);
    }
    let painter = ui.painter_at(rect);
    if let Some(canvas) = canvas {
        let scene = state.drawn_labels.scene(case, display);
        let style = scene::style(case, display, state.highlighted, pixels_per_point);
        painter.add(canvas.shape(&view, &scene, &style));
    } else {
        no_canvas(&painter, rect);
    }
    overlay(&painter, model, case, state, &view, hover);
    let border = if state.key_plane() == plane {
        theme::VIEW_ACTIVE
    } else {
        theme::VIEW_IDLE
    };
    painter.rect_stroke(rect, 0.0, Stroke::new(1.0, border), StrokeKind::Inside);
    intents
}

/// What a screen reader and a test see: the view's name, and where it stands.
fn tell_accessibility(response: &egui::Response, view: &PlacedView, time: Option<TimeAxis>) {
    let plane = annotations::plane_text(view, time);
    let position = annotations::slice_text(view, time);
    response.widget_info(|| {
        egui::WidgetInfo::labeled(Role::Image, true, format!("{plane}, {position}"))
    });
    response.ctx.accesskit_node_builder(response.id, |node| {
        node.set_value(position.clone());
        node.set_description(format!("{plane} view of the scan"));
    });
}

fn read_gestures(
    ui: &Ui,
    model: &UiModel<'_>,
    case: &Case,
    state: &mut UiState,
    view: &PlacedView,
    response: &egui::Response,
) -> Vec<ViewIntent> {
    let layer = ui.layer_id();
    let ctx = ui.ctx().clone();
    let free = state.question.is_none() && !ctx.any_popup_open();
    let inner = view.rect.shrink(BORDER);
    let is_over = |pos: Pos2| free && inner.contains(pos) && ctx.layer_id_at(pos) == Some(layer);
    let (events, double_click) = ui.input(|i| {
        let double = i
            .pointer
            .button_double_clicked(egui::PointerButton::Primary);
        (i.events.clone(), double)
    });
    let mut reader = GestureReader {
        view,
        context: GestureContext {
            tool: model.session.tools().tool,
            polarity: state.polarity(),
            target_box: case.prompts().target_box,
            window: case.window(),
            profile: state.mouse,
        },
        pointer_pos: response.hover_pos(),
        drag: &mut state.drag,
        outline: &mut state.outline,
        wheel: &mut state.wheel,
        intents: Vec::new(),
    };
    reader.read(&events, &is_over, response.hovered());
    let over = response.hover_pos().filter(|&pos| is_over(pos));
    if let Some(pos) = over.filter(|_| double_click) {
        reader.double_press(pos);
    }
    reader.intents
}

/// Everything that egui draws over the scan.
fn overlay(
    painter: &Painter,
    model: &UiModel<'_>,
    case: &Case,
    state: &UiState,
    view: &PlacedView,
    hover: Option<Pos2>,
) {
    let tool = Tool::of(model.session.tools().tool);
    if state.show_cross_hair {
        annotations::crosshair(painter, view, case.cross_hair());
    }
    if let Some(b) = shown_box(case, state) {
        prompt_overlay::target_box(painter, view, b, tool.id == tools::BOX);
    }
    prompt_overlay::clicks(painter, view, &case.prompts().clicks);
    let time = case.info().time;
    annotations::letters(painter, view, time);
    annotations::title(painter, view, time);
    annotations::scale_bar(painter, view, time);
    if let Some(pos) = hover {
        tool.kind.at_pointer(painter, view, pos, model);
    }
    if let Some(outline) = &state.outline {
        outline.paint(painter, view, hover);
    }
    if let Some(pos) = hover.filter(|&pos| view.voxel(pos).is_some()) {
        let receiver = case.receiver();
        let shift = painter.ctx().input(|i| i.modifiers.shift);
        let words = tool.kind.words(&receiver, state.polarity(), shift);
        if let Some(words) = words {
            pointer::tag(painter, view, pos, &words, &receiver);
        }
    }
}

/// The box as it is being dragged, else as it is.
fn shown_box(case: &Case, state: &UiState) -> Option<VoxelBox> {
    let drawn = state.drag.as_ref().and_then(ActiveDrag::drawn_box);
    drawn.or(case.prompts().target_box)
}

fn no_canvas(painter: &Painter, rect: Rect) {
    painter.text(
        rect.center(),
        egui::Align2::CENTER_CENTER,
        "The scan cannot be drawn: no graphics adapter",
        egui::FontId::proportional(14.0),
        theme::WARNING,
    );
}

/// The line between the large view and the others, to drag.
fn splitter(ui: &mut Ui, area: Rect, state: &mut UiState) {
    use super::layout::Layout;
    if state.maximised.is_some() || state.layout == Layout::Columns {
        return;
    }
    let x = area.left() + area.width() * state.split;
    let rect = Rect::from_x_y_ranges((x - BORDER)..=(x + BORDER), area.y_range());
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
