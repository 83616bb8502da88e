//! The model: organs without a prompt, the target of clicks and box, and the decision about a proposal.

use egui::{Button, ComboBox, RichText, Ui, vec2};

use crate::models::ModelCard;
use crate::session::{Case, PromptCommand, Proposal, Proposed, Tool, ToolCommand, ViewCommand};
use crate::ui::input::Action;
use crate::ui::model::{EngineStatus, UiModel, UiRequest};
use crate::ui::theme;
use crate::volume::Modality;

/// Draws the section.
pub fn show(ui: &mut Ui, model: &UiModel<'_>, out: &mut Vec<UiRequest>) {
    model_choice(ui, model, out);
    engine_line(ui, model.engine);
    let case = model.session.case();
    let automatic = model.engine.card().is_some_and(|card| card.automatic);
    let idle = case.is_some_and(|c| !c.is_auto_running());
    let button = Button::new(RichText::new(Action::SegmentOrgans.text()).strong());
    let modality = case.map(|c| c.image().modality());
    let hint = model.engine.card().map_or_else(String::new, |card| {
        format!(
            "Finds without a prompt: {}  ({})",
            structures_text(card, modality),
            super::keys_text(ui, Action::SegmentOrgans)
        )
    });
    ui.add_enabled_ui(automatic && idle, |ui| {
        let size = vec2(ui.available_width(), 30.0);
        if ui.add_sized(size, button).on_hover_text(hint).clicked() {
            out.push(UiRequest::Action(Action::SegmentOrgans));
        }
    });
    let Some(case) = case else {
        return;
    };
    running(ui, case);
    prompts(ui, case, out);
    match case.proposal() {
        Some(proposal) => {
            decision(ui, case, proposal, out);
            uncertainty(ui, model, proposal, out);
            refining(ui, model, proposal);
        }
        None => hint_for(ui, model),
    }
    take_from_others(ui, model, out);
}

/// What the model is doing; how far it is and how to stop it is in the status bar.
fn running(ui: &mut Ui, case: &Case) {
    let text = if case.is_prompt_running() {
        "Outlining the target"
    } else if case.is_auto_running() {
        "Looking for organs"
    } else {
        return;
    };
    ui.label(text);
}

/// The list of models, where there is a choice.
fn model_choice(ui: &mut Ui, model: &UiModel<'_>, out: &mut Vec<UiRequest>) {
    if model.models.len() < 2 {
        return;
    }
    let current = model.engine.card();
    let title = current.map_or("Model", |card| card.title.as_str());
    ComboBox::from_id_salt("model")
        .selected_text(title)
        .width(ui.available_width())
        .show_ui(ui, |ui| {
            for card in model.models {
                let chosen = current.is_some_and(|c| c.id == card.id);
                let hint = format!("{} Takes: {}", card.description, card.takes());
                let response = ui.selectable_label(chosen, &card.title).on_hover_text(hint);
                if response.clicked() && !chosen {
                    out.push(UiRequest::ChooseModel(card.id.clone()));
                }
            }
        });
}

fn engine_line(ui: &mut Ui, engine: &EngineStatus) {
    match engine {
        EngineStatus::Opening => {
            ui.label("Opening the model");
        }
        EngineStatus::Ready { card, device } => {
            ui.label(
                RichText::new(format!("{} on {}", card.title, device.name)).color(theme::TEXT_WEAK),
            )
            .on_hover_text(&card.description);
        }
        EngineStatus::Failed { message } => {
            ui.label(RichText::new(format!("No model: {message}")).color(theme::WARNING));
            ui.label("Viewing, painting and saving work without it.");
        }
    }
}

/// The structures that the model knows in scans of this modality.
fn structures_text(card: &ModelCard, modality: Option<Modality>) -> String {
    let names: Vec<String> = card
        .structures
        .iter()
        .filter(|s| modality.is_none_or(|m| s.is_known_in(m)))
        .map(|s| s.name.replace('_', " "))
        .collect();
    match (names.is_empty(), modality) {
        (true, Some(m)) => format!("nothing in {}", m.name().to_uppercase()),
        _ => names.join(", "),
    }
}

