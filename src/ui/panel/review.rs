//! The standing proposal: how much it gives, each structure with its own decision, and the decision on all.
//!
//! Its room is always the same, and a row stays where it is when it was decided on.

use egui::{Align, Button, Color32, Label as Text, Layout, RichText, ScrollArea, Sense, Ui, vec2};

use crate::geometry::VoxelIndex;
use crate::prompt::DrawingKind;
use crate::session::{
    AiCommand, Case, Gain, PromptCommand, Proposal, Proposed, StructureGain, ToolCommand,
    ViewCommand,
};
use crate::ui::icons::{cross_button, tick_button};
use crate::ui::input::Action;
use crate::ui::model::{EngineStatus, UiModel, UiRequest};
use crate::ui::state::UiState;
use crate::ui::texts::tr;
use crate::ui::theme;
use crate::ui::tools::Tool;
use crate::util::sentence;

/// Height of what is told of a proposal, in points: a heading and four structures.
const HEIGHT: f32 = 116.0;
const ROW_HEIGHT: f32 = 20.0;

/// The structures that were proposed, in their order.
#[derive(Debug, Clone, Default)]
pub struct Review(Vec<Row>);

#[derive(Debug, Clone)]
struct Row {
    proposed: u16,
    title: String,
    color: [u8; 3],
    size: String,
    decided: Option<&'static str>,
}

impl Review {
    /// Takes over which structures stand. Rows of those decided on stay as long as others stand.
    fn update(&mut self, case: &Case) {
        let gain = case.gain().filter(|g| !g.structures.is_empty());
        let Some(gain) = gain else {
            self.0.clear();
            return;
        };
        let is_same = |s: &StructureGain| self.0.iter().any(|row| row.proposed == s.proposed);
        if !gain.structures.iter().all(is_same) {
            self.0 = gain
                .structures
                .iter()
                .map(|s| row_of(s, gain, case))
                .collect();
        }
        for row in &mut self.0 {
            match gain.structures.iter().find(|s| s.proposed == row.proposed) {
                Some(standing) => *row = row_of(standing, gain, case),
                None => row.decided = row.decided.or(Some(tr!("decided"))),
            }
        }
    }
}

fn row_of(structure: &StructureGain, gain: &Gain, case: &Case) -> Row {
    let label = gain.table.get(structure.becomes);
    Row {
        proposed: structure.proposed,
        title: label.map(|l| l.title()).unwrap_or_default(),
        color: label.map_or([128; 3], |l| l.color),
        size: match label.is_some_and(|l| l.locked) {
            true => tr!("locked").to_owned(),
            false => case.size_text(structure.voxels),
        },
        decided: None,
    }
}

/// Draws the proposal and the decision, or what to do to get one.
pub fn show(
    ui: &mut Ui,
    model: &UiModel<'_>,
    case: &Case,
    state: &mut UiState,
    out: &mut Vec<UiRequest>,
) {
    state.review.update(case);
    let frame = egui::Frame::new()
        .fill(theme::of(ui.ctx()).sunken)
        .corner_radius(4.0)
        .inner_margin(6.0);
    frame.show(ui, |ui| {
        super::reserved(ui, HEIGHT, |ui| match (case.proposal(), case.gain()) {
            (Some(proposal), Some(gain)) => match proposal.content {
                Proposed::Target { label, .. } => {
                    target(ui, model, case, proposal, gain, label, out);
                }
                Proposed::Structures { .. } => structures(ui, case, proposal, gain, state, out),
            },
            _ => no_proposal(ui, model, case, out),
        });
        decision(ui, case, out);
        ui.horizontal(|ui| {
            uncertainty(ui, model, case, out);
            take_from_others(ui, model, out);
        });
    });
}

fn heading(ui: &mut Ui, text: String) {
    let text = RichText::new(text)
        .strong()
        .color(theme::of(ui.ctx()).accent_bright);
    ui.add(Text::new(text).truncate());
}

fn weak(ui: &mut Ui, text: impl Into<String>) {
    ui.add(Text::new(RichText::new(text).color(theme::of(ui.ctx()).text_weak)).wrap());
}

fn target(
    ui: &mut Ui,
    model: &UiModel<'_>,
    case: &Case,
    proposal: &Proposal,
    gain: &Gain,
    label: u16,
    out: &mut Vec<UiRequest>,
) {
    let label = case.table().get(label);
    let name = label.map_or_else(|| tr!("target").to_owned(), |l| l.title());
    let size = case.size_text(gain.voxels);
    heading(ui, tr!("Proposal: {name}, {size}", name, size));
    if gain.left > 0 {
        let left = case.size_text(gain.left);
        let text = match label.is_some_and(|l| l.locked) {
            true => tr!("{left} are proposed, but {name} is locked", left, name),
            false => tr!("{left} more lie in labels that keep them", left),
        };
        ui.add(Text::new(RichText::new(text).color(theme::of(ui.ctx()).warning)).truncate());
    }
    expected(ui, proposal);
    prompts(ui, case, out);
    let takes_clicks = model.engine.card().is_none_or(|card| card.clicks);
    if case.is_prompt_running() {
        weak(ui, tr!("Outlining anew ..."));
    } else if !proposal.said().is_empty() {
        // The notice is gone after a while, the proposal may stand for longer.
        (proposal.said().iter()).for_each(|said| weak(ui, sentence(said)));
    } else if takes_clicks {
        weak(
            ui,
            tr!("To refine: click what is missing, Shift + click what is too much"),
        );
    } else {
        weak(
            ui,
            tr!("To change it: pull the handles of the box, or correct it with the brush"),
        );
    }
}

