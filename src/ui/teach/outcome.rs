//! What came of a lesson: the decision, the table and pictures of before and after, and what to do with it.

use std::sync::Arc;

use egui::{ColorImage, Grid, Id, RichText, TextureHandle, TextureOptions, Ui, vec2};

use super::TeachRequest;
use crate::models::{Compared, Verdict};
use crate::ui::texts::{self, tr};
use crate::ui::theme;
use crate::util::short_debug;

/// What came of a lesson, until the user has decided on it.
#[derive(Debug, Clone)]
pub struct LessonResult {
    /// Which lesson of this window.
    pub number: usize,
    /// What cross-validation showed.
    pub verdict: Verdict,
    /// Why nothing was measured, where nothing was.
    pub unmeasured: Option<&'static str>,
    /// Before and after, on cases left out.
    pub measured: Vec<Compared>,
    /// The best, the median and the worst case.
    pub pictures: Arc<[LessonPicture]>,
    /// Whether there is something to accept.
    pub is_kept: bool,
}

/// A slice of a case that was left out, with what was drawn and what was found.
pub struct LessonPicture {
    /// Why this case is shown.
    pub which: &'static str,
    /// What the case is called.
    pub title: String,
    /// Before and after.
    pub sides: [PictureSide; 2],
}

/// One of the two.
pub struct PictureSide {
    /// The slice.
    pub image: Arc<ColorImage>,
    /// What is to be read of it.
    pub dice: f64,
}

short_debug! {
    LessonPicture: |_| "a picture of a lesson";
}

/// Points along a side of a picture.
const SIDE: f32 = 190.0;

/// Draws it.
pub(super) fn show(ui: &mut Ui, result: &LessonResult, is_remote: bool) -> Option<TeachRequest> {
    let words = texts::worded(result.verdict.words());
    ui.label(RichText::new(tr!("On cases left out: {words}", words)).strong());
    if let Some(why) = result.unmeasured {
        ui.label(texts::worded(why));
    }
    if let Some(first) = result.measured.first() {
        table(ui, &result.measured);
        if let Some(dice) = first.dice_teacher {
            let dice = format_args!("{dice:.3}");
            ui.label(tr!("The teacher itself: Dice {dice}", dice));
        }
    }
    let asked = decision(ui, result, is_remote);
    pictures(ui, result);
    asked
}

/// The buttons that decide.
fn decision(ui: &mut Ui, result: &LessonResult, is_remote: bool) -> Option<TeachRequest> {
    let keep = match is_remote {
        true => tr!("Keep it on this computer"),
        false => tr!("Use it from now on"),
    };
    let mut asked = None;
    ui.horizontal(|ui| {
        if result.is_kept {
            if ui.button(keep).clicked() {
                asked = Some(TeachRequest::Accept);
            }
            if ui.button(tr!("Throw it away")).clicked() {
                asked = Some(TeachRequest::Discard);
            }
        } else {
            ui.label(tr!("Nothing was kept: the model is as it was."));
        }
        let save = ui.button(tr!("Save the report...")).on_hover_text(tr!(
            "A page with every case before and after; it holds slices of the scans, unlike what is taught"
        ));
        if save.clicked() {
            asked = Some(TeachRequest::SaveReport);
        }
    });
    asked
}

fn table(ui: &mut Ui, measured: &[Compared]) {
    Grid::new("before and after").striped(true).show(ui, |ui| {
        for head in [
            tr!("Given"),
            tr!("Dice before"),
            tr!("after"),
            tr!("noise"),
            tr!("NSD before"),
            tr!("after"),
        ] {
            ui.label(RichText::new(head).color(theme::of(ui.ctx()).text_weak));
        }
        ui.end_row();
        for row in measured {
            ui.label(texts::worded(&row.given));
            for value in [row.dice_before, row.dice_after] {
                ui.label(format!("{value:.3}"));
            }
            ui.label(row.dice_noise.map_or("-".to_owned(), |n| format!("{n:.3}")));
            for value in [row.nsd_before, row.nsd_after] {
                ui.label(format!("{value:.3}"));
            }
            ui.end_row();
        }
    });
}

fn pictures(ui: &mut Ui, result: &LessonResult) {
    if result.pictures.is_empty() {
        return;
    }
    ui.label(
        RichText::new(tr!(
            "Line: drawn by you. Filled: found, before at the left and after at the right."
        ))
        .color(theme::of(ui.ctx()).text_weak),
    );
    let textures = textures(ui, result);
    for (picture, textures) in result.pictures.iter().zip(textures.iter()) {
        let which = texts::worded(picture.which);
        ui.label(tr!("{which}: {title}", which, title = picture.title));
        ui.horizontal(|ui| {
            for (side, texture) in picture.sides.iter().zip(textures) {
                ui.vertical(|ui| {
                    ui.image((texture.id(), vec2(SIDE, SIDE)));
                    ui.label(tr!("Dice {dice}", dice = format_args!("{:.3}", side.dice)));
                });
            }
        });
    }
}

/// The pictures of a lesson on the device, and which lesson it is.
type Textures = (usize, Arc<Vec<[TextureHandle; 2]>>);

/// Brings them there once; a context that another window brought has its own.
fn textures(ui: &Ui, result: &LessonResult) -> Arc<Vec<[TextureHandle; 2]>> {
    let id = Id::unique("pictures of the lesson");
    let known = ui.data(|data| data.get_temp::<Textures>(id));
    if let Some((_, textures)) = known.filter(|(number, _)| *number == result.number) {
        return textures;
    }
    let load = |side: &PictureSide| {
        let image = Arc::clone(&side.image);
        ui.ctx()
            .load_texture("lesson", image, TextureOptions::LINEAR)
    };
    let pictures = result.pictures.iter();
    let loaded: Vec<_> = pictures
        .map(|p| [load(&p.sides[0]), load(&p.sides[1])])
        .collect();
    let textures = Arc::new(loaded);
    ui.data_mut(|data| data.insert_temp::<Textures>(id, (result.number, Arc::clone(&textures))));
    textures
}
