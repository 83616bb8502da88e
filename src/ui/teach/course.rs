//! How a lesson goes: the curve of its losses, and what each fold showed. Drawn as it stands, never animated: a frame comes
//! when there is a new point.

use egui::{Stroke, Ui};
use egui_plot::{Line, Plot};

use crate::models::Course;
use crate::ui::texts::tr;
use crate::ui::theme;

const HEIGHT: f32 = 110.0;

/// Draws what there is of it.
pub(super) fn show(ui: &mut Ui, course: &Course) {
    if let Some(answers) = course.answers {
        ui.label(tr!(
            "The teacher answered on {asked} of {cases} scans and found it in {found}",
            asked = answers.asked,
            cases = answers.cases,
            found = answers.found
        ));
    }
    if let Some((run, step)) = course.at() {
        let curve = course.smoothed(run);
        let loss = curve.last().map_or(0.0, |[_, loss]| *loss);
        let (number, folds, steps) = (run + 1, course.folds, course.steps);
        ui.label(match run < folds {
            true => tr!(
                "Fold {number} of {folds}, step {step} of {steps}: loss {loss}",
                number,
                folds,
                step,
                steps,
                loss = format_args!("{loss:.3}")
            ),
            false => tr!(
                "From all cases, step {step} of {steps}: loss {loss}",
                step,
                steps,
                loss = format_args!("{loss:.3}")
            ),
        });
        losses(ui, course, run);
    }
    for fold in &course.done {
        ui.label(tr!(
            "Fold {number} of {folds}: Dice {before} before, {after} after; cases left out: {cases}",
            number = fold.fold + 1,
            folds = course.folds,
            before = format_args!("{:.3}", fold.dice_before),
            after = format_args!("{:.3}", fold.dice_after),
            cases = fold.cases
        ));
    }
}

/// A line for each run, the one under way the brightest.
fn losses(ui: &mut Ui, course: &Course, under_way: usize) {
    let colours = theme::of(ui.ctx());
    let plot = Plot::new("losses of the lesson")
        .height(HEIGHT)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .show_crosshair(false)
        .include_x(0.0)
        .include_x(course.steps as f64)
        .include_y(0.0)
        .x_axis_label(tr!("Step"))
        .y_axis_label(tr!("Loss"));
    plot.show(ui, |plot| {
        for run in 0..course.losses.len() {
            let (colour, width) = match run == under_way {
                true => (colours.accent_bright, 2.0),
                false => (colours.faint, 1.0),
            };
            let line = Line::new(format!("{}", run + 1), course.smoothed(run));
            plot.line(line.stroke(Stroke::new(width, colour)));
        }
    });
}
