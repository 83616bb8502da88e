//! What the left button does.

use egui::{Button, Ui};

use crate::ui::input::Action;
use crate::ui::model::{UiModel, UiRequest};
use crate::ui::state::UiState;
use crate::ui::tools::{TOOLS, Tool};

/// Tools side by side.
const COLUMNS: usize = 4;

/// Height of the row of a tool's settings, in points.
const SETTINGS_HEIGHT: f32 = 24.0;

/// Draws the tools and the settings of the active one.
pub fn show(ui: &mut Ui, model: &UiModel<'_>, state: &mut UiState, out: &mut Vec<UiRequest>) {
    let chosen = Tool::of(model.session.tools().tool);
    for row in TOOLS.chunks(COLUMNS) {
        ui.columns_const(|columns: &mut [Ui; COLUMNS]| {
            for (ui, tool) in columns.iter_mut().zip(row) {
                ui.spacing_mut().button_padding.x = 2.0;
                tool_button(ui, model, tool, tool.id == chosen.id, out);
            }
        });
    }
    // Room for the settings of any tool, so that what is below stays where it is when another is chosen.
    super::reserved(ui, SETTINGS_HEIGHT, |ui| {
        chosen.kind.settings(ui, model, state, out);
    });
}

fn tool_button(
    ui: &mut Ui,
    model: &UiModel<'_>,
    tool: &Tool,
    is_chosen: bool,
    out: &mut Vec<UiRequest>,
) {
    let button = Button::new(tool.title).selected(is_chosen);
    let size = egui::vec2(ui.available_width(), 26.0);
    let keys = super::keys_text(ui, Action::Tool(tool.id));
    let refusal = refusal(model, tool);
    ui.add_enabled_ui(refusal.is_none(), |ui| {
        let response = ui
            .add_sized(size, button)
            .on_hover_text(format!("{}  ({keys})", tool.hint))
            .on_disabled_hover_text(refusal.unwrap_or_default());
        if response.clicked() {
            out.push(UiRequest::Action(Action::Tool(tool.id)));
        }
    });
}

/// Why a tool is of no use with the model that computes.
pub(super) fn refusal(model: &UiModel<'_>, tool: &Tool) -> Option<String> {
    let card = model.engine.card()?;
    let lacking = tool.kind.lacking(card)?;
    Some(format!(
        "This model takes no {lacking}. It takes: {}",
        card.takes()
    ))
}
