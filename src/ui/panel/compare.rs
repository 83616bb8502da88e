//! Label maps beside each other: how well they agree, where they do not, and taking one or the other over.

use egui::{Color32, Grid, RichText, ScrollArea, Sense, Ui, vec2};

use crate::session::{Case, CompareCommand, ComparedLabel, Comparison, TakenPart};
use crate::ui::input::Action;
use crate::ui::model::UiRequest;
use crate::ui::texts::{self, tr};
use crate::ui::theme;

/// Height of the table, in points.
const TABLE: f32 = 120.0;

/// Draws the section.
pub fn show(ui: &mut Ui, case: &Case, comparison: &Comparison, out: &mut Vec<UiRequest>) {
    legend(ui, comparison);
    ui.horizontal_wrapped(|ui| {
        let mut is_shown = comparison.is_shown();
        if ui
            .checkbox(&mut is_shown, tr!("Show differences"))
            .changed()
        {
            out.push(UiRequest::command(CompareCommand::Show(is_shown)));
        }
        let hint = tr!("The largest first, then the next largest");
        super::action_button(ui, true, Action::NextDisagreement, hint, out);
        super::action_button(ui, true, Action::CloseComparison, "", out);
    });
    let place = match comparison.place() {
        Some([n, all]) => tr!("Disagreement {n} of {all}", n, all),
        None => String::new(),
    };
    ui.label(RichText::new(place).color(theme::of(ui.ctx()).text_weak));
    take(ui, case, comparison, out);
    table(ui, comparison.measured());
}

fn legend(ui: &mut Ui, comparison: &Comparison) {
    ui.horizontal_wrapped(|ui| {
        for label in comparison.table().labels() {
            let [r, g, b] = label.color;
            let (rect, _) = ui.allocate_exact_size(vec2(10.0, 10.0), Sense::hover());
            ui.painter()
                .rect_filled(rect, 1.0, Color32::from_rgb(r, g, b));
            ui.label(texts::worded(&label.name));
        }
    });
}

/// Buttons that take a reading over.
fn take(ui: &mut Ui, case: &Case, comparison: &Comparison, out: &mut Vec<UiRequest>) {
    for (n, reading) in comparison.readings().iter().enumerate() {
        ui.horizontal(|ui| {
            let mut asked = None;
            let here = ui.button(tr!("Take {reader} here", reader = reading.name));
            let hint = tr!(
                "All of its labels in the disagreement at the cross-hair; undo brings yours back"
            );
            if here.on_hover_text(hint).clicked() {
                asked = Some(TakenPart::Here);
            }
            ui.menu_button(tr!("A label"), |ui| {
                for name in comparison.label_names() {
                    let known = case.table().by_name(name).map(|l| l.title());
                    let text = known.unwrap_or_else(|| crate::volume::title_of(name));
                    if ui.button(text).clicked() {
                        asked = Some(TakenPart::Label(name.clone()));
                        ui.close();
                    }
                }
            })
            .response
            .on_hover_text(tr!("One label of it, everywhere"));
            if let Some(part) = asked {
                let reading = n;
                out.push(UiRequest::command(CompareCommand::Take { reading, part }));
            }
        });
    }
}

fn table(ui: &mut Ui, measured: &[ComparedLabel]) {
    if measured.is_empty() {
        return;
    }
    let several = measured
        .iter()
        .any(|row| row.readers != measured[0].readers);
    let scroll = ScrollArea::both().id_salt("agreement").max_height(TABLE);
    scroll.show(ui, |ui| {
        Grid::new("agreement").striped(true).show(ui, |ui| {
            let color = theme::of(ui.ctx()).text_weak;
            let weak = |text: &str| RichText::new(text).color(color);
            ui.label(weak(tr!("Label")));
            ui.label(weak(tr!("Dice")));
            ui.label(weak(tr!("NSD"))).on_hover_text(tr!(
                "Part of the surfaces within {mm} mm of each other",
                mm = ComparedLabel::TOLERANCE_MM
            ));
            ui.label(weak(tr!("ml")))
                .on_hover_text(tr!("Volume of the second less that of the first"));
            ui.end_row();
            for row in measured {
                let [a, b] = &row.readers;
                let title = crate::volume::title_of(&row.label);
                let title = match several {
                    true => tr!("{title}, {a} and {b}", title, a, b),
                    false => title,
                };
                let agreement = &row.agreement;
                ui.label(title).on_hover_text(tr!("{a} and {b}", a, b));
                ui.label(format!("{:.3}", agreement.dice));
                ui.label(format!("{:.3}", agreement.nsd));
                let difference = agreement.volume_truth_ml - agreement.volume_pred_ml;
                ui.label(format!("{difference:+.2}"));
                ui.end_row();
            }
        });
    });
}
