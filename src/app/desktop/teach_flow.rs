//! Teaching in the window: the cases that the user gave, a lesson as the engine's least urgent job, and the decision on
//! what came of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::{JobId, Request};
use crate::io::IoError;
use crate::models::{
    Course, DeviceChoice, choose_model, chosen_model, install_adapter, installed_models, roll_back,
};
use crate::train::teach::{self, Distillation, Resume, TeachCase, TeachesBy, Watcher};
use crate::ui::teach::{LessonCase, LessonResult, Said, TeachForm, TeachRequest, TeachView};
use crate::ui::texts::tr;
use crate::util::short_debug;
use crate::volume::{ImageVolume, LabelMap, LabelTable};

use super::dialogs::PathPurpose;
use super::file_flow::Purpose;
use super::files::{self, FileOutcome};
use super::jobs::Owner;
use super::lesson_job::LessonJob;
use super::window::Window;

/// A case as it was when the user gave it.
#[derive(Clone)]
pub struct GivenCase {
    /// What it is called.
    pub title: String,
    /// The scan.
    pub image: Arc<ImageVolume>,
    /// Labels on its grid.
    pub labels: Arc<LabelMap>,
    /// Their names.
    pub table: LabelTable,
    /// Whether somebody labelled it; where nobody did a teacher answers.
    pub is_labelled: bool,
}

impl GivenCase {
    /// A scan that nobody labelled.
    pub fn unlabelled(title: String, image: Arc<ImageVolume>) -> Self {
        Self {
            title,
            labels: Arc::new(LabelMap::empty(*image.grid())),
            image,
            table: LabelTable::default(),
            is_labelled: false,
        }
    }
}

short_debug! {
    GivenCase: |case| format_args!("a case, {:?}", case.labels);
}

/// What the window knows of teaching.
pub struct Teaching {
    /// Who teaches.
    teacher: TeachesBy,
    cases: Vec<GivenCase>,
    view: TeachView,
    /// Where adapters are written; `None` where nothing is kept.
    folder: Option<PathBuf>,
    /// The adapter of the lesson under way, or of the last one.
    adapter: Option<PathBuf>,
    /// The lesson under way, or the last one.
    job: Option<LessonJob>,
    /// Lessons begun so far.
    lessons: usize,
}

impl Teaching {
    /// Nothing is taught yet; adapters go to a folder of the program's own.
    pub fn new(data_folder: Option<&Path>, teacher: TeachesBy) -> Self {
        Self {
            teacher,
            cases: Vec::new(),
            view: TeachView::default(),
            folder: data_folder.map(|f| f.join("taught")),
            adapter: None,
            job: None,
            lessons: 0,
        }
    }

    /// What is shown.
    pub fn view(&self) -> &TeachView {
        &self.view
    }

    /// Learns from a case too, or from it as it is now: one scan given twice would be learnt from while it is left out.
    fn give(&mut self, case: GivenCase) {
        let is_same =
            |given: &GivenCase| Arc::ptr_eq(&given.image, &case.image) || given.image == case.image;
        if let Some(before) = self.cases.iter().position(is_same) {
            self.forget(before);
        }
        let names = case.table.labels().iter().map(|l| l.name.clone());
        self.view.cases.push(LessonCase {
            title: case.title.clone(),
            structures: names.collect(),
            is_labelled: case.is_labelled,
        });
        self.cases.push(case);
    }

    fn forget(&mut self, n: usize) {
        if n < self.cases.len() {
            self.cases.remove(n);
            self.view.cases.remove(n);
        }
    }

    fn say(&mut self, said: Said) {
        self.view.said = Some(said);
    }

    fn fail(&mut self, error: &dyn std::error::Error) {
        self.say(Said::Failed(error.to_string()));
    }

