//! The menu bar.

use std::path::PathBuf;

use egui::{Align, Button, MenuBar, RichText, ThemePreference, Ui};

use super::input::{Action, MouseProfile};
use super::key_profiles::ProfileId;
use super::layout::LAYOUTS;
use super::model::{EngineStatus, UiModel, UiRequest};
use super::panel::{action_button, refusal};
use super::state::UiState;
use super::theme;
use super::tools::{TOOLS, Tool};
use crate::session::operations::OPERATIONS;
use crate::session::{Case, ScanSource, ToolCommand, ViewCommand};
use crate::ui::texts::{self, LanguageId, tr};
use crate::volume::window::presets as presets_of;

/// Draws the menu bar.
pub fn show(ui: &mut Ui, model: &UiModel<'_>, state: &mut UiState, out: &mut Vec<UiRequest>) {
    // Keys change it as well.
    state.scale = ui.ctx().zoom_factor();
    MenuBar::new().ui(ui, |ui| {
        ui.menu_button(tr!("File"), |ui| file(ui, model, out));
        ui.menu_button(tr!("Edit"), |ui| edit(ui, model, out));
        ui.menu_button(tr!("View"), |ui| view(ui, model, state, out));
        ui.menu_button(tr!("Help"), |ui| {
            entry(ui, true, Action::ShowPalette, out);
            entry(ui, true, Action::ShowShortcuts, out);
            entry(ui, true, Action::ShowAbout, out);
        });
        ui.separator();
        ui.with_layout(egui::Layout::right_to_left(Align::Center), |ui| {
            back_and_forth(ui, model, out);
            if let Some(case) = model.session.case() {
                ui.with_layout(egui::Layout::left_to_right(Align::Center), |ui| {
                    let text = RichText::new(title(case)).color(theme::of(ui.ctx()).text_weak);
                    ui.add(egui::Label::new(text).truncate());
                });
            }
        });
    });
}

/// Undo and redo, at the right end of the bar.
fn back_and_forth(ui: &mut Ui, model: &UiModel<'_>, out: &mut Vec<UiRequest>) {
    let history = model.session.case().map(Case::history);
    let undo = history.and_then(|h| h.undo_name()).map(texts::worded);
    let redo = history.and_then(|h| h.redo_name()).map(texts::worded);
    for (action, step) in [(Action::Redo, redo), (Action::Undo, undo)] {
        let hint = step.as_deref().unwrap_or_default();
        action_button(ui, step.is_some(), action, hint, out);
    }
}

/// The scan and its size; a star when there is unsaved work.
fn title(case: &Case) -> String {
    let [ni, nj, nk] = case.grid().dims;
    let [si, sj, sk] = case.grid().spacing_mm();
    let modality = case.image().modality().name().to_uppercase();
    let star = if case.is_dirty() { " *" } else { "" };
    let name = case.title();
    let Some(time) = case.info().time else {
        let of_scan = match case.is_on_scan_grid() {
            true => String::new(),
            false => {
                let [si, sj, sk] = case.scan_image().grid().spacing_mm();
                tr!(
                    ", of a scan of {si} x {sj} x {sk} mm",
                    si = format_args!("{si:.2}"),
                    sj = format_args!("{sj:.2}"),
                    sk = format_args!("{sk:.2}")
                )
            }
        };
        return tr!(
            "{name}{star}    {modality}  {ni} x {nj} x {nk} voxels  {si} x {sj} x {sk} mm{of_scan}",
            name,
            star,
            modality,
            ni,
            nj,
            nk,
            si = format_args!("{si:.2}"),
            sj = format_args!("{sj:.2}"),
            sk = format_args!("{sk:.2}"),
            of_scan
        );
    };
    let scale = if time.has_scale {
        format!("  {si:.2} x {sj:.2} mm")
    } else {
        String::new()
    };
    let apart = time
        .frame_ms
        .map(|ms| tr!("  {ms} ms apart", ms = format_args!("{ms:.1}")));
    tr!(
        "{name}{star}    2D+time  {ni} x {nj} pixels{scale}  {nk} frames{apart}",
        name,
        star,
        ni,
        nj,
        scale,
        nk,
        apart = apart.unwrap_or_default()
    )
}

