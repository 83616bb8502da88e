//! A lesson on the engine's thread, and what it sends to the window.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use egui::ColorImage;
use image::RgbaImage;

use crate::app::lesson::{Example, Lesson, drawn, examples, follow, write_report};
use crate::engine::Task;
use crate::io::IoError;
use crate::models::Course;
use crate::train::TrainError;
use crate::train::teach::{Score, Seen, TeachReport, TeachRequest, TeachesBy, Watcher};
use crate::ui::teach::{LessonPicture, PictureSide};

/// Pixels along a side of a picture.
const SIDE: u32 = 380;
/// Steps wake the window at most so often: a new point is worth a frame, and no more.
const WAKING: Duration = Duration::from_millis(500);

/// A lesson that was begun.
pub struct LessonJob {
    request: Arc<TeachRequest>,
    /// What the cases are called, in their order.
    titles: Vec<String>,
    sent: Arc<Mutex<Sent>>,
}

/// What it has sent.
#[derive(Default)]
struct Sent {
    course: Course,
    /// Whether the window has not taken the course over yet.
    is_new: bool,
    done: Option<TeachReport>,
    pictures: Vec<LessonPicture>,
}

impl LessonJob {
    /// A lesson; `wake` lets the window look at what is new.
    pub fn new(
        request: TeachRequest,
        titles: Vec<String>,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let sent = Arc::<Mutex<Sent>>::default();
        let watcher = watcher(Arc::clone(&sent), wake);
        Self {
            request: Arc::new(TeachRequest { watcher, ..request }),
            titles,
            sent,
        }
    }

    /// What the engine is to do.
    pub fn task(&self, teacher: &TeachesBy) -> Task {
        let (request, sent) = (Arc::clone(&self.request), Arc::clone(&self.sent));
        let (titles, teacher) = (self.titles.clone(), Arc::clone(teacher));
        Task::without_model(move |ctx| {
            let report = teacher(&request, ctx)?;
            let pictures = pictures(&request, &titles, &report);
            let mut sent = lock(&sent);
            (sent.done, sent.pictures) = (Some(report), pictures);
            Ok::<(), TrainError>(())
        })
    }

    /// Its course, where that is new.
    pub fn news(&self) -> Option<Course> {
        let mut sent = lock(&self.sent);
        std::mem::take(&mut sent.is_new).then(|| sent.course.clone())
    }

    /// What came of it and pictures of that, once; `None` where it did not come to its end.
    pub fn outcome(&self) -> Option<(TeachReport, Vec<LessonPicture>)> {
        let mut sent = lock(&self.sent);
        let report = sent.done.clone()?;
        Some((report, std::mem::take(&mut sent.pictures)))
    }

    /// What writes its report; `None` before it has come to its end.
    pub fn report_writer(
        &self,
    ) -> Option<impl FnOnce(&Path) -> Result<(), IoError> + Send + 'static> {
        let (report, course) = {
            let sent = lock(&self.sent);
            (sent.done.clone()?, sent.course.clone())
        };
        let (request, titles) = (Arc::clone(&self.request), self.titles.clone());
        Some(move |path: &Path| {
            let lesson = Lesson {
                titles: &titles,
                cases: &request.cases,
                report: &report,
                course: &course,
            };
            write_report(path, &lesson)
        })
    }
}

fn lock(sent: &Mutex<Sent>) -> MutexGuard<'_, Sent> {
    sent.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes down what is seen, and wakes the window for it.
fn watcher(sent: Arc<Mutex<Sent>>, wake: impl Fn() + Send + Sync + 'static) -> Watcher {
    let woken = Mutex::new(None::<Instant>);
    Watcher::new(move |seen| {
        {
            let mut sent = lock(&sent);
            follow(&mut sent.course, &seen);
            sent.is_new = true;
        }
        let mut woken = woken.lock().unwrap_or_else(PoisonError::into_inner);
        let is_step = matches!(seen, Seen::Step { .. });
        if is_step && woken.is_some_and(|at| at.elapsed() < WAKING) {
            return;
        }
        *woken = Some(Instant::now());
        wake();
    })
}

/// The best, the median and the worst case, drawn.
fn pictures(request: &TeachRequest, titles: &[String], report: &TeachReport) -> Vec<LessonPicture> {
    let examples = examples(&report.held_out).into_iter();
    let picture = |example: Example<'_>| {
        let scores = example.scores;
        let pictures = drawn(request.cases.get(scores.case)?, &scores.pictured, SIDE)?;
        let side = |picture: &RgbaImage, scores: &[Score]| {
            let size = [picture.width() as usize, picture.height() as usize];
            PictureSide {
                image: Arc::new(ColorImage::from_rgba_unmultiplied(size, picture.as_raw())),
                dice: scores.first().map_or(0.0, |score| score.dice),
            }
        };
        Some(LessonPicture {
            which: example.which,
            title: titles.get(scores.case).cloned().unwrap_or_default(),
            sides: [
                side(&pictures.before, &scores.before),
                side(&pictures.after, &scores.after),
            ],
        })
    };
    examples.filter_map(picture).collect()
}
