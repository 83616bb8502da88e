//! How the scan is shown.

use egui::{ComboBox, DragValue, Slider, Ui};

use crate::geometry::Convention;
use crate::session::{Case, Interpolation, ScanSource, ViewCommand};
use crate::ui::input::Action;
use crate::ui::model::{UiModel, UiRequest};
use crate::ui::state::UiState;
use crate::ui::texts::{self, tr};
use crate::ui::tools::WIDTH_OF_WHOLE_NUMBERS;
use crate::volume::window::presets;
use crate::volume::{Modality, Window};

const MODALITIES: [Modality; 3] = [Modality::Ct, Modality::Mr, Modality::Pet];

/// Draws the section.
pub fn show(ui: &mut Ui, model: &UiModel<'_>, state: &mut UiState, out: &mut Vec<UiRequest>) {
    if let Some(case) = model.session.case() {
        window(ui, case, out);
        modality(ui, case, out);
        frame(ui, case, state, out);
    }
    overlay(ui, model, out);
}

fn window(ui: &mut Ui, case: &Case, out: &mut Vec<UiRequest>) {
    let current = case.window();
    let presets = presets(case.image().modality());
    ui.horizontal(|ui| {
        let name = presets
            .iter()
            .find(|(_, w)| *w == current)
            .map_or(tr!("Custom"), |(name, _)| texts::of(name));
        if !presets.is_empty() {
            ComboBox::from_id_salt("preset")
                .selected_text(name)
                .show_ui(ui, |ui| {
                    for (name, preset) in presets {
                        let text =
                            format!("{}  {}/{}", texts::of(name), preset.width, preset.level);
                        if ui.selectable_label(*preset == current, text).clicked() {
                            out.push(UiRequest::command(ViewCommand::Window(*preset)));
                        }
                    }
                })
                .response
                .accessible_name(tr!("Window preset"))
                .on_hover_text(tr!("Window preset: width/level"));
        }
        super::action_button(
            ui,
            true,
            Action::AutoWindow,
            tr!("Window from the values of this scan"),
            out,
        );
    });
    let mut changed = current;
    let speed = (current.width / 200.0).max(1e-6);
    let decimals = if current.width < WIDTH_OF_WHOLE_NUMBERS {
        2
    } else {
        0
    };
    ui.horizontal(|ui| {
        let width = ui.label(tr!("Width"));
        ui.add(
            DragValue::new(&mut changed.width)
                .speed(speed)
                .range(1e-6..=1e9)
                .max_decimals(decimals),
        )
        .labelled_by(width.id);
        let level = ui.label(tr!("Level"));
        ui.add(
            DragValue::new(&mut changed.level)
                .speed(speed)
                .max_decimals(decimals),
        )
        .labelled_by(level.id);
    });
    if changed != current {
        out.push(UiRequest::command(ViewCommand::Window(Window {
            ..changed
        })));
    }
}

fn modality(ui: &mut Ui, case: &Case, out: &mut Vec<UiRequest>) {
    let current = case.image().modality();
    ui.horizontal(|ui| {
        ui.label(tr!("Read as"));
        for modality in MODALITIES {
            let text = modality.name().to_uppercase();
            let response = ui.selectable_label(current == modality, text);
            if response.clicked() && current != modality {
                out.push(UiRequest::ChooseModality(modality));
            }
        }
        if case.info().modality_guessed {
            ui.weak(tr!("(guessed)"))
                .on_hover_text(tr!("The file does not say what kind of scan it is"));
        }
    });
}

