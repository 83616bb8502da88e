//! Lessons for clients: their cases as they come, and the task that teaches from them.
//!
//! A lesson writes its state and its adapter into a [`LessonFolder`], which goes with it, however it ends.

use std::fs;
use std::path::Path;

use crossbeam_channel::Sender;

use crate::engine::Task;
use crate::io::IoError;
use crate::models::{DeviceChoice, stored_model};
use crate::train::TrainError;
use crate::train::teach::{MOST_CASES, Resume, TeachCase, TeachRequest, TeachesBy, Watcher};
use crate::util::JobContext;

use super::super::coding::lesson::{LessonForm, told};
use super::super::coding::scan::MOST_BYTES;
use super::super::message::Tell;
use super::desk::News;
use super::lesson_folder::LessonFolder;
use super::scans::bytes_of;

/// Bytes that a voxel's label takes in memory.
const LABEL_BYTES: usize = size_of::<u16>();

/// How a server teaches.
pub struct Lessons {
    /// What a lesson does.
    pub teach: TeachesBy,
    /// Where it computes.
    pub device: DeviceChoice,
}

/// The cases of a client's next lesson.
#[derive(Default)]
pub(super) struct LessonCases {
    cases: Vec<TeachCase>,
    bytes: usize,
}

impl LessonCases {
    /// One more; what is too much is left out, of which the client hears when it asks for the lesson.
    pub(super) fn add(&mut self, case: TeachCase) {
        let bytes = bytes_of(&case.image) + LABEL_BYTES * case.image.grid().len();
        if self.cases.len() < MOST_CASES && self.bytes + bytes <= MOST_BYTES {
            self.bytes += bytes;
            self.cases.push(case);
        }
    }

    /// The lesson that was asked for, as a task that tells its client how it goes on and what came of it.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn task(
        self,
        (job, form): (u64, LessonForm),
        lessons: &Lessons,
        to: Sender<News>,
    ) -> Result<Task, String> {
        if self.cases.len() != form.cases {
            return Err(
                "the scans of the lesson are more than that machine keeps: teach from fewer, or from smaller ones"
                    .to_owned(),
            );
        }
        if Path::new(&form.name).file_name() != Some(form.name.as_ref()) {
            return Err("what is taught has no name there: give the adapter another".to_owned());
        }
        let folder =
            LessonFolder::fresh().map_err(|e| format!("no folder for the lesson there ({e})"))?;
        let (teach, to_watcher) = (TeachesBy::clone(&lessons.teach), to.clone());
        let request = TeachRequest {
            cases: self.cases,
            base: Some(form.base),
            structure: form.structure,
            distillation: form.distillation,
            out: folder.path().join(form.name),
            method: form.method,
            steps: form.steps,
            folds: form.folds,
            unproven: form.unproven,
            resume: Resume::Never,
            device: lessons.device,
            date: form.date,
            watcher: Watcher::new(move |seen| {
                // Who is gone sees nothing.
                let _ = to_watcher.send(News::Said(Tell::Seen { job }, vec![told(&seen)]));
            }),
        };
        let base_sha256 = form.base_sha256;
        Ok(Task::without_model(move |ctx| {
            let _lives_as_long = &folder;
            check_base(&request, &base_sha256)?;
            let parts = taught(&request, &teach, ctx)?;
            let _ = to.send(News::Said(Tell::Taught { job }, parts));
            Ok::<(), TrainError>(())
        }))
    }
}

/// Refuses to teach other weights than those that the client has: it could not use what they learnt.
fn check_base(request: &TeachRequest, sha256: &str) -> Result<(), TrainError> {
    let base = stored_model(request.base.as_deref())?.card;
    if base.sha256 == sha256 {
        return Ok(());
    }
    Err(TrainError::Teach(format!(
        "'{}' has other weights there than here, so what they learn could not be used here: install the same model and the same Prosector on both machines",
        base.id
    )))
}

/// Teaches: the report, and behind it the adapter, where it was kept.
fn taught(
    request: &TeachRequest,
    teach: &TeachesBy,
    ctx: &JobContext,
) -> Result<Vec<Vec<u8>>, TrainError> {
    let report = teach(request, ctx)?;
    let mut parts = vec![told(&report)];
    if report.bytes.is_some() {
        let adapter = fs::read(&request.out);
        parts.push(adapter.map_err(|e| IoError::output(&request.out, e.to_string()))?);
    }
    Ok(parts)
}