/// The model's own estimate.
fn expected(ui: &mut Ui, proposal: &Proposal) {
    let Some(estimate) = proposal.estimate else {
        return;
    };
    let dice = estimate.dice();
    let text = match estimate.iou() {
        Some(iou) => tr!(
            "Predicted IoU {iou} (a Dice of {dice})",
            iou = format_args!("{iou:.2}"),
            dice = format_args!("{dice:.2}")
        ),
        None => tr!(
            "The model expects a Dice of {dice}",
            dice = format_args!("{dice:.2}")
        ),
    };
    ui.label(text).on_hover_text(tr!(
        "The model's own estimate of how well this fits; not a measurement"
    ));
}

fn structures(
    ui: &mut Ui,
    case: &Case,
    proposal: &Proposal,
    gain: &Gain,
    state: &mut UiState,
    out: &mut Vec<UiRequest>,
) {
    let count = match gain.structures.len() {
        1 => tr!("1 structure").to_owned(),
        n => tr!("{n} structures", n),
    };
    let size = case.size_text(gain.voxels);
    heading(ui, tr!("Proposal: {count}, {size}", count, size));
    expected(ui, proposal);
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 1.0;
        let (rows, highlighted) = (&mut state.review.0, &mut state.highlighted);
        for row in rows {
            let standing = gain.structures.iter().find(|s| s.proposed == row.proposed);
            structure(ui, row, standing, highlighted, out);
        }
    });
}

fn structure(
    ui: &mut Ui,
    row: &mut Row,
    standing: Option<&StructureGain>,
    highlighted: &mut Option<u16>,
    out: &mut Vec<UiRequest>,
) {
    let size = vec2(ui.available_width(), ROW_HEIGHT);
    let whole = ui.allocate_ui_with_layout(size, Layout::right_to_left(Align::Center), |ui| {
        ui.set_min_size(size);
        ui.spacing_mut().item_spacing.x = 4.0;
        if let Some(standing) = standing {
            let reject = cross_button(ui, &tr!("Reject {title}", title = row.title));
            if reject.on_hover_text(tr!("Drop this one")).clicked() {
                row.decided = Some(tr!("rejected"));
                let command = AiCommand::RejectStructure(standing.proposed);
                out.push(UiRequest::command(command));
            }
            let accept = tick_button(ui, &tr!("Accept {title}", title = row.title));
            if accept
                .on_hover_text(tr!("Write this one into the labels"))
                .clicked()
            {
                row.decided = Some(tr!("accepted"));
                let command = AiCommand::AcceptStructure(standing.proposed);
                out.push(UiRequest::command(command));
            }
            ui.label(&row.size);
        } else {
            ui.weak(row.decided.unwrap_or_default());
        }
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            let [r, g, b] = row.color;
            let (rect, _) = ui.allocate_exact_size(vec2(10.0, 10.0), Sense::hover());
            ui.painter()
                .rect_filled(rect, 2.0, Color32::from_rgb(r, g, b));
            let mut text = RichText::new(&row.title);
            if standing.is_none() {
                text = text.color(theme::of(ui.ctx()).faint);
            }
            let name = ui
                .add(Text::new(text).truncate().sense(Sense::click()))
                .on_hover_text(tr!("Click: go there"));
            if let Some(there) = standing.filter(|_| name.clicked()) {
                let b = there.bounds;
                let middle = VoxelIndex(std::array::from_fn(|d| (b.min[d] + b.max[d]) / 2));
                out.push(UiRequest::command(ViewCommand::CrossHair(middle)));
            }
        });
    });
    if let Some(standing) = standing
        && ui.rect_contains_pointer(whole.response.rect)
    {
        *highlighted = Some(standing.becomes);
    }
}

