//! Teaching: a model learns from a few of its user's cases, and shows on cases left out that it got better.

mod blind;
mod folds;
mod gate;
mod increments;
mod measure;
mod methods;
mod pictured;
mod state;
mod structure;
mod students;
mod task;
mod teacher;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::models::checkpoint::WeightMap;
use crate::models::taught::write_adapter;
use crate::models::{
    Compared, ComputeDevice, DeviceChoice, ModelCard, Segmenter, StoredModel, Taught, TaughtBy,
    TaughtStructure, Verdict, compute, open_model, open_stored, stored_model,
};
use crate::util::JobContext;
use crate::volume::{ImageVolume, LabelMap, Mask};

use super::TrainError;
use super::config::Schedule;
use blind::mean_shape;
use folds::{folds, patients};
use increments::Plan;
use measure::{Measured, Measurement, WITHOUT_PROMPT};
use methods::{Method, method_named, method_names};
use state::{Identity, State, digest};
use students::{Setup, Student, student_of};
use task::Run;
use teacher::{Learned, Teacher};

use gate::Again;
pub use gate::{CaseScores, Gain, Score};
pub use pictured::{Pictured, Shape};
pub use state::Resume;
pub use teacher::Distillation;
pub use watch::{Seen, Watcher};

/// Seed of every random choice.
const SEED: u64 = 20_261_129;
/// Optimiser steps of a run, unless told.
const STEPS: usize = 160;
/// Parts that cases are divided into for cross-validation, unless told.
const FOLDS: usize = 3;
/// Most cases of one lesson; more are for `prosector train`.
pub const MOST_CASES: usize = 50;

/// What a lesson does with what is asked of it: [`run`], or something in its place.
pub type TeachesBy =
    Arc<dyn Fn(&TeachRequest, &JobContext) -> Result<TeachReport, TrainError> + Send + Sync>;

/// A scan and what its user drew in it.
pub struct TeachCase {
    /// The scan.
    pub image: Arc<ImageVolume>,
    /// Labels on its grid.
    pub truth: LabelMap,
    /// The values that count; together they are the structure, where one is taught.
    pub values: Vec<u16>,
    /// Whose scan it is, where several may be of one patient: these are left out together.
    pub patient: Option<String>,
    /// Whether somebody labelled it. Of a scan that nobody did nothing is known, and a teacher's answer is learnt.
    pub is_labelled: bool,
}

impl TeachCase {
    /// Whether each voxel belongs to what counts.
    fn targets(&self) -> Vec<bool> {
        let voxels = self.truth.voxels.iter();
        voxels.map(|v| self.values.contains(v)).collect()
    }

    /// The same as a mask on the scan's grid.
    fn target(&self) -> Mask {
        Mask {
            grid: *self.image.grid(),
            voxels: self.targets().into_iter().map(u8::from).collect(),
        }
    }
}

/// What is to be taught.
pub struct TeachRequest {
    /// The user's cases.
    pub cases: Vec<TeachCase>,
    /// The model to teach; `None`: the one in the box.
    pub base: Option<String>,
    /// What is to be found without a prompt; `None`: answers to prompts are taught.
    pub structure: Option<String>,
    /// A model whose answers are learnt too; `None`: labels alone teach.
    pub distillation: Option<Distillation>,
    /// The adapter's file.
    pub out: PathBuf,
    /// Which weights learn, by name; `None`: chosen by the number of cases.
    pub method: Option<String>,
    /// Optimiser steps; `None`: as usual.
    pub steps: Option<usize>,
    /// Parts for cross-validation, none: without it, which proves nothing; `None`: as usual.
    pub folds: Option<usize>,
    /// Whether it is kept when it is not proven to be better.
    pub unproven: bool,
    /// Whether to go on from the last checkpoint.
    pub resume: Resume,
    /// Where it computes.
    pub device: DeviceChoice,
    /// The day, for the card.
    pub date: String,
    /// Who sees how it goes on.
    pub watcher: Watcher,
}

