//! What the left button does.

use egui::{Button, Slider, Ui};

use crate::session::{Brush, BrushShape, Tool, ToolCommand};
use crate::ui::input::Action;
use crate::ui::model::{UiModel, UiRequest};
use crate::ui::state::UiState;

const TOOLS: [(Tool, Action, &str); 6] = [
    (
        Tool::CrossHair,
        Action::ToolCrosshair,
        "Move the cross-hair; the other views follow",
    ),
    (
        Tool::Click,
        Action::ToolClick,
        "Click on the target: the model outlines it. Shift for \"not this\"",
    ),
    (
        Tool::Box,
        Action::ToolBox,
        "Drag a box around the target; adjust its depth in the other views",
    ),
    (
        Tool::Brush,
        Action::ToolBrush,
        "Paint the active label; Shift erases",
    ),
    (
        Tool::Eraser,
        Action::ToolEraser,
        "Erase the active label; Shift paints",
    ),
    (
        Tool::Window,
        Action::ToolWindow,
        "Drag: right is wider, up is brighter",
    ),
];

/// Brush sizes on the slider; larger ones by key.
const BRUSH_SLIDER_MM: std::ops::RangeInclusive<f64> = 1.0..=60.0;

/// Height of the row of a tool's settings, in points.
const SETTINGS_HEIGHT: f32 = 24.0;

/// Draws the tools and the settings of the active one.
pub fn show(ui: &mut Ui, model: &UiModel<'_>, state: &mut UiState, out: &mut Vec<UiRequest>) {
    let tools = model.session.tools();
    for row in TOOLS.chunks(3) {
        ui.columns_const(|columns: &mut [Ui; 3]| {
            for (ui, &(tool, action, hint)) in columns.iter_mut().zip(row) {
                let button = Button::new(action.text()).selected(tools.tool == tool);
                let size = egui::vec2(ui.available_width(), 26.0);
                let hint = format!("{hint}  ({})", super::keys_text(ui, action));
                let refusal = refusal(model, tool);
                ui.add_enabled_ui(refusal.is_none(), |ui| {
                    let response = ui.add_sized(size, button).on_hover_text(hint);
                    let response = response.on_disabled_hover_text(refusal.unwrap_or_default());
                    if response.clicked() {
                        out.push(UiRequest::command(ToolCommand::Select(tool)));
                    }
                });
            }
        });
    }
    // Room for the settings of any tool, so that what is below stays where it is when another is chosen.
    super::reserved(ui, SETTINGS_HEIGHT, |ui| match tools.tool {
        Tool::Click => polarity(ui, state),
        Tool::Brush | Tool::Eraser => brush(ui, tools.brush, out),
        _ => {}
    });
}

/// Why a tool is of no use with the model that computes.
pub(super) fn refusal(model: &UiModel<'_>, tool: Tool) -> Option<String> {
    let card = model.engine.card()?;
    let lacking = match tool {
        Tool::Click if !card.clicks => "clicks",
        Tool::Box if !card.boxes => "box",
        _ => return None,
    };
    Some(format!(
        "This model takes no {lacking}. It takes: {}",
        card.takes()
    ))
}

fn polarity(ui: &mut Ui, state: &mut UiState) {
    ui.horizontal(|ui| {
        ui.label("Clicks say");
        for (negative, text) in [(false, "+ this is it"), (true, "- this is not")] {
            ui.selectable_value(&mut state.negative_clicks, negative, text);
        }
    });
}

fn brush(ui: &mut Ui, brush: Brush, out: &mut Vec<UiRequest>) {
    let mut changed = brush;
    ui.horizontal(|ui| {
        let label = ui.label("Size");
        ui.spacing_mut().slider_width = 76.0;
        ui.add(
            Slider::new(&mut changed.diameter_mm, BRUSH_SLIDER_MM)
                .logarithmic(true)
                .clamping(egui::SliderClamping::Edits)
                .max_decimals(1)
                .suffix(" mm"),
        )
        .labelled_by(label.id);
        ui.selectable_value(&mut changed.shape, BrushShape::Disc, "2D")
            .on_hover_text("A disc on the slice you draw on");
        ui.selectable_value(&mut changed.shape, BrushShape::Sphere, "3D")
            .on_hover_text("A ball through the slices");
    });
    if changed != brush {
        out.push(UiRequest::command(ToolCommand::Brush(changed)));
    }
}
