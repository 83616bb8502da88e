//! The second image: how it is shown, and where it lies.

use egui::{ComboBox, DragValue, Slider, Ui};

use crate::session::{SecondCommand, SecondImage};
use crate::ui::input::Action;
use crate::ui::model::UiRequest;
use crate::ui::texts::{self, tr};
use crate::volume::window::{auto_window, presets};
use crate::volume::{ColourMap, Window};

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
    ui.horizontal(|ui| {
        let speed = (current.width / 200.0).max(1e-6);
        let width = ui.label(tr!("Width"));
        let range = 1e-6..=1e9;
        ui.add(DragValue::new(&mut changed.width).speed(speed).range(range))
            .labelled_by(width.id);
        let level = ui.label(tr!("Level"));
        ui.add(DragValue::new(&mut changed.level).speed(speed))
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
        let window = Window { ..changed };
        out.push(UiRequest::command(SecondCommand::Window(window)));
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
    let mut nudge = |ui: &mut Ui, name: String, hint: String, shift_mm, turn_deg| {
        let button = ui.small_button(name).on_hover_text(hint);
        if button.clicked() {
            out.push(UiRequest::command(SecondCommand::Nudge {
                shift_mm,
                turn_deg,
            }));
        }
    };
    ui.horizontal(|ui| {
        ui.label(tr!("Move"));
        for (axis, ends) in ENDS.iter().enumerate() {
            for (end, sign) in ends.iter().zip([1.0, -1.0]) {
                let mut shift = [0.0; 3];
                shift[axis] = sign * STEP_MM;
                let hint = tr!("{step_mm} mm towards {end}", step_mm = STEP_MM, end);
                nudge(ui, (*end).to_owned(), hint, shift, [0.0; 3]);
            }
        }
    });
    ui.horizontal(|ui| {
        ui.label(tr!("Turn"));
        for (axis, [end, _]) in ENDS.iter().enumerate() {
            for (sign, text) in [(1.0, "+"), (-1.0, "-")] {
                let mut turn = [0.0; 3];
                turn[axis] = sign * STEP_DEG;
                let hint = tr!(
                    "{text}{step_deg} degree about the axis to {end}, at the cross-hair",
                    text,
                    step_deg = STEP_DEG,
                    end
                );
                nudge(ui, format!("{end}{text}"), hint, [0.0; 3], turn);
            }
        }
    });
    ui.horizontal(|ui| {
        for (text, name, command) in [
            (tr!("Undo move"), second.undo_name(), SecondCommand::Undo),
            (tr!("Redo move"), second.redo_name(), SecondCommand::Redo),
        ] {
            let button = ui.add_enabled(name.is_some(), egui::Button::new(text));
            if button
                .on_hover_text(texts::worded(name.unwrap_or_default()))
                .clicked()
            {
                out.push(UiRequest::command(command));
            }
        }
    });
    ui.horizontal_wrapped(|ui| {
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
    });
}