/// What teaching came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TeachReport {
    /// What cross-validation showed.
    pub verdict: Verdict,
    /// Before and after, on cases left out.
    pub measured: Vec<Compared>,
    /// The same of each case, in the order in which they were left out.
    pub held_out: Vec<CaseScores>,
    /// How much better it is; `None` where nothing was left out.
    pub gain: Option<Gain>,
    /// The card of what was taught, whether it was kept or not.
    pub card: ModelCard,
    /// Which weights learnt.
    pub method: String,
    /// Number of values that learnt.
    pub parameters: usize,
    /// Length of the adapter's file; `None` where it was not written.
    pub bytes: Option<usize>,
    /// Wall time.
    pub seconds: f64,
}

impl TeachReport {
    /// Why nothing was measured, where nothing was.
    pub fn unmeasured(&self) -> Option<&'static str> {
        let teacher = self.card.taught.as_ref().and_then(|t| t.teacher.as_ref());
        match (self.gain, teacher) {
            (Some(_), _) => None,
            (None, Some(teacher)) if teacher.labelled == 0 => Some(
                "No case has labels, so nothing was measured: a teacher's answers are no proof.",
            ),
            (None, _) => {
                Some("No case was left out, so nothing was measured, and nothing is proven.")
            }
        }
    }
}

/// Teaches, measures, and writes the adapter where it may be kept: better beyond noise, or not proven and wanted all the
/// same. What is worse is never written.
///
/// # Errors
/// Cases or a model that cannot be taught from or upon, a checkpoint or an adapter that cannot be written, a job asked to
/// stop.
pub fn run(request: &TeachRequest, ctx: &JobContext) -> Result<TeachReport, TrainError> {
    let began = Instant::now();
    let (lesson, state) = Teaching::prepared(request, ctx)?;
    request.watcher.tell(Seen::Begun {
        folds: lesson.folds.len(),
        steps: lesson.steps(),
    });
    let (scores, prompts_itself) = gate::chosen(lesson.cross_validated(&state)?);
    let verdict = gate::verdict(&scores);
    let measured = lesson.compared(&scores);
    let mut report = TeachReport {
        verdict,
        card: lesson.card(prompts_itself, verdict, measured.clone()),
        gain: gate::gain(&scores),
        measured,
        held_out: scores,
        method: lesson.method.name.to_owned(),
        parameters: lesson.plan.parameters(),
        bytes: None,
        seconds: 0.0,
    };
    let is_kept = match verdict {
        Verdict::Better => true,
        Verdict::NotProven => request.unproven,
        Verdict::Worse => false,
    };
    if is_kept {
        let weights = lesson.learnt(&lesson.given, (&state, "all"), lesson.folds.len())?;
        report.bytes = Some(write_adapter(&request.out, &report.card, &weights)?);
    }
    if is_kept || verdict == Verdict::Worse {
        state.remove();
    }
    report.seconds = began.elapsed().as_secs_f64();
    Ok(report)
}

/// A lesson with all that it takes.
struct Teaching<'a> {
    request: &'a TeachRequest,
    /// The cases that are learnt from.
    given: Vec<usize>,
    teacher: Option<Teacher<'a>>,
    base: StoredModel,
    student: &'static Student,
    /// The base's weights, narrowed to the structure where one is taught.
    start: WeightMap,
    structure: Option<TaughtStructure>,
    method: &'static Method,
    plan: Plan,
    /// The cases that each fold leaves out.
    folds: Vec<Vec<usize>>,
    compute: ComputeDevice,
    /// One that tracks gradients.
    device: Device,
    ctx: &'a JobContext,
}