fn prompts(ui: &mut Ui, case: &Case, out: &mut Vec<UiRequest>) {
    let prompts = case.prompts();
    if prompts.is_empty() {
        return;
    }
    ui.horizontal(|ui| {
        let clicks = match prompts.clicks.len() {
            0 => None,
            1 => Some("1 click".to_owned()),
            n => Some(format!("{n} clicks")),
        };
        let with_box = prompts.target_box.map(|_| "a box".to_owned());
        let parts: Vec<String> = clicks.into_iter().chain(with_box).collect();
        ui.label(parts.join(" and "));
        if ui
            .small_button("Take back last")
            .on_hover_text("Take back the last click or the box")
            .clicked()
        {
            out.push(UiRequest::command(PromptCommand::RemoveLast));
        }
        if ui
            .small_button("Clear prompts")
            .on_hover_text("Drop all clicks and the box")
            .clicked()
        {
            out.push(UiRequest::command(PromptCommand::Clear));
        }
    });
}

fn decision(ui: &mut Ui, case: &Case, proposal: &Proposal, out: &mut Vec<UiRequest>) {
    let what = match &proposal.content {
        Proposed::Target { label, .. } => case
            .table()
            .get(*label)
            .map_or_else(|| "target".to_owned(), |l| l.name.clone()),
        Proposed::Structures { table, .. } => match table.labels().len() {
            1 => "1 structure".to_owned(),
            n => format!("{n} structures"),
        },
    };
    ui.label(
        RichText::new(format!(
            "Proposal: {what}, {}",
            case.size_text(proposal.voxels())
        ))
        .strong()
        .color(theme::ACCENT_BRIGHT),
    );
    if let Some(estimate) = proposal.estimate {
        let dice = estimate.dice();
        let text = match estimate.iou() {
            Some(iou) => format!("Predicted IoU {iou:.2} (a Dice of {dice:.2})"),
            None => format!("The model expects a Dice of {dice:.2}"),
        };
        ui.label(text)
            .on_hover_text("The model's own estimate of how well this fits; not a measurement");
    }
    ui.horizontal(|ui| {
        let accept = Button::new(RichText::new("Accept").strong())
            .fill(theme::GOOD)
            .min_size(vec2(92.0, 26.0));
        let keys = super::keys_text(ui, Action::Accept);
        let response = ui
            .add(accept)
            .on_hover_text(format!("Write it into the labels  ({keys})"));
        if response.clicked() {
            out.push(UiRequest::Action(Action::Accept));
        }
        let keys = super::keys_text(ui, Action::Reject);
        let response = ui
            .add(Button::new("Reject").min_size(vec2(80.0, 26.0)))
            .on_hover_text(format!("Drop it and its prompts  ({keys})"));
        if response.clicked() {
            out.push(UiRequest::Action(Action::Reject));
        }
    });
}

/// Whether the voxels that the model is unsure of are shown, where it can tell them.
fn uncertainty(ui: &mut Ui, model: &UiModel<'_>, proposal: &Proposal, out: &mut Vec<UiRequest>) {
    if proposal.certainty.is_none() {
        return;
    }
    let mut shown = model.session.display().uncertainty_shown;
    let response = ui.checkbox(&mut shown, "Show uncertainty").on_hover_text(
        "Marks in yellow where the model is unsure: look there first, and click or brush what is wrong",
    );
    if response.changed() {
        out.push(UiRequest::command(ViewCommand::UncertaintyShown(shown)));
    }
}

/// How a target is changed with the prompts that the model takes.
fn refining(ui: &mut Ui, model: &UiModel<'_>, proposal: &Proposal) {
    if !matches!(proposal.content, Proposed::Target { .. }) {
        return;
    }
    let takes_clicks = model.engine.card().is_none_or(|card| card.clicks);
    let text = if takes_clicks {
        "To refine: click what is missing, Shift + click what is too much"
    } else {
        "To change it: pull the handles of the box, or correct it with the brush"
    };
    ui.label(RichText::new(text).color(theme::TEXT_WEAK));
}

fn hint_for(ui: &mut Ui, model: &UiModel<'_>) {
    let tool = model.session.tools().tool;
    let text = match (tool, super::tools::refusal(model, tool)) {
        (_, Some(refusal)) => refusal,
        (Tool::Click, None) => "Click on a lesion or structure to outline it".to_owned(),
        (Tool::Box, None) => "Drag a box around a lesion or structure".to_owned(),
        _ => return,
    };
    ui.label(RichText::new(text).color(theme::TEXT_WEAK));
}

fn take_from_others(ui: &mut Ui, model: &UiModel<'_>, out: &mut Vec<UiRequest>) {
    let mut on = model.session.tools().take_from_others;
    let response = ui
        .checkbox(&mut on, "Results may overwrite other labels")
        .on_hover_text("Off: accepting takes background only. Locked labels are never overwritten");
    if response.changed() {
        out.push(UiRequest::command(ToolCommand::TakeFromOthers(on)));
    }
}
