//! What the left button does.

use egui::containers::menu::MenuButton;
use egui::{Atom, Button, Ui};

use crate::ui::input::Action;
use crate::ui::model::{UiModel, UiRequest};
use crate::ui::state::UiState;
use crate::ui::texts::{self, tr};
use crate::ui::tools::{self, TOOLS, Tool};

/// Tools side by side.
const COLUMNS: usize = 4;
/// Tools with a button of their own, the first of the table; the others are behind the button that fills the last row.
const WITH_BUTTON: usize = 7;

/// Size of a tool's button: as wide as there is room, and this high, in points.
const BUTTON_HEIGHT: f32 = 26.0;

/// Height of the row of a tool's settings, in points.
const SETTINGS_HEIGHT: f32 = 24.0;

/// Draws the tools and the settings of the active one.
pub fn show(ui: &mut Ui, model: &UiModel<'_>, state: &mut UiState, out: &mut Vec<UiRequest>) {
    let chosen = Tool::of(model.session.tools().tool);
    let (with_button, others) = TOOLS.split_at(WITH_BUTTON);
    for row in with_button.chunks(COLUMNS) {
        ui.columns_const(|columns: &mut [Ui; COLUMNS]| {
            for (ui, tool) in columns.iter_mut().zip(row) {
                ui.spacing_mut().button_padding.x = 2.0;
                tool_button(ui, model, tool, tool.id == chosen.id, out);
            }
            if row.len() < COLUMNS {
                more(&mut columns[row.len()], model, others, chosen, out);
            }
        });
    }
    // Room for the settings of any tool, so that what is below stays where it is when another is chosen.
    super::reserved(ui, SETTINGS_HEIGHT, |ui| {
        ui.horizontal(|ui| {
            chosen.kind.settings(ui, model, state, out);
            if chosen.kind.heeds_limits() {
                tools::limits(ui, model, out);
            }
        });
    });
}

/// The tools without a button of their own; the button says which of them is chosen.
fn more(
    ui: &mut Ui,
    model: &UiModel<'_>,
    others: &[Tool],
    chosen: &Tool,
    out: &mut Vec<UiRequest>,
) {
    let is_other = others.iter().any(|tool| tool.id == chosen.id);
    let text = if is_other {
        texts::of(chosen.title)
    } else {
        tr!("More")
    };
    ui.spacing_mut().button_padding.x = 2.0;
    let size = egui::vec2(ui.available_width(), BUTTON_HEIGHT);
    // In the middle, as the texts of the other buttons are.
    let button = Button::new((Atom::grow(), text, Atom::grow()));
    let button = button.selected(is_other).min_size(size);
    let (response, _) = MenuButton::from_button(button).ui(ui, |ui| {
        crate::ui::menu::tools(ui, model, others, out);
    });
    let response = response.accessible_name(tr!("More tools"));
    response.on_hover_text(tr!("More tools"));
}

fn tool_button(
    ui: &mut Ui,
    model: &UiModel<'_>,
    tool: &Tool,
    is_chosen: bool,
    out: &mut Vec<UiRequest>,
) {
    let button = Button::new(texts::of(tool.title)).selected(is_chosen);
    let size = egui::vec2(ui.available_width(), BUTTON_HEIGHT);
    let keys = super::keys_text(ui, Action::Tool(tool.id));
    let refusal = refusal(model, tool);
    ui.add_enabled_ui(refusal.is_none(), |ui| {
        let response = ui
            .add_sized(size, button)
            .on_hover_text(format!("{}  ({keys})", texts::of(tool.hint)))
            .on_disabled_hover_text(refusal.unwrap_or_default());
        if response.clicked() {
            out.push(UiRequest::Action(Action::Tool(tool.id)));
        }
    });
}

/// Why a tool is of no use with the model that computes.
pub(in crate::ui) fn refusal(model: &UiModel<'_>, tool: &Tool) -> Option<String> {
    let card = model.engine.card()?;
    let lacking = tool.kind.lacking(card)?;
    Some(tr!(
        "This model takes no {lacking}. It takes: {takes}",
        lacking,
        takes = card.takes()
    ))
}