fn file(ui: &mut Ui, model: &UiModel<'_>, out: &mut Vec<UiRequest>) {
    let open = model.session.case().is_some();
    entry(ui, true, Action::OpenFile, out);
    entry(ui, true, Action::OpenFolder, out);
    entry(ui, true, Action::OpenByPath, out);
    entry(ui, true, Action::ShowArchives, out);
    entry(ui, true, Action::OpenSample, out);
    entry(ui, true, Action::OpenProject, out);
    entry(ui, true, Action::ImportModel, out);
    let several = model.session.case().is_some_and(has_other_series);
    entry(ui, several, Action::ChooseSeries, out);
    ui.menu_button(tr!("Recent"), |ui| recent(ui, model.recent, out));
    ui.separator();
    let has_second = model.session.case().is_some_and(|c| c.second().is_some());
    entry(ui, open, Action::OpenSecond, out);
    entry(ui, has_second, Action::CloseSecond, out);
    ui.separator();
    entry(ui, open, Action::OpenLabels, out);
    entry(ui, open, Action::CompareLabels, out);
    entry(ui, open, Action::Save, out);
    entry(ui, open, Action::SaveAs, out);
    let on_own_grid = model.session.case().is_some_and(|c| !c.is_on_scan_grid());
    entry(ui, on_own_grid, Action::SaveOnScanGrid, out);
    entry(ui, open, Action::ReadLabelTable, out);
    entry(ui, open, Action::WriteLabelTable, out);
    ui.menu_button(tr!("Older versions when saving"), |ui| {
        older_copies(ui, model, out);
    });
    ui.separator();
    entry(ui, true, Action::Quit, out);
}

/// An entry for each of some tools.
pub(super) fn tools(ui: &mut Ui, model: &UiModel<'_>, tools: &[Tool], out: &mut Vec<UiRequest>) {
    for tool in tools {
        let action = Action::Tool(tool.id);
        let is_chosen = model.session.tools().tool == tool.id;
        let button = with_keys(
            ui,
            Button::selectable(is_chosen, texts::of(tool.title)),
            action,
        );
        let refusal = refusal(model, tool);
        let enabled = model.session.case().is_some() && refusal.is_none();
        let response = ui
            .add_enabled(enabled, button)
            .on_hover_text(texts::of(tool.hint))
            .on_disabled_hover_text(refusal.unwrap_or_default());
        if response.clicked() {
            out.push(UiRequest::Action(action));
            ui.close();
        }
    }
}

/// How many versions of a file that is saved over stay beside it.
fn older_copies(ui: &mut Ui, model: &UiModel<'_>, out: &mut Vec<UiRequest>) {
    for most in OLDER_COPIES {
        let text = match most {
            0 => tr!("Keep none").to_owned(),
            1 => tr!("Keep the last one").to_owned(),
            _ => tr!("Keep the last {most}", most),
        };
        if ui.radio(model.older_copies == most, text).clicked() {
            out.push(UiRequest::KeepOlderCopies(most));
            ui.close();
        }
    }
}

/// The numbers offered; the settings file takes others too.
const OLDER_COPIES: [usize; 4] = [0, 1, 3, 10];

/// Whether the file or folder of the scan has more than one series.
fn has_other_series(case: &Case) -> bool {
    matches!(case.source(), ScanSource::File { .. }) && case.info().series.len() > 1
}

fn recent(ui: &mut Ui, paths: &[PathBuf], out: &mut Vec<UiRequest>) {
    if paths.is_empty() {
        ui.weak(tr!("None yet"));
    }
    for path in paths {
        let text = path.display().to_string();
        if ui.button(shortened(&text)).on_hover_text(&text).clicked() {
            out.push(UiRequest::OpenRecent(path.clone()));
            ui.close();
        }
    }
}

/// The end of a path: that is where paths differ.
fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    let count = text.chars().count();
    if count <= MOST {
        return text.to_owned();
    }
    let end: String = text.chars().skip(count - MOST).collect();
    format!("...{end}")
}

