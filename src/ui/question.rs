//! Questions over everything else: they wait for an answer.

use std::path::{Path, PathBuf};

use egui::{Button, Context, Frame, Id, Key, Modal, RichText, ScrollArea, TextEdit, Ui};

use super::model::{Answer, Question, UiRequest};
use super::{model_questions, theme};
use crate::io::SeriesInfo;
use crate::ui::texts::{self, tr};
use crate::util::about::NOTICE;

/// Draws the question, if there is one; the answer goes to `out`.
pub fn show(ctx: &Context, question: Option<&mut Question>, out: &mut Vec<UiRequest>) {
    let Some(question) = question else {
        return;
    };
    let mut answer = None;
    let frame = Frame::window(&ctx.global_style()).inner_margin(18);
    let modal = Modal::new(Id::unique("question"))
        .frame(frame)
        .show(ctx, |ui| {
            ui.set_width(460.0);
            match question {
                Question::Notice => notice(ui, &mut answer),
                Question::Unsaved { before } => unsaved(ui, before, &mut answer),
                Question::Series { info, .. } => series(ui, &info.series, &mut answer),
                Question::Recovery { description } => recovery(ui, description, &mut answer),
                Question::Overwrite { path } => overwrite(ui, path, &mut answer),
                Question::Dropped { path } => dropped(ui, path, &mut answer),
                Question::OwnGrid { description } => own_grid(ui, description, &mut answer),
                Question::FinerGrid { now, mm } => finer_grid(ui, now, mm, &mut answer),
                Question::TypedPath { title, text } => typed_path(ui, title, text, &mut answer),
                Question::Channels { images, scan_is } => {
                    model_questions::channels(ui, images, *scan_is, &mut answer);
                }
                Question::Licence { licence, .. } => {
                    model_questions::licence(ui, licence, &mut answer);
                }
            }
        });
    let needs_answer = matches!(question, Question::Notice | Question::Recovery { .. });
    if answer.is_none() && !needs_answer && modal.should_close() {
        answer = Some(Answer::Cancel);
    }
    out.extend(answer.map(UiRequest::Answer));
}

pub(super) fn heading(ui: &mut Ui, text: &str) {
    ui.heading(text);
    ui.add_space(6.0);
}

/// Enter is the main button.
pub(super) fn enter_pressed(ui: &Ui) -> bool {
    ui.input(|i| i.key_pressed(Key::Enter))
}

pub(super) fn main_button(text: &str) -> Button<'_> {
    Button::new(RichText::new(text).strong().color(theme::ON_ACCENT)).fill(theme::ACCENT)
}

fn notice(ui: &mut Ui, answer: &mut Option<Answer>) {
    heading(ui, tr!("Not for clinical use"));
    ui.label(texts::of(NOTICE));
    ui.add_space(10.0);
    if ui.add(main_button(tr!("I understand"))).clicked() || enter_pressed(ui) {
        *answer = Some(Answer::NoticeRead);
    }
}

fn unsaved(ui: &mut Ui, before: &str, answer: &mut Option<Answer>) {
    heading(ui, tr!("Unsaved labels"));
    ui.label(tr!(
        "The labels have changes that are not saved. Save them before {before}?",
        before
    ));
    ui.add_space(10.0);
    ui.horizontal(|ui| {
        if ui.add(main_button(tr!("Save first"))).clicked() || enter_pressed(ui) {
            *answer = Some(Answer::SaveFirst);
        }
        if ui.button(tr!("Discard changes")).clicked() {
            *answer = Some(Answer::Discard);
        }
        if ui.button(tr!("Stay")).clicked() {
            *answer = Some(Answer::Cancel);
        }
    });
}

fn series(ui: &mut Ui, series: &[SeriesInfo], answer: &mut Option<Answer>) {
    heading(ui, tr!("Choose a series"));
    ui.label(tr!(
        "There are {series} image series here:",
        series = series.len()
    ));
    ui.add_space(6.0);
    ScrollArea::vertical().max_height(340.0).show(ui, |ui| {
        for one in series {
            let [columns, rows, slices] = one.dims;
            let description = match one.description.trim() {
                "" => tr!("(no description)"),
                text => text,
            };
            let text = tr!(
                "{modality}   {description}   {images} images, {columns} x {rows} x {slices}",
                modality = one.modality,
                description,
                images = one.images,
                columns,
                rows,
                slices
            );
            let button = Button::new(text).min_size(egui::vec2(ui.available_width(), 28.0));
            if ui.add(button).on_hover_text(&one.uid).clicked() {
                *answer = Some(Answer::Series(one.uid.clone()));
            }
        }
    });
    ui.add_space(8.0);
    if ui.button(tr!("Cancel")).clicked() {
        *answer = Some(Answer::Cancel);
    }
}

