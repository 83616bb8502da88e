//! Teaching: a model learns from a few of its user's cases, and shows on cases left out that it got better.

mod blind;
mod gate;
mod increments;
mod lesson;
mod measure;
mod methods;
mod pictured;
mod state;
mod structure;
mod task;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use burn::tensor::Device;

use crate::models::checkpoint::WeightMap;
use crate::models::taught::{TEACHABLE, starting_weights, write_adapter};
use crate::models::{
    Compared, ComputeDevice, DeviceChoice, ModelCard, Segmenter, StoredModel, Taught,
    TaughtStructure, Verdict, compute, open_model, open_stored, stored_model,
};
use crate::util::JobContext;
use crate::volume::{ImageVolume, LabelMap, Mask};

use super::TrainError;
use blind::mean_shape;
use increments::Plan;
use lesson::Lesson;
use measure::{Measured, Measurement, WITHOUT_PROMPT};
use methods::{Method, method_for, method_named, method_names};
use state::{Identity, State, digest};
use task::{Base, taught};

use gate::Again;
pub use gate::{CaseScores, Gain, Score};
pub use pictured::{Pictured, Shape};
pub use state::Resume;
pub use watch::{Seen, Watcher};

/// Seed of every random choice.
const SEED: u64 = 20_261_129;
/// Optimiser steps of a run, unless told.
const STEPS: usize = 160;
/// Parts that cases are divided into for cross-validation, unless told.
const FOLDS: usize = 3;
/// Most cases of one lesson; more are for `prosector train`.
pub const MOST_CASES: usize = 50;

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
#[derive(Debug, Clone)]
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
    pub method: &'static str,
    /// Number of values that learnt.
    pub parameters: usize,
    /// Length of the adapter's file; `None` where it was not written.
    pub bytes: Option<usize>,
    /// Wall time.
    pub seconds: f64,
}

