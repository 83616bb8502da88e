//! The status bar: what is under the pointer, what is under way, where it computes.

use std::time::Duration;

use egui::{Align, Layout, ProgressBar, RichText, Ui};

use super::model::{EngineStatus, Job, UiModel, UiRequest};
use super::state::UiState;
use super::theme;
use crate::ui::texts::{self, tr};

/// Jobs shorter than this are not shown: they would only flicker.
const SHOWN_AFTER: Duration = Duration::from_millis(100);

/// Draws the status bar.
pub fn show(ui: &mut Ui, model: &UiModel<'_>, state: &UiState, out: &mut Vec<UiRequest>) {
    ui.horizontal_centered(|ui| {
        ui.monospace(readout(model, state));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            device(ui, model);
            for job in model.jobs {
                match SHOWN_AFTER.checked_sub(job.since.elapsed()) {
                    Some(left) if !left.is_zero() => ui.ctx().request_repaint_after(left),
                    _ => job_ui(ui, job, out),
                }
            }
        });
    });
}

/// Voxel, position, value and label under the pointer, else at the cross-hair.
fn readout(model: &UiModel<'_>, state: &UiState) -> String {
    let Some(case) = model.session.case() else {
        return tr!("No scan is open: File > Open, or drop a file here").to_owned();
    };
    let voxel = match state.hovered {
        Some(voxel) => voxel,
        None => case.cross_hair(),
    };
    case.readout(voxel)
        .map_or_else(String::new, |readout| readout.to_string())
}

fn device(ui: &mut Ui, model: &UiModel<'_>) {
    let (text, hint) = match model.engine {
        EngineStatus::Opening => (tr!("Model: opening").to_owned(), String::new()),
        EngineStatus::Ready { card, device } => (
            tr!(
                "Model: {id} on {kind}",
                id = card.id,
                kind = device.kind.to_uppercase()
            ),
            tr!(
                "{title} computes on {name}",
                title = card.title,
                name = device.name
            ),
        ),
        EngineStatus::Off => (
            tr!("No model").to_owned(),
            tr!("Review only, without a model").to_owned(),
        ),
        EngineStatus::Failed { message } => (tr!("No model").to_owned(), texts::worded(message)),
    };
    let color = match model.engine {
        EngineStatus::Failed { .. } => theme::of(ui.ctx()).warning,
        _ => theme::of(ui.ctx()).text_weak,
    };
    let drawing = model.drawing_on.map_or_else(String::new, |name| {
        tr!("\nThe views are drawn by {name}", name)
    });
    ui.label(RichText::new(text).color(color))
        .on_hover_text(format!("{hint}{drawing}").trim());
    ui.separator();
    ui.label(RichText::new(tr!("Not for clinical use")).color(theme::of(ui.ctx()).text_weak));
}

fn job_ui(ui: &mut Ui, job: &Job, out: &mut Vec<UiRequest>) {
    ui.separator();
    if job.cancellable
        && ui
            .small_button(tr!("Cancel"))
            .accessible_name(tr!("Cancel: {title}", title = job.title))
            .clicked()
    {
        out.push(UiRequest::CancelJob(job.number));
    }
    match job.fraction {
        Some(fraction) => {
            let percent = format!("{:.0} %", fraction * 100.0);
            ui.add(
                ProgressBar::new(fraction)
                    .desired_width(110.0)
                    .text(percent),
            );
        }
        // Nothing that turns: a picture that changes all the time costs the model its time where there is no GPU.
        None => {
            ui.weak("...");
        }
    }
    let text = match job.stage.as_str() {
        "" => job.title.clone(),
        stage => format!("{}: {}", job.title, texts::worded(stage)),
    };
    ui.label(text);
}
