//! The second image: how it is shown, and where it lies.

use egui::{ComboBox, DragValue, Slider, Ui};

use crate::session::{SecondCommand, SecondImage};
use crate::ui::input::Action;
use crate::ui::model::UiRequest;
use crate::ui::texts::{self, tr};
use crate::volume::ColourMap;
use crate::volume::window::{auto_window, presets};

/// Draws the section.
pub fn show(ui: &mut Ui, second: &SecondImage, out: &mut Vec<UiRequest>) {
    ui.label(second.title());
    colours(ui, second, out);
    window(ui, second, out);
    place(ui, second, out);
}

fn colours(ui: &mut Ui, second: &SecondImage, out: &mut Vec<UiRequest>) {
    ui.horizontal(|ui| {
        ComboBox::from_id_salt("second colours")
            .selected_text(texts::of(second.colours().name()))
            .show_ui(ui, |ui| {
                for map in ColourMap::ALL {
                    if ui
                        .selectable_label(map == second.colours(), texts::of(map.name()))
                        .clicked()
                    {
                        out.push(UiRequest::command(SecondCommand::Colours(map)));
                    }
                }
            })
            .response
            .accessible_name(tr!("Colours of the second image"));
        let mut opacity = second.opacity();
        ui.spacing_mut().slider_width = 60.0;
        let slider = Slider::new(&mut opacity, 0.0..=1.0)
            .custom_formatter(|v, _| format!("{:.0} %", v * 100.0));
        let label = ui.label(tr!("Hides"));
        if ui.add(slider).labelled_by(label.id).changed() {
            out.push(UiRequest::command(SecondCommand::Opacity(opacity)));
        }
    });
}

fn window(ui: &mut Ui, second: &SecondImage, out: &mut Vec<UiRequest>) {
    let current = second.window();
    let mut changed = current;
    // As many digits as tell a thousandth of the window apart.
    let digits = (3.0 - current.width.log10()).ceil().clamp(0.0, 9.0) as usize;
    ui.horizontal(|ui| {
        let speed = (current.width / 200.0).max(1e-6);
        let width = ui.label(tr!("Width"));
        let range = 1e-6..=1e9;
        let field = DragValue::new(&mut changed.width);
        ui.add(field.speed(speed).range(range).max_decimals(digits))
            .labelled_by(width.id);
        let level = ui.label(tr!("Level"));
        let field = DragValue::new(&mut changed.level);
        ui.add(field.speed(speed).max_decimals(digits))
            .labelled_by(level.id);
        let presets = presets(second.image().modality());
        ui.menu_button(tr!("Preset"), |ui| {
            if ui.button(tr!("Automatic")).clicked() {
                changed = auto_window(second.image());
                ui.close();
            }
            for (name, preset) in presets {
                if ui.button(texts::of(name)).clicked() {
                    changed = *preset;
                    ui.close();
                }
            }
        });
    });
    if changed != current {
        out.push(UiRequest::command(SecondCommand::Window(changed)));
    }
}

/// Steps of a press, in mm and degrees.
const STEP_MM: f64 = 1.0;
const STEP_DEG: f64 = 1.0;

/// The directions of moves: letters of both ends of each axis of RAS.
const ENDS: [[&str; 2]; 3] = [["R", "L"], ["A", "P"], ["S", "I"]];

fn place(ui: &mut Ui, second: &SecondImage, out: &mut Vec<UiRequest>) {
    let map = second.first_from_second();
    let [x, y, z] = map.shift_at(second.image().grid().middle()).to_array();
    ui.label(tr!(
        "Moved by {x}, {y}, {z} mm (R, A, S), turned by {angle_deg}\u{b0}",
        x = format_args!("{x:.1}"),
        y = format_args!("{y:.1}"),
        z = format_args!("{z:.1}"),
        angle_deg = format_args!("{:.1}", map.angle_deg())
    ))
    .on_hover_text(tr!(
        "Where the middle of the second image lies against what its file says; no voxel is changed"
    ));
    ui.horizontal(|ui| moves(ui, out));
    ui.horizontal(|ui| turns(ui, out));
    ui.horizontal(|ui| steps(ui, second, out));
    ui.horizontal_wrapped(|ui| actions(ui, out));
}

/// A button that moves the image by millimetres and turns it by degrees.
fn nudge(
    ui: &mut Ui,
    name: &str,
    hint: String,
    [shift_mm, turn_deg]: [[f64; 3]; 2],
    out: &mut Vec<UiRequest>,
) {
    if ui.small_button(name).on_hover_text(hint).clicked() {
        out.push(UiRequest::command(SecondCommand::Nudge {
            shift_mm,
            turn_deg,
        }));
    }
}

fn along(axis: usize, length: f64) -> [f64; 3] {
    std::array::from_fn(|d| if d == axis { length } else { 0.0 })
}

fn moves(ui: &mut Ui, out: &mut Vec<UiRequest>) {
    ui.label(tr!("Move"));
    for (axis, ends) in ENDS.iter().enumerate() {
        for (end, sign) in ends.iter().zip([1.0, -1.0]) {
            let hint = tr!("{step_mm} mm towards {end}", step_mm = STEP_MM, end);
            nudge(ui, end, hint, [along(axis, sign * STEP_MM), [0.0; 3]], out);
        }
    }
}

fn turns(ui: &mut Ui, out: &mut Vec<UiRequest>) {
    ui.label(tr!("Turn"));
    for (axis, [end, _]) in ENDS.iter().enumerate() {
        for (sign, text) in [(1.0, "+"), (-1.0, "-")] {
            let hint = tr!(
                "{text}{step_deg} degree about the axis to {end}, at the cross-hair",
                text,
                step_deg = STEP_DEG,
                end
            );
            let name = format!("{end}{text}");
            nudge(
                ui,
                &name,
                hint,
                [[0.0; 3], along(axis, sign * STEP_DEG)],
                out,
            );
        }
    }
}

/// Its own undo and redo.
fn steps(ui: &mut Ui, second: &SecondImage, out: &mut Vec<UiRequest>) {
    for (text, name, command) in [
        (tr!("Undo move"), second.undo_name(), SecondCommand::Undo),
        (tr!("Redo move"), second.redo_name(), SecondCommand::Redo),
    ] {
        let button = ui.add_enabled(name.is_some(), egui::Button::new(text));
        let hint = texts::worded(name.unwrap_or_default());
        if button.on_hover_text(hint).clicked() {
            out.push(UiRequest::command(command));
        }
    }
}

fn actions(ui: &mut Ui, out: &mut Vec<UiRequest>) {
    for (action, hint) in [
        (
            Action::RegisterSecond,
            tr!("Finds where it fits best, within 20 mm and 10 degrees of where it is"),
        ),
        (
            Action::OpenTransform,
            tr!("Lays it where an ITK text file says"),
        ),
        (
            Action::SaveTransform,
            tr!("Writes where it lies as an ITK text file"),
        ),
        (Action::CloseSecond, tr!("Takes the second image away")),
    ] {
        super::action_button(ui, true, action, hint, out);
    }
}