    fn request(&self, form: &TeachForm, out: PathBuf) -> teach::TeachRequest {
        let case = |given: &GivenCase| {
            let wanted = |name: &str| form.structure.as_deref().is_none_or(|s| s == name);
            let labels = given.table.labels().iter();
            TeachCase {
                image: Arc::clone(&given.image),
                truth: given.labels.as_ref().clone(),
                values: labels
                    .filter(|l| wanted(&l.name))
                    .map(|l| l.value)
                    .collect(),
                patient: None,
                is_labelled: given.is_labelled,
            }
        };
        let teacher = form.teacher.clone().filter(|_| form.structure.is_some());
        teach::TeachRequest {
            cases: self.cases.iter().map(case).collect(),
            base: form.base.clone(),
            structure: form.structure.clone(),
            distillation: teacher.map(|teacher| Distillation {
                teacher,
                structure: form.teacher_structure.clone(),
                lambda: form.lambda,
            }),
            out,
            resume: Resume::WherePossible,
            method: None,
            steps: None,
            folds: None,
            unproven: form.unproven,
            device: DeviceChoice::Auto,
            date: crate::project::now().chars().take(10).collect(),
            watcher: Watcher::default(),
        }
    }
}

impl Window {
    pub(super) fn act_on_teaching(&mut self, request: TeachRequest) {
        match request {
            TeachRequest::UseThisCase => {
                let Some(case) = self.session.case() else {
                    return;
                };
                let given = GivenCase {
                    title: case.title(),
                    image: Arc::clone(case.image()),
                    labels: Arc::clone(case.labels()),
                    table: case.table().clone(),
                    is_labelled: true,
                };
                self.teaching.give(given);
            }
            TeachRequest::UseThisScan => {
                if let Some(case) = self.session.case() {
                    let scan = GivenCase::unlabelled(case.title(), Arc::clone(case.image()));
                    self.teaching.give(scan);
                }
            }
            TeachRequest::UseWorklist => self.read_finished_cases(),
            TeachRequest::UseWorklistScans => {
                let room = teach::MOST_CASES.saturating_sub(self.teaching.cases.len());
                self.read_scans_to_learn_from(room);
            }
            TeachRequest::Forget(n) => self.teaching.forget(n),
            TeachRequest::Teach(form) => self.begin_lesson(&form),
            TeachRequest::Accept => self.accept_lesson(),
            TeachRequest::Discard => {
                if let Some(adapter) = self.teaching.adapter.take() {
                    // One that stays behind is not used.
                    let _ = std::fs::remove_file(adapter);
                }
                self.teaching.view.result = None;
                self.teaching.say(Said::ThrownAway);
            }
            TeachRequest::Use(id) => match choose_model(&id) {
                Ok(()) => self.use_from_now_on(Some(id)),
                Err(error) => self.teaching.fail(&error),
            },
            TeachRequest::RollBack => match roll_back() {
                Ok(now) => self.use_from_now_on(now),
                Err(error) => self.teaching.fail(&error),
            },
            TeachRequest::SaveReport => self.ask_path(PathPurpose::SaveReport),
        }
    }

    /// Takes over cases that were read of the worklist; more than a lesson takes are left out.
    pub(super) fn take_finished_cases(&mut self, cases: Vec<GivenCase>, empty: usize) {
        let before = self.teaching.cases.len();
        let room = teach::MOST_CASES.saturating_sub(before);
        let left_out = empty + cases.len().saturating_sub(room);
        let given = cases.len().min(room);
        let are_labelled = cases.iter().all(|case| case.is_labelled);
        for case in cases.into_iter().take(room) {
            self.teaching.give(case);
        }
        self.teaching.say(match are_labelled {
            true => Said::OfWorklist { given, left_out },
            false => Said::ScansOfWorklist { given, left_out },
        });
    }

    /// Writes the report of the last lesson.
    pub(super) fn save_lesson_report(&mut self, path: PathBuf) {
        let Some(write) = self
            .teaching
            .job
            .as_ref()
            .and_then(LessonJob::report_writer)
        else {
            return;
        };
        self.run(
            tr!("Writing the report"),
            Purpose::Other,
            false,
            move |_| match write(&path) {
                Ok(()) => FileOutcome::LessonReportSaved(path),
                Err(error) => files::refused(error),
            },
        );
    }