impl<'a> Teaching<'a> {
    /// A lesson, and where its state is kept. A teacher has answered.
    fn prepared(
        request: &'a TeachRequest,
        ctx: &'a JobContext,
    ) -> Result<(Self, State), TrainError> {
        crate::io::atomic::check_target(&request.out)?;
        let distillation = teacher::checked(request)?;
        let cases = request.cases.iter().enumerate();
        let learnt = cases.filter(|(_, case)| case.is_labelled || distillation.is_some());
        let given: Vec<usize> = learnt.map(|(case, _)| case).collect();
        let count = given.len();
        if count == 0 || count > MOST_CASES {
            return Err(TrainError::Teach(format!(
                "{count} cases are given: a lesson takes 1 to {MOST_CASES}; learn from more with `prosector train`"
            )));
        }
        let base = stored_model(request.base.as_deref())?;
        let name = request.structure.as_deref();
        let (student, opened) = student_of(&base, name)?;
        let method = chosen_method(request, student, count)?;
        let mut teacher = distillation
            .zip(name)
            .map(|(asked, name)| Teacher::new(asked, name, &request.cases))
            .transpose()?;
        let folds = folds(&patients(&request.cases), request.folds.unwrap_or(FOLDS));
        let told = teacher.as_ref().map(Teacher::told);
        let identity = identity(request, &base.card, (method, &folds, told));
        let state = State::open(&request.out, &identity, request.resume)?;
        if let Some(teacher) = &mut teacher {
            teacher.ask(request, &state, ctx)?;
        }
        let learned: Vec<Learned<'_>> = given
            .iter()
            .map(|&case| learned(request, teacher.as_ref(), case))
            .collect();
        let known = (&base.card, student);
        let structure = name.map(|name| structure::of_cases(name, &learned, known));
        let structure = match structure.transpose() {
            Ok(structure) => structure,
            Err(error) => {
                state.remove();
                return Err(error);
            }
        };
        let finds = structure.is_some();
        let start = (opened.start)(&base, structure.as_ref())?;
        let (compute, device) = compute::open(request.device)?;
        let lesson = Self {
            request,
            given,
            teacher,
            plan: Plan::new(method, &start, |name| (student.role)(name, &start, finds)),
            folds,
            base,
            student,
            start,
            structure,
            method,
            compute,
            device: device.autodiff(),
            ctx,
        };
        Ok((lesson, state))
    }

    fn steps(&self) -> usize {
        steps(self.request)
    }

    /// What the folds show of the cases that they leave out.
    fn cross_validated(&self, state: &State) -> Result<Vec<CaseScores>, TrainError> {
        let mut scores = Vec::new();
        for (fold, left_out) in self.folds.iter().enumerate() {
            let done = match state.scores(fold) {
                Some(done) => done,
                None => {
                    let done = self.fold(fold, left_out, state)?;
                    state.keep_scores(fold, done.clone())?;
                    done
                }
            };
            let cases = done.clone();
            self.request.watcher.tell(Seen::Fold { fold, cases });
            scores.extend(done);
        }
        Ok(scores)
    }