/// What the model is doing, else how to get a proposal.
fn no_proposal(ui: &mut Ui, model: &UiModel<'_>, case: &Case, out: &mut Vec<UiRequest>) {
    let tool = Tool::of(model.session.tools().tool);
    if let EngineStatus::Off = model.engine {
        let text = tr!("No model is open, as you wished: Edit, Review only opens it again.");
        return weak(ui, text);
    }
    if let EngineStatus::Failed { message } = model.engine {
        let text =
            RichText::new(tr!("No model: {message}", message)).color(theme::of(ui.ctx()).warning);
        ui.add(Text::new(text).wrap());
        return weak(ui, tr!("Viewing, painting and saving work without it."));
    }
    let text = if matches!(model.engine, EngineStatus::Opening) {
        tr!("Opening the model ...").to_owned()
    } else if case.is_prompt_running() {
        tr!("Outlining the target ...").to_owned()
    } else if case.is_auto_running() {
        tr!("Looking for organs ...").to_owned()
    } else {
        super::tools::refusal(model, tool).unwrap_or_else(|| {
            let none = tr!("No proposal. Segment organs, or take the click or box tool");
            tool.kind.invitation().unwrap_or(none).to_owned()
        })
    };
    weak(ui, text);
    prompts(ui, case, out);
}

fn prompts(ui: &mut Ui, case: &Case, out: &mut Vec<UiRequest>) {
    let prompts = case.prompts();
    if prompts.is_empty() {
        return;
    }
    ui.horizontal(|ui| {
        let clicks = match prompts.clicks.len() {
            0 => None,
            1 => Some(tr!("1 click").to_owned()),
            n => Some(tr!("{n} clicks", n)),
        };
        let with_box = prompts.target_box.map(|_| tr!("a box").to_owned());
        let drawn = match prompts.drawings.len() {
            0 => None,
            1 => Some(match prompts.drawings[0].kind {
                DrawingKind::Scribble => tr!("a scribble").to_owned(),
                DrawingKind::Lasso => tr!("a lasso").to_owned(),
                DrawingKind::Diameter => tr!("a diameter").to_owned(),
            }),
            n => Some(tr!("{n} drawings", n)),
        };
        let parts = clicks.into_iter().chain(drawn).chain(with_box);
        ui.label(Vec::from_iter(parts).join(", "));
        let take_back = ui
            .small_button(tr!("Take back last"))
            .on_hover_text(tr!("Take back the prompt that was given last"));
        if take_back.clicked() {
            out.push(UiRequest::command(PromptCommand::RemoveLast));
        }
        let clear = ui
            .small_button(tr!("Clear prompts"))
            .on_hover_text(tr!("Drop all clicks, drawings and the box"));
        if clear.clicked() {
            out.push(UiRequest::command(PromptCommand::Clear));
        }
    });
}

/// The buttons, always there and always in the same place.
fn decision(ui: &mut Ui, case: &Case, out: &mut Vec<UiRequest>) {
    let several = case.gain().is_some_and(|g| g.structures.len() > 1);
    let (accept, reject) = if several {
        (tr!("Accept all"), tr!("Reject all"))
    } else {
        (tr!("Accept"), tr!("Reject"))
    };
    let stands = case.proposal().is_some();
    ui.add_enabled_ui(stands, |ui| {
        ui.horizontal(|ui| {
            let size = vec2(
                (ui.available_width() - ui.spacing().item_spacing.x) / 2.0,
                26.0,
            );
            let text = RichText::new(accept).strong();
            let button = match stands {
                true => Button::new(text.color(theme::ON_ACCENT)).fill(theme::GOOD),
                false => Button::new(text),
            };
            let keys = super::keys_text(ui, Action::Accept);
            let response = ui
                .add_sized(size, button)
                .on_hover_text(tr!("Write it into the labels  ({keys})", keys));
            if response.clicked() {
                out.push(UiRequest::Action(Action::Accept));
            }
            let keys = super::keys_text(ui, Action::Reject);
            let response = ui
                .add_sized(size, Button::new(reject))
                .on_hover_text(tr!("Drop it and its prompts  ({keys})", keys));
            if response.clicked() {
                out.push(UiRequest::Action(Action::Reject));
            }
        });
    });
}

/// Whether the voxels that the model is unsure of are shown, where it can tell them.
fn uncertainty(ui: &mut Ui, model: &UiModel<'_>, case: &Case, out: &mut Vec<UiRequest>) {
    let known = case.proposal().is_some_and(|p| p.certainty.is_some());
    let mut shown = model.session.display().uncertainty_shown;
    let response = ui
        .add_enabled(known, egui::Checkbox::new(&mut shown, tr!("Show uncertainty")))
        .on_hover_text(
            tr!("Marks in yellow where the model is unsure: look there first, and click or brush what is wrong"),
        )
        .on_disabled_hover_text(tr!("For a proposal of a model that can tell where it is unsure"));
    if response.changed() {
        out.push(UiRequest::command(ViewCommand::UncertaintyShown(shown)));
    }
}

fn take_from_others(ui: &mut Ui, model: &UiModel<'_>, out: &mut Vec<UiRequest>) {
    let mut on = model.session.tools().take_from_others;
    let response = ui
        .checkbox(&mut on, tr!("Overwrite labels"))
        .on_hover_text(tr!("Whether an accepted result takes voxels from other labels. Locked labels are never overwritten"));
    if response.changed() {
        out.push(UiRequest::command(ToolCommand::TakeFromOthers(on)));
    }
}