    /// The report was written.
    pub(super) fn lesson_report_saved(&mut self, path: PathBuf) {
        self.teaching.say(Said::ReportSaved(path));
    }

    fn begin_lesson(&mut self, form: &TeachForm) {
        let Some(folder) = self.teaching.folder.clone() else {
            return self.teaching.say(Said::NoFolder);
        };
        if let Err(error) = std::fs::create_dir_all(&folder) {
            return self
                .teaching
                .fail(&IoError::output(&folder, error.to_string()));
        }
        let out = folder.join(format!("{}.safetensors", form.name));
        let request = self.teaching.request(form, out.clone());
        let titles = self.teaching.cases.iter().map(|c| c.title.clone());
        let waker = self.waker.clone();
        let job = LessonJob::new(request, titles.collect(), move || waker.wake());
        let task = job.task(&self.teaching.teacher);
        let id = self.engine.submit(Request::Training { task });
        self.jobs.add(Owner::Lesson(id), tr!("Teach"), true);
        self.teaching.job = Some(job);
        self.teaching.lessons += 1;
        self.teaching.adapter = Some(out);
        self.teaching.view.fraction = Some(0.0);
        self.teaching.view.course = Course::default();
        self.teaching.view.result = None;
        self.teaching.view.said = None;
    }

    /// Takes over the course of a lesson, where there is something new.
    pub(super) fn watch_lesson(&mut self) {
        if let Some(course) = self.teaching.job.as_ref().and_then(LessonJob::news) {
            self.teaching.view.course = course;
        }
    }

    /// Takes over how far a lesson is.
    pub(super) fn lesson_goes_on(&mut self, id: JobId, fraction: f32) {
        if self.jobs.find(|o| o == Owner::Lesson(id)).is_some() {
            self.teaching.view.fraction = Some(fraction);
        }
    }

    /// A lesson is over: done, cancelled, or failed for a reason.
    pub(super) fn lesson_ended(&mut self, failure: Option<String>) {
        self.watch_lesson();
        let number = self.teaching.lessons;
        let view = &mut self.teaching.view;
        view.fraction = None;
        match (
            self.teaching.job.as_ref().and_then(LessonJob::outcome),
            failure,
        ) {
            (Some((report, pictures)), _) => {
                view.result = Some(LessonResult {
                    number,
                    verdict: report.verdict,
                    unmeasured: report.unmeasured(),
                    measured: report.measured,
                    pictures: pictures.into(),
                    is_kept: report.bytes.is_some(),
                });
            }
            (None, Some(failure)) => self.teaching.say(Said::Failed(failure)),
            (None, None) => self.teaching.say(match self.engine_status.is_remote() {
                true => Said::StoppedThere,
                false => Said::Stopped,
            }),
        }
    }

    /// A lesson is over, as the engine was restarted with another model.
    pub(super) fn lesson_gave_way(&mut self) {
        self.lesson_ended(None);
        // Elsewhere nothing is left to go on from.
        if self.teaching.view.result.is_none() && !self.engine_status.is_remote() {
            self.teaching.say(Said::OtherModel);
        }
    }

    fn accept_lesson(&mut self) {
        let Some(adapter) = self.teaching.adapter.clone() else {
            return;
        };
        let accepted = install_adapter(&adapter).and_then(|card| {
            choose_model(&card.id)?;
            Ok(card.id)
        });
        match accepted {
            Ok(id) => {
                self.teaching.adapter = None;
                self.teaching.view.result = None;
                match self.engine_status.is_remote() {
                    // The other machine serves what it served.
                    true => self.teaching.say(Said::KeptHere(id)),
                    false => self.use_from_now_on(Some(id)),
                }
            }
            Err(error) => self.teaching.fail(&error),
        }
    }

    /// Computes with a model from now on, `None` being the one in the box.
    fn use_from_now_on(&mut self, id: Option<String>) {
        self.models = installed_models();
        let boxed = self.models.first().map(|card| card.id.clone());
        let Some(id) = id.or_else(chosen_model).or(boxed) else {
            return;
        };
        self.teaching.say(Said::Used(id.clone()));
        self.choose_model(id);
    }
}