    fn fold(
        &self,
        fold: usize,
        left_out: &[usize],
        state: &State,
    ) -> Result<Vec<CaseScores>, TrainError> {
        let given = self.given.iter().copied();
        let others: Vec<usize> = given.filter(|case| !left_out.contains(case)).collect();
        let weights = self.learnt(&others, (state, &format!("run_{fold}")), fold)?;
        let device = self.request.device;
        let taught = |prompts_itself: bool| {
            let card = self.card(prompts_itself, Verdict::NotProven, Vec::new());
            open_stored(StoredModel::new(card, weights.clone()), device)
        };
        let after = taught(false)?;
        let finds = self.structure.is_some();
        let again = (finds && self.student.takes_prompts).then(|| taught(true));
        let again = again.transpose()?;
        let is_new = self.structure.as_ref().is_some_and(|s| !s.known_to_base);
        let before = match is_new {
            true => None,
            false => Some(open_model(Some(&self.base.card.id), device)?),
        };
        let measured = |case: usize| -> Result<CaseScores, TrainError> {
            let given = &self.request.cases[case];
            let of = |model: &dyn Segmenter| {
                let measurement = Measurement {
                    model,
                    structure: self.structure.as_ref(),
                    only_adds: self.student.only_adds,
                    ctx: self.ctx,
                };
                measurement.of(given)
            };
            let before = match &before {
                None => {
                    let masks = self.labelled(&others).map(|(_, case)| case.target());
                    let shape = mean_shape(given.image.grid(), &masks.collect::<Vec<_>>());
                    Measured::of(WITHOUT_PROMPT, &shape, &given.target())
                }
                Some(base) => of(base.as_ref())?,
            };
            let after = of(after.as_ref())?;
            let again = again.as_deref().map(of).transpose()?;
            Ok(CaseScores {
                case,
                before: before.scores,
                after: after.scores,
                pictured: Pictured {
                    truth: after.truth,
                    before: before.answer,
                    after: after.answer,
                },
                again: again.map(|again| Again {
                    scores: again.scores,
                    shape: again.answer,
                }),
            })
        };
        let labelled = self.labelled(left_out);
        labelled.map(|(case, _)| measured(case)).collect()
    }

    /// Those of some cases that are labelled.
    fn labelled<'b>(
        &'b self,
        cases: &'b [usize],
    ) -> impl Iterator<Item = (usize, &'b TeachCase)> + 'b {
        let cases = cases.iter().map(|&n| (n, &self.request.cases[n]));
        cases.filter(|(_, case)| case.is_labelled)
    }

    /// Before and after, and how a teacher itself answers on these cases.
    fn compared(&self, scores: &[CaseScores]) -> Vec<Compared> {
        let mut rows = gate::compared(scores);
        if let Some(teacher) = &self.teacher {
            let cases: Vec<usize> = scores.iter().map(|s| s.case).collect();
            let dice = teacher.dice(&self.labelled(&cases).collect::<Vec<_>>());
            rows.iter_mut().for_each(|row| row.dice_teacher = dice);
        }
        rows
    }

    /// Learns from some of the cases, as the `place`th of the job's runs.
    fn learnt(
        &self,
        cases: &[usize],
        (state, name): (&State, &str),
        place: usize,
    ) -> Result<WeightMap, TrainError> {
        let chosen: Vec<Learned<'_>> = cases
            .iter()
            .map(|&case| learned(self.request, self.teacher.as_ref(), case))
            .collect();
        let schedule = self.schedule();
        let kept = state.encoded();
        let pupil = (self.student.pupil)(Setup {
            base: &self.base.card,
            start: &self.start,
            structure: self.structure.as_ref(),
            cases: &chosen,
            plan: &self.plan,
            schedule: &schedule,
            kept: &kept,
            compute: &self.compute,
            device: &self.device,
            ctx: self.ctx,
        })?;
        let runs = (self.folds.len() + 1) as f32;
        let run = Run {
            pupil: pupil.as_ref(),
            plan: &self.plan,
            schedule: &schedule,
            device: &self.device,
            folder: &state.run(name),
            resume: self.request.resume != Resume::Never,
            share: place as f32 / runs..(place + 1) as f32 / runs,
            ctx: self.ctx,
            told: &|step, loss| {
                let run = place;
                self.request.watcher.tell(Seen::Step { run, step, loss });
            },
        };
        run.taught()
    }

    fn schedule(&self) -> Schedule {
        let steps = self.steps();
        Schedule {
            seed: SEED,
            steps,
            batch: self.student.batch,
            learning_rate: self.student.rate(self.method),
            warmup: (steps / 10).max(1),
            weight_decay: 0.0,
            average: 0.0,
            checkpoint_every: 10,
        }
    }

    /// The card of what is taught.
    fn card(&self, prompts_itself: bool, verdict: Verdict, measured: Vec<Compared>) -> ModelCard {
        let id = self.request.out.file_stem().unwrap_or_default();
        let id = id.to_string_lossy().into_owned();
        let base = &self.base.card;
        let what = match &self.structure {
            Some(s) => format!("finds {} without a prompt", s.name),
            None => "answers boxes and clicks as in these cases".to_owned(),
        };
        let cases = self.given.len();
        let teacher = self.teacher.as_ref();
        let teacher = teacher.map(|t| (t.told(), t.notices()));
        let by = teacher.as_ref().map_or_else(String::new, |(told, _)| {
            format!(
                " ({} of them labelled) and by the answers of '{}' (lambda {})",
                told.labelled, told.id, told.lambda
            )
        });
        let mut card = ModelCard {
            title: format!("{} taught: {id}", base.title),
            description: format!(
                "{}, taught on {cases} cases of its user{by}: {what}; {}. Not for clinical use.",
                base.title,
                verdict.words()
            ),
            id,
            measured_dice: measured
                .iter()
                .map(|row| (format!("left-out cases, {}", row.given), row.dice_after))
                .collect(),
            taught: Some(Taught {
                base: base.id.clone(),
                base_sha256: base.sha256.clone(),
                method: self.method.name.to_owned(),
                cases,
                date: self.request.date.clone(),
                verdict,
                structure: self.structure.clone().map(|s| TaughtStructure {
                    prompts_itself,
                    ..s
                }),
                teacher: teacher.as_ref().map(|(told, _)| told.clone()),
                measured,
            }),
            ..base.clone()
        };
        for notice in teacher.into_iter().flat_map(|(_, notices)| notices) {
            if !card.notices.contains(&notice) {
                card.notices.push(notice);
            }
        }
        if let Some(taught) = &self.structure {
            structure::add(taught, &mut card);
        }
        card
    }
}

