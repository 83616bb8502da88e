//! Teaching in the window: the cases that the user gave, a lesson as the engine's least urgent job, and the decision on
//! what came of it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::{JobId, Request, Task};
use crate::models::{
    DeviceChoice, choose_model, chosen_model, install_adapter, installed_models, roll_back,
};
use crate::train::TrainError;
use crate::train::teach::{self, Resume, TeachCase, TeachReport};
use crate::ui::teach::{LessonCase, LessonResult, TeachForm, TeachRequest, TeachView};
use crate::ui::texts::tr;
use crate::volume::{ImageVolume, LabelMap, LabelTable};

use super::jobs::Owner;
use super::window::Window;

/// A case as it was when the user gave it.
#[derive(Clone)]
struct GivenCase {
    image: Arc<ImageVolume>,
    labels: Arc<LabelMap>,
    table: LabelTable,
}

/// What the window knows of teaching.
#[derive(Default)]
pub struct Teaching {
    cases: Vec<GivenCase>,
    view: TeachView,
    /// Where adapters are written; `None` where nothing is kept.
    folder: Option<PathBuf>,
    /// The adapter of the lesson under way, or of the last one.
    adapter: Option<PathBuf>,
    /// What a lesson sends when it is done.
    report: Arc<Mutex<Option<TeachReport>>>,
}

impl Teaching {
    /// Nothing is taught yet; adapters go to a folder of the program's own.
    pub fn new(data_folder: Option<&Path>) -> Self {
        Self {
            folder: data_folder.map(|f| f.join("taught")),
            ..Self::default()
        }
    }

    /// What is shown.
    pub fn view(&self) -> &TeachView {
        &self.view
    }

    fn give(&mut self, title: String, case: GivenCase) {
        let names = case.table.labels().iter().map(|l| l.name.clone());
        self.view.cases.push(LessonCase {
            title,
            structures: names.collect(),
        });
        self.cases.push(case);
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
            }
        };
        teach::TeachRequest {
            cases: self.cases.iter().map(case).collect(),
            base: None,
            structure: form.structure.clone(),
            out,
            resume: Resume::WherePossible,
            method: None,
            steps: None,
            folds: None,
            unproven: form.unproven,
            device: DeviceChoice::Auto,
            date: crate::project::now().chars().take(10).collect(),
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
                    image: Arc::clone(case.image()),
                    labels: Arc::clone(case.labels()),
                    table: case.table().clone(),
                };
                self.teaching.give(case.title(), given);
            }
            TeachRequest::Forget(n) if n < self.teaching.cases.len() => {
                self.teaching.cases.remove(n);
                self.teaching.view.cases.remove(n);
            }
            TeachRequest::Forget(_) => {}
            TeachRequest::Teach(form) => self.begin_lesson(&form),
            TeachRequest::Accept => self.accept_lesson(),
            TeachRequest::Discard => {
                if let Some(adapter) = self.teaching.adapter.take() {
                    // One that stays behind is not used.
                    let _ = std::fs::remove_file(adapter);
                }
                self.teaching.view.result = None;
                self.teaching.view.said = "thrown away; the model is as it was".to_owned();
            }
            TeachRequest::RollBack => match roll_back() {
                Ok(now) => self.use_from_now_on(now),
                Err(error) => self.teaching.view.said = error.to_string(),
            },
        }
    }

    fn begin_lesson(&mut self, form: &TeachForm) {
        let Some(folder) = self.teaching.folder.clone() else {
            self.teaching.view.said = "there is no folder to keep it in".to_owned();
            return;
        };
        if let Err(error) = std::fs::create_dir_all(&folder) {
            self.teaching.view.said = format!("{}: {error}", folder.display());
            return;
        }
        let out = folder.join(format!("{}.safetensors", form.name));
        let request = self.teaching.request(form, out.clone());
        let report = Arc::clone(&self.teaching.report);
        let task = Task::without_model(move |ctx| {
            let done = teach::run(&request, ctx)?;
            *report.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
            Ok::<(), TrainError>(())
        });
        let id = self.engine.submit(Request::Training { task });
        self.jobs.add(Owner::Lesson(id), tr!("Teach"), true);
        self.teaching.adapter = Some(out);
        self.teaching.view.fraction = Some(0.0);
        self.teaching.view.result = None;
        self.teaching.view.said.clear();
    }

    /// Takes over how far a lesson is.
    pub(super) fn lesson_goes_on(&mut self, id: JobId, fraction: f32) {
        if self.jobs.find(|o| o == Owner::Lesson(id)).is_some() {
            self.teaching.view.fraction = Some(fraction);
        }
    }

    /// A lesson is over: done, cancelled, or failed for a reason.
    pub(super) fn lesson_ended(&mut self, failure: Option<String>) {
        let report = self.teaching.report.lock();
        let report = report.unwrap_or_else(PoisonError::into_inner).take();
        let view = &mut self.teaching.view;
        view.fraction = None;
        match (report, failure) {
            (Some(report), _) => {
                view.result = Some(LessonResult {
                    verdict: report.verdict,
                    measured: report.measured,
                    is_kept: report.bytes.is_some(),
                });
            }
            (None, Some(failure)) => view.said = failure,
            (None, None) => view.said = "stopped; teach again under this name to go on".to_owned(),
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
                self.use_from_now_on(Some(id));
            }
            Err(error) => self.teaching.view.said = error.to_string(),
        }
    }

    /// Computes with a model from now on, `None` being the one in the box.
    fn use_from_now_on(&mut self, id: Option<String>) {
        self.models = installed_models();
        let boxed = self.models.first().map(|card| card.id.clone());
        let Some(id) = id.or_else(chosen_model).or(boxed) else {
            return;
        };
        self.teaching.view.said = tr!("{id} is used from now on", id);
        self.choose_model(id);
    }
}