fn frame(ui: &mut Ui, case: &Case, state: &mut UiState, out: &mut Vec<UiRequest>) {
    let frames = case.info().frames.unwrap_or(1);
    if frames < 2 {
        return back_to_volumes(ui, case, out);
    }
    ui.horizontal(|ui| {
        let label = ui.label(tr!("Frame"));
        let current = case.info().frame;
        let mut shown = state.frame.unwrap_or(current) + 1;
        let slider = Slider::new(&mut shown, 1..=frames).suffix(tr!(" of {frames}", frames));
        let response = ui.add(slider).labelled_by(label.id);
        if response.changed() {
            state.frame = Some(shown - 1);
        }
        // A frame is read from the file: only the one that the user stops at.
        if !response.dragged()
            && let Some(wanted) = state.frame.take()
            && wanted != current
        {
            out.push(UiRequest::ChooseFrame(wanted));
        }
        apart(ui, case, shown - 1);
    });
    let slice = case.cross_hair().0[2];
    let hint = tr!(
        "Opens all frames of slice {slice} as 2D+time: the third axis is time then",
        slice = slice + 1
    );
    if ui
        .button(tr!("Frames as third axis"))
        .on_hover_text(hint)
        .clicked()
    {
        out.push(UiRequest::FramesOfSlice(usize::try_from(slice).ok()));
    }
}

/// What the frame is by that frames are told apart by.
fn apart(ui: &mut Ui, case: &Case, frame: usize) {
    let Some(apart) = &case.info().frames_apart else {
        return;
    };
    let all = tr!("The frames are told apart by {by}", by = apart.by);
    match apart.of(frame) {
        Some(this) => ui.weak(this),
        None => ui.weak(tr!("by {by}", by = apart.by)),
    }
    .on_hover_text(all);
}

/// The way back from the frames of one slice of a 4D scan.
fn back_to_volumes(ui: &mut Ui, case: &Case, out: &mut Vec<UiRequest>) {
    if let ScanSource::File {
        frames_of_slice: Some(slice),
        ..
    } = case.source()
    {
        ui.horizontal(|ui| {
            ui.label(tr!("Frames of slice {slice}", slice = slice + 1));
            if ui.button(tr!("Back to volumes")).clicked() {
                out.push(UiRequest::FramesOfSlice(None));
            }
        });
    }
}

fn overlay(ui: &mut Ui, model: &UiModel<'_>, out: &mut Vec<UiRequest>) {
    let display = model.session.display();
    let mut shown = display.overlay_shown;
    let mut outline = display.overlay_outline;
    ui.horizontal(|ui| {
        if ui
            .checkbox(&mut shown, tr!("Labels"))
            .on_hover_text(tr!("Show labels (S)"))
            .changed()
        {
            out.push(UiRequest::command(ViewCommand::OverlayShown(shown)));
        }
        if ui
            .checkbox(&mut outline, tr!("Outline"))
            .on_hover_text(tr!("Draw outlines (O)"))
            .changed()
        {
            out.push(UiRequest::command(ViewCommand::OverlayOutline(outline)));
        }
        let mut opacity = display.overlay_opacity;
        let label = ui.label(tr!("Fill"));
        ui.spacing_mut().slider_width = 44.0;
        let slider = Slider::new(&mut opacity, 0.0..=1.0)
            .custom_formatter(|v, _| format!("{:.0} %", v * 100.0))
            .show_value(true);
        if ui.add(slider).labelled_by(label.id).changed() {
            out.push(UiRequest::command(ViewCommand::OverlayOpacity(opacity)));
        }
    });
    let mut smooth = display.interpolation == Interpolation::Linear;
    ui.horizontal(|ui| {
        if ui
            .checkbox(&mut smooth, tr!("Smooth"))
            .on_hover_text(tr!("Smooth between voxels (I)"))
            .changed()
        {
            let interpolation = match smooth {
                true => Interpolation::Linear,
                false => Interpolation::Nearest,
            };
            out.push(UiRequest::command(ViewCommand::Interpolation(
                interpolation,
            )));
        }
        for (convention, text, hint) in [
            (
                Convention::Radiological,
                tr!("Radiological"),
                tr!("The patient's left on the right"),
            ),
            (
                Convention::Neurological,
                tr!("Neurological"),
                tr!("The patient's left on the left"),
            ),
        ] {
            let response = ui
                .selectable_label(display.convention == convention, text)
                .on_hover_text(hint);
            if response.clicked() {
                out.push(UiRequest::command(ViewCommand::Convention(convention)));
            }
        }
    });
}