fn edit(ui: &mut Ui, model: &UiModel<'_>, out: &mut Vec<UiRequest>) {
    let case = model.session.case();
    let history = case.map(Case::history);
    let undo = history.and_then(|h| h.undo_name());
    let redo = history.and_then(|h| h.redo_name());
    named_entry(ui, undo, Action::Undo, out);
    named_entry(ui, redo, Action::Redo, out);
    ui.separator();
    ui.menu_button(tr!("Tool"), |ui| tools(ui, model, TOOLS, out));
    ui.separator();
    let proposed = case.is_some_and(|c| c.proposal().is_some());
    let automatic = model.engine.card().is_some_and(|card| card.automatic);
    entry(ui, case.is_some() && automatic, Action::SegmentOrgans, out);
    entry(ui, proposed, Action::Accept, out);
    entry(ui, proposed, Action::Reject, out);
    entry(ui, proposed, Action::GoToDoubt, out);
    let prompts = case.is_some_and(|c| !c.prompts().is_empty());
    entry(ui, prompts, Action::AskModel, out);
    entry(ui, true, Action::ShowTeaching, out);
    let mut by_hand = model.session.tools().asks_by_hand;
    let hint = tr!("Give several prompts first, then ask with Ctrl+Enter");
    let waits = ui.checkbox(&mut by_hand, tr!("Prompts wait until the model is asked"));
    if waits.on_hover_text(hint).changed() {
        out.push(UiRequest::command(ToolCommand::AskByHand(by_hand)));
    }
    entry(ui, case.is_some(), Action::ToggleClickPreview, out);
    review_only(ui, model, out);
    ui.separator();
    entry(ui, case.is_some(), Action::NextLesion, out);
    entry(ui, case.is_some(), Action::NewLayer, out);
    let is_on_scan_grid = case.is_none_or(Case::is_on_scan_grid);
    entry(ui, case.is_some(), Action::EditOnFinerGrid, out);
    entry(ui, !is_on_scan_grid, Action::EditOnScanGrid, out);
    let editable = case.and_then(Case::active).is_some_and(|l| !l.locked);
    ui.menu_button(tr!("Operations"), |ui| {
        for operation in OPERATIONS {
            let action = Action::Operation(operation);
            match operation.needs_only_a_label() {
                true => entry(ui, editable, action, out),
                false => named(
                    ui,
                    case.is_some(),
                    action,
                    format!("{}...", texts::of(operation.title)),
                    out,
                ),
            }
        }
    });
    ui.separator();
    ui.menu_button(tr!("Memory for undo"), |ui| undo_memory(ui, model, out));
}

/// Whether the program does without a model.
fn review_only(ui: &mut Ui, model: &UiModel<'_>, out: &mut Vec<UiRequest>) {
    let mut is_on = matches!(model.engine, EngineStatus::Off);
    let hint = tr!("Opens no model: for reading and drawing by hand on small computers");
    let ticked = ui.checkbox(&mut is_on, tr!("Review only, without a model"));
    if ticked.on_hover_text(hint).changed() {
        out.push(UiRequest::ReviewOnly(is_on));
        ui.close();
    }
}

/// How much of the history stays in memory; all of it is on disk.
fn undo_memory(ui: &mut Ui, model: &UiModel<'_>, out: &mut Vec<UiRequest>) {
    for mib in UNDO_MEMORY_MIB {
        let chosen = model.session.history_budget_bytes() == mib << 20;
        if ui.radio(chosen, format!("{mib} MB")).clicked() {
            out.push(UiRequest::command(ToolCommand::HistoryBudget(mib << 20)));
            ui.close();
        }
    }
}

/// The sizes offered, in MiB; the settings file takes others too.
const UNDO_MEMORY_MIB: [usize; 6] = [64, 128, 256, 512, 1024, 4096];