fn recovery(ui: &mut Ui, description: &str, answer: &mut Option<Answer>) {
    heading(ui, tr!("Recover unsaved work?"));
    ui.label(tr!(
        "The last session ended without saving. Its labels were kept:"
    ));
    ui.label(RichText::new(description).strong());
    ui.add_space(10.0);
    ui.horizontal(|ui| {
        if ui.add(main_button(tr!("Recover"))).clicked() || enter_pressed(ui) {
            *answer = Some(Answer::Recover);
        }
        if ui
            .button(tr!("Later"))
            .on_hover_text(tr!("Ask again at the next start"))
            .clicked()
        {
            *answer = Some(Answer::Cancel);
        }
        if ui.button(tr!("Throw away")).clicked() {
            *answer = Some(Answer::ForgetRecovery);
        }
    });
}

fn overwrite(ui: &mut Ui, path: &Path, answer: &mut Option<Answer>) {
    heading(ui, tr!("Replace the file?"));
    ui.label(tr!("{path} exists already.", path = path.display()));
    ui.add_space(10.0);
    ui.horizontal(|ui| {
        if ui.add(main_button(tr!("Replace"))).clicked() {
            *answer = Some(Answer::Overwrite);
        }
        if ui.button(tr!("Cancel")).clicked() {
            *answer = Some(Answer::Cancel);
        }
    });
}

fn dropped(ui: &mut Ui, path: &Path, answer: &mut Option<Answer>) {
    heading(ui, tr!("What is this file?"));
    ui.label(path.file_name().unwrap_or_default().to_string_lossy());
    ui.add_space(10.0);
    for (text, meant) in [
        (
            tr!("Another scan, instead of the one that is open"),
            Answer::AsScan,
        ),
        (
            tr!("A second image of the same patient, over the scan"),
            Answer::AsSecond,
        ),
        (tr!("Labels of the scan"), Answer::AsLabels),
        (tr!("Cancel"), Answer::Cancel),
    ] {
        let button = Button::new(text).min_size(egui::vec2(ui.available_width(), 28.0));
        if ui.add(button).clicked() {
            *answer = Some(meant);
        }
    }
}

fn own_grid(ui: &mut Ui, description: &str, answer: &mut Option<Answer>) {
    heading(ui, tr!("The labels have voxels of their own"));
    ui.label(description);
    ui.add_space(6.0);
    ui.label(
        tr!("On their own grid nothing of them is lost, and the scan is shown on it. On the scan's grid each voxel gets \
         the label at its centre."),
    );
    ui.add_space(10.0);
    ui.horizontal(|ui| {
        if ui.add(main_button(tr!("Edit on their own grid"))).clicked() || enter_pressed(ui) {
            *answer = Some(Answer::OwnGrid);
        }
        if ui.button(tr!("Bring onto the scan's grid")).clicked() {
            *answer = Some(Answer::ScanGrid);
        }
        if ui.button(tr!("Cancel")).clicked() {
            *answer = Some(Answer::Cancel);
        }
    });
}

fn finer_grid(ui: &mut Ui, now: &str, mm: &mut String, answer: &mut Option<Answer>) {
    heading(ui, tr!("Edit on a finer grid"));
    ui.label(now);
    ui.label(tr!(
        "The scan's voxels are divided until none is longer than this. Undo begins anew."
    ));
    ui.add_space(6.0);
    let label = ui.label(tr!("Longest side of a voxel in mm"));
    let field = ui.text_edit_singleline(mm).labelled_by(label.id);
    let entered = field.lost_focus() && enter_pressed(ui);
    if !entered {
        field.request_focus();
    }
    let length = mm.trim().replace(',', ".").parse().ok();
    let length = length.filter(|mm: &f64| SIDES_MM.contains(mm));
    ui.add_space(10.0);
    ui.horizontal(|ui| {
        let button = ui.add_enabled(length.is_some(), main_button(tr!("Edit there")));
        if let Some(mm) = length
            && (button.clicked() || entered)
        {
            *answer = Some(Answer::VoxelMm(mm));
        }
        if ui.button(tr!("Cancel")).clicked() {
            *answer = Some(Answer::Cancel);
        }
    });
}

/// The lengths of a voxel's side that can be asked for.
const SIDES_MM: std::ops::RangeInclusive<f64> = 0.001..=1000.0;

fn typed_path(ui: &mut Ui, title: &str, text: &mut String, answer: &mut Option<Answer>) {
    heading(ui, title);
    let label = ui.label(tr!("Path"));
    let field = ui
        .add(TextEdit::singleline(text).desired_width(f32::INFINITY))
        .labelled_by(label.id);
    if field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter)) {
        *answer = Some(Answer::Path(expanded(text)));
    } else {
        field.request_focus();
    }
    ui.add_space(8.0);
    ui.horizontal(|ui| {
        if ui
            .add_enabled(!text.trim().is_empty(), main_button("OK"))
            .clicked()
        {
            *answer = Some(Answer::Path(expanded(text)));
        }
        if ui.button(tr!("Cancel")).clicked() {
            *answer = Some(Answer::Cancel);
        }
    });
}

/// The path as typed or pasted: without quotes, a leading `~` being the home folder.
fn expanded(text: &str) -> PathBuf {
    let text = text.trim().trim_matches(['"', '\'']);
    let text = text.strip_prefix("file://").unwrap_or(text);
    match (text.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(text),
    }
}