/// Teaches, measures, and writes the adapter where it may be kept: better beyond noise, or not proven and wanted all the
/// same. What is worse is never written.
///
/// # Errors
/// Cases or a model that cannot be taught from or upon, a checkpoint or an adapter that cannot be written, a job asked to
/// stop.
pub fn run(request: &TeachRequest, ctx: &JobContext) -> Result<TeachReport, TrainError> {
    let began = Instant::now();
    let lesson = Teaching::prepared(request, ctx)?;
    let state = State::open(&request.out, &lesson.identity(), request.resume)?;
    request.watcher.tell(Seen::Begun {
        folds: lesson.folds.len(),
        steps: lesson.steps(),
    });
    let (scores, prompts_itself) = gate::chosen(lesson.cross_validated(&state)?);
    let verdict = gate::verdict(&scores);
    let measured = gate::compared(&scores);
    let mut report = TeachReport {
        verdict,
        card: lesson.card(prompts_itself, verdict, measured.clone()),
        gain: gate::gain(&scores),
        measured,
        held_out: scores,
        method: lesson.method.name,
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
        let all: Vec<usize> = (0..request.cases.len()).collect();
        let weights = lesson.learnt(&all, (&state, "all"), lesson.folds.len())?;
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
    base: StoredModel,
    /// The base's weights, narrowed to the structure where one is taught.
    start: WeightMap,
    structure: Option<TaughtStructure>,
    method: &'static Method,
    plan: Plan,
    /// The cases that each fold leaves out.
    folds: Vec<Vec<usize>>,
    compute: ComputeDevice,
    device: Device,
    ctx: &'a JobContext,
}

impl<'a> Teaching<'a> {
    fn prepared(request: &'a TeachRequest, ctx: &'a JobContext) -> Result<Self, TrainError> {
        crate::io::atomic::check_target(&request.out)?;
        let count = request.cases.len();
        let refuse = |reason: String| Err(TrainError::Teach(reason));
        if count == 0 || count > MOST_CASES {
            return refuse(format!(
                "{count} cases are given: a lesson takes 1 to {MOST_CASES}; learn from more with `prosector train`"
            ));
        }
        let base = stored_model(request.base.as_deref())?;
        if base.card.system != TEACHABLE || base.card.taught.is_some() {
            return refuse(format!(
                "'{}' cannot be taught yet: give the model in the box, or one that was trained like it",
                base.card.id
            ));
        }
        let structure = request.structure.as_deref();
        let structure = structure
            .map(|name| structure::of_cases(name, &request.cases, &base.card))
            .transpose()?;
        let finds = structure.is_some();
        let method = match &request.method {
            None => method_for(count, finds),
            Some(name) => method_named(name).ok_or_else(|| {
                let known = method_names().join(", ");
                TrainError::Teach(format!(
                    "there is no method '{name}': choose one of {known}"
                ))
            })?,
        };
        let start = starting_weights(&base, structure.as_ref())?;
        let (compute, device) = compute::open(request.device)?;
        Ok(Self {
            request,
            plan: Plan::new(method, &start, finds),
            folds: folds(&patients(&request.cases), request.folds.unwrap_or(FOLDS)),
            base,
            start,
            structure,
            method,
            compute,
            device,
            ctx,
        })
    }

    fn steps(&self) -> usize {
        self.request.steps.unwrap_or(STEPS).max(1)
    }

    fn identity(&self) -> Identity {
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
            [target, scan]
        };
        let left_out = self.folds.iter().flat_map(|fold| {
            let cases = fold.iter().map(|&case| case as u64);
            cases.chain([u64::MAX])
        });
        Identity {
            base_sha256: self.base.card.sha256.clone(),
            method: self.method.name.to_owned(),
            steps: self.steps(),
            folds: self.folds.len(),
            cases_sha256: digest(self.request.cases.iter().flat_map(of_case).chain(left_out)),
        }
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
        let all = 0..self.request.cases.len();
        let others: Vec<usize> = all.filter(|case| !left_out.contains(case)).collect();
        let weights = self.learnt(&others, (state, &format!("run_{fold}")), fold)?;
        let device = self.request.device;
        let taught = |prompts_itself: bool| {
            let card = self.card(prompts_itself, Verdict::NotProven, Vec::new());
            open_stored(StoredModel::new(card, weights.clone()), device)
        };
        let after = taught(false)?;
        let again = self.structure.as_ref().map(|_| taught(true)).transpose()?;
        let before = open_model(Some(&self.base.card.id), device)?;
        let measured = |case: usize| -> Result<CaseScores, TrainError> {
            let given = &self.request.cases[case];
            let of = |model: &dyn Segmenter| {
                let measurement = Measurement {
                    model,
                    structure: self.structure.as_ref(),
                    ctx: self.ctx,
                };
                measurement.of(given)
            };
            let is_new = self.structure.as_ref().is_some_and(|s| !s.known_to_base);
            let before = match is_new {
                true => {
                    let masks = others.iter().map(|&o| self.request.cases[o].target());
                    let shape = mean_shape(given.image.grid(), &masks.collect::<Vec<_>>());
                    Measured::of(WITHOUT_PROMPT, &shape, &given.target())
                }
                false => of(before.as_ref())?,
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
        left_out.iter().map(|&case| measured(case)).collect()
    }

    /// Learns from some of the cases, as the `place`th of the job's runs.
    fn learnt(
        &self,
        cases: &[usize],
        (state, name): (&State, &str),
        place: usize,
    ) -> Result<WeightMap, TrainError> {
        let chosen: Vec<&TeachCase> = cases.iter().map(|&c| &self.request.cases[c]).collect();
        let lesson = Lesson {
            structure: self.structure.as_ref(),
            steps: self.steps(),
            rate: self.method.rate,
            seed: SEED,
        };
        let (config, samples) = lesson.prepared(&chosen);
        let base = Base {
            weights: &self.start,
            structures: self
                .structure
                .as_ref()
                .map_or(self.base.card.structures.len(), |_| 1),
            compute: &self.compute,
            device: &self.device,
        };
        let runs = (self.folds.len() + 1) as f32;
        let share = place as f32 / runs..(place + 1) as f32 / runs;
        let folder = state.run(name);
        let resumed = (folder.as_path(), self.request.resume != Resume::Never);
        let told = |step: usize, loss: f64| {
            let run = place;
            self.request.watcher.tell(Seen::Step { run, step, loss });
        };
        taught(
            &base,
            &self.plan,
            (&config, &samples),
            resumed,
            share,
            (self.ctx, &told),
        )
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
        let cases = self.request.cases.len();
        let mut card = ModelCard {
            title: format!("{} taught: {id}", base.title),
            description: format!(
                "{}, taught on {cases} cases of its user: {what}; {}. Not for clinical use.",
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
                measured,
            }),
            ..base.clone()
        };
        if let Some(taught) = &self.structure {
            structure::add(taught, &mut card);
        }
        card
    }
}

/// Of each case the number of its patient, in the order in which they come; who is not named is nobody else.
fn patients(cases: &[TeachCase]) -> Vec<usize> {
    let mut known: Vec<Option<&str>> = Vec::new();
    let mut numbers = Vec::new();
    for case in cases {
        let name = case.patient.as_deref();
        let before = known
            .iter()
            .position(|other| name.is_some() && *other == name);
        numbers.push(before.unwrap_or(known.len()));
        if before.is_none() {
            known.push(name);
        }
    }
    numbers
}

/// Which cases each of so many parts leaves out, by whose they are; none of no parts, and where all are of one patient.
fn folds(patients: &[usize], parts: usize) -> Vec<Vec<usize>> {
    let count = patients.iter().max().map_or(0, |last| last + 1);
    if count < 2 || parts == 0 {
        return Vec::new();
    }
    let parts = parts.clamp(2, count);
    let of_part = |part: usize| {
        let cases = patients.iter().enumerate();
        let own = cases.filter(|(_, patient)| *patient % parts == part);
        own.map(|(case, _)| case).collect()
    };
    (0..parts).map(of_part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scans_of_one_patient_are_left_out_together() {
        assert_eq!(folds(&[0, 1, 2, 3], 3), [vec![0, 3], vec![1], vec![2]]);
        assert_eq!(
            folds(&[0, 0, 1, 2, 1], 3),
            [vec![0, 1], vec![2, 4], vec![3]]
        );
        assert_eq!(folds(&[0, 1], 5), [[0], [1]]);
        assert!(folds(&[0, 0, 0], 3).is_empty());
        assert!(folds(&[0, 1, 2], 0).is_empty());
        assert!(folds(&[], 3).is_empty());
    }
}