/// Optimiser steps of each run.
fn steps(request: &TeachRequest) -> usize {
    request.steps.unwrap_or(STEPS).max(1)
}

/// A case with what a teacher answered there, where one teaches.
fn learned<'a>(
    request: &'a TeachRequest,
    teacher: Option<&Teacher<'_>>,
    case: usize,
) -> Learned<'a> {
    let given = &request.cases[case];
    match teacher {
        Some(teacher) => teacher.beside(case, given),
        None => Learned::labelled(case, given),
    }
}

/// The method that is asked for, or that suits so many cases.
fn chosen_method(
    request: &TeachRequest,
    student: &Student,
    cases: usize,
) -> Result<&'static Method, TrainError> {
    let Some(name) = &request.method else {
        return Ok((student.method)(cases, request.structure.is_some()));
    };
    method_named(name).ok_or_else(|| {
        let known = method_names().join(", ");
        TrainError::Teach(format!(
            "there is no method '{name}': choose one of {known}"
        ))
    })
}

/// What tells this run from others.
fn identity(
    request: &TeachRequest,
    base: &ModelCard,
    (method, folds, teacher): (&Method, &[Vec<usize>], Option<TaughtBy>),
) -> Identity {
    let of_case = |c: &TeachCase| {
        let places = (0..).zip(c.targets()).filter(|(_, is_target)| *is_target);
        let target = places.fold(0u64, |sum, (place, _): (u64, bool)| {
            sum.rotate_left(5) ^ place
        });
        let step = (c.image.grid().len() / 4096).max(1);
        let values = (0..c.image.grid().len()).step_by(step);
        let scan = values.fold(0u64, |sum, v| {
            sum.rotate_left(5) ^ c.image.value(v).to_bits()
        });
        [target, scan, u64::from(c.is_labelled)]
    };
    let left_out = folds.iter().flat_map(|fold| {
        let cases = fold.iter().map(|&case| case as u64);
        cases.chain([u64::MAX])
    });
    Identity {
        base_sha256: base.sha256.clone(),
        method: method.name.to_owned(),
        steps: steps(request),
        folds: folds.len(),
        cases_sha256: digest(request.cases.iter().flat_map(of_case).chain(left_out)),
        teacher,
    }
}