fn view(ui: &mut Ui, model: &UiModel<'_>, state: &mut UiState, out: &mut Vec<UiRequest>) {
    let open = model.session.case().is_some();
    for layout in LAYOUTS {
        let action = Action::Layout(layout.id);
        let button =
            Button::selectable(state.workspace.has_layout(layout), texts::of(layout.title));
        if ui.add(with_keys(ui, button, action)).clicked() {
            out.push(UiRequest::Action(action));
            ui.close();
        }
    }
    ui.separator();
    for action in [
        Action::MaximiseView,
        Action::NextSlab,
        Action::FitViews,
        Action::StraightPlanes,
        Action::AutoWindow,
        Action::ToggleInverted,
        Action::ToggleLabels,
        Action::ToggleOutline,
        Action::ToggleInterpolation,
        Action::ToggleConvention,
    ] {
        entry(ui, open, action, out);
    }
    ui.menu_button(tr!("Window preset"), |ui| window_presets(ui, model, out));
    ui.checkbox(&mut state.show_cross_hair, tr!("Cross-hair lines"));
    let mut texts = !state.hide_texts;
    if ui.checkbox(&mut texts, tr!("Texts in the views")).changed() {
        state.hide_texts = !texts;
    }
    ui.checkbox(&mut state.show_side_panel, tr!("Side panel"));
    ui.separator();
    ui.menu_button(tr!("Keys as in"), |ui| {
        for id in ProfileId::all() {
            let profile = id.profile();
            if ui
                .radio(state.keys == id, texts::of(profile.title))
                .clicked()
            {
                state.keys = id;
                state.mouse = profile.mouse;
                ui.close();
            }
        }
    });
    for (profile, text) in [
        (MouseProfile::Research, tr!("Right mouse button zooms")),
        (
            MouseProfile::Pacs,
            tr!("Right mouse button sets the window (PACS)"),
        ),
    ] {
        ui.radio_value(&mut state.mouse, profile, text);
    }
    ui.separator();
    ui.menu_button(tr!("Theme"), |ui| themes(ui, state));
    ui.menu_button(tr!("Language"), |ui| languages(ui, state));
    ui.menu_button(tr!("Size of text and buttons"), |ui| {
        for percent in SCALES_PERCENT {
            let scale = percent as f32 / 100.0;
            let chosen = (state.scale - scale).abs() < 0.005;
            if ui.radio(chosen, format!("{percent} %")).clicked() {
                ui.ctx().set_zoom_factor(scale);
                ui.close();
            }
        }
    });
}

/// How bright the panels are; the views stay black.
fn themes(ui: &mut Ui, state: &mut UiState) {
    for (theme, text) in [
        (ThemePreference::Dark, tr!("Dark")),
        (ThemePreference::Light, tr!("Light")),
        (ThemePreference::System, tr!("As the system says")),
    ] {
        if ui.radio_value(&mut state.theme, theme, text).clicked() {
            ui.close();
        }
    }
}

/// The languages of the window, each as it calls itself.
fn languages(ui: &mut Ui, state: &mut UiState) {
    let system = tr!("As the system says");
    let named = LanguageId::all().map(|id| (Some(id), id.title()));
    for (language, title) in [(None, system)].into_iter().chain(named) {
        if ui.radio(state.language == language, title).clicked() {
            state.language = language;
            ui.close();
        }
    }
}

/// The presets of the scan's modality, with their keys.
fn window_presets(ui: &mut Ui, model: &UiModel<'_>, out: &mut Vec<UiRequest>) {
    let presets = model.session.case();
    let presets = presets.map_or(&[][..], |case| presets_of(case.image().modality()));
    if presets.is_empty() {
        ui.weak(tr!("None for this kind of scan"));
    }
    for (n, (name, window)) in presets.iter().enumerate() {
        let text = format!("{}  {}/{}", texts::of(name), window.width, window.level);
        let button = with_keys(ui, Button::new(text), Action::WindowPreset(n));
        if ui.add(button).clicked() {
            out.push(UiRequest::command(ViewCommand::Window(*window)));
            ui.close();
        }
    }
}

/// The sizes offered, in percent of what the system says; keys give those between.
const SCALES_PERCENT: [u16; 8] = [75, 90, 100, 110, 125, 150, 175, 200];

fn entry(ui: &mut Ui, enabled: bool, action: Action, out: &mut Vec<UiRequest>) {
    named(ui, enabled, action, action.text().to_owned(), out);
}

fn named_entry(ui: &mut Ui, step: Option<&str>, action: Action, out: &mut Vec<UiRequest>) {
    let text = match step {
        Some(step) => format!("{}: {}", action.text(), texts::worded(step)),
        None => action.text().to_owned(),
    };
    named(ui, step.is_some(), action, text, out);
}

fn named(ui: &mut Ui, enabled: bool, action: Action, text: String, out: &mut Vec<UiRequest>) {
    let button = with_keys(ui, Button::new(text), action);
    if ui.add_enabled(enabled, button).clicked() {
        out.push(UiRequest::Action(action));
        ui.close();
    }
}

/// The button of an entry, with the action's keys at its right end.
pub(super) fn with_keys<'a>(ui: &Ui, button: Button<'a>, action: Action) -> Button<'a> {
    match ProfileId::of(ui.ctx()).keys(action).first() {
        Some(keys) => button.shortcut_text(ui.ctx().format_shortcut(keys)),
        None => button,
    }
}
