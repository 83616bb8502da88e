//! How well a model answers on a case: without a prompt, or given a box and simulated clicks.

use crate::models::{ScanKey, Segmenter, TaughtStructure};
use crate::prompt::{PromptSet, correcting_click, loosened_box};
use crate::util::JobContext;
use crate::volume::Mask;
use crate::volume::metrics::Agreement;

use super::super::TrainError;
use super::TeachCase;
use super::gate::Score;
use super::pictured::Shape;

/// What is given where nothing is.
pub(super) const WITHOUT_PROMPT: &str = "no prompt";
/// Surfaces nearer than this agree.
const TOLERANCE_MM: f64 = 2.0;
/// Labels of a case that are pointed at, the largest.
const MOST_LABELS: usize = 4;
/// Clicks after which an answer to clicks is measured.
const MEASURED_CLICKS: [usize; 2] = [1, 3];

/// A model, and which of its answers are measured.
pub(super) struct Measurement<'a> {
    pub model: &'a dyn Segmenter,
    /// What is found without a prompt; `None` where prompts are given.
    pub structure: Option<&'a TaughtStructure>,
    /// Whether clicks can tell it what is missing alone.
    pub only_adds: bool,
    pub ctx: &'a JobContext,
}

/// How well a model answered on a case.
pub(super) struct Measured {
    /// In the same order for each case.
    pub scores: Vec<Score>,
    /// What a picture shows of it: the answer to what was given first, of prompts that about the largest label.
    pub answer: Shape,
    /// What that answer should be.
    pub truth: Shape,
}

impl Measured {
    /// Of one answer.
    pub fn of(given: &str, answer: &Mask, truth: &Mask) -> Self {
        Self {
            scores: vec![score(given, answer, truth)],
            answer: Shape::of(answer),
            truth: Shape::of(truth),
        }
    }
}

impl Measurement<'_> {
    /// What the model does on a case.
    ///
    /// # Errors
    /// A scan that the model does not take, a job asked to stop.
    pub fn of(&self, case: &TeachCase) -> Result<Measured, TrainError> {
        let measured = match self.structure {
            Some(taught) => self.found(case, taught)?,
            None => self.pointed_at(case)?,
        };
        self.model.drop_caches();
        Ok(measured)
    }

    fn found(&self, case: &TeachCase, taught: &TaughtStructure) -> Result<Measured, TrainError> {
        let wanted = [taught.name.clone()];
        let ctx = self.ctx.unreported();
        let found = self
            .model
            .segment_auto(&case.image, ScanKey(1), Some(&wanted), &ctx)?;
        let value = found.table.by_name(&taught.name).map(|l| l.value);
        let mask = match value {
            Some(value) => found.labels.mask_of(value),
            None => Mask::empty(*case.image.grid()),
        };
        Ok(Measured::of(WITHOUT_PROMPT, &mask, &case.target()))
    }

    fn pointed_at(&self, case: &TeachCase) -> Result<Measured, TrainError> {
        let mut counts = case.truth.counts();
        counts.retain(|(value, _)| case.values.contains(value));
        counts.sort_by_key(|&(value, count)| (std::cmp::Reverse(count), value));
        counts.truncate(MOST_LABELS);
        let mut sums: Vec<Score> = Vec::new();
        let (mut answer, mut truth) = (Shape::default(), Shape::default());
        for &(value, _) in &counts {
            let mut target = case.truth.mask_of(value);
            target.grid = *case.image.grid();
            let (scores, boxed) = self.dialogue(case, &target)?;
            match sums.is_empty() {
                true => {
                    sums = scores;
                    (answer, truth) = (Shape::of(&boxed), Shape::of(&target));
                }
                false => sums.iter_mut().zip(scores).for_each(|(sum, score)| {
                    sum.dice += score.dice;
                    sum.nsd += score.nsd;
                    // A label without a surface leaves the mean without one.
                    sum.assd_mm = sum.assd_mm.zip(score.assd_mm).map(|(a, b)| a + b);
                }),
            }
        }
        let count = counts.len() as f64;
        for sum in &mut sums {
            sum.dice /= count;
            sum.nsd /= count;
            sum.assd_mm = sum.assd_mm.map(|mm| mm / count);
        }
        Ok(Measured {
            scores: sums,
            answer,
            truth,
        })
    }

    /// What the model takes of a tight box, and, from nothing, clicks where the error is largest; the first answer too.
    fn dialogue(&self, case: &TeachCase, target: &Mask) -> Result<(Vec<Score>, Mask), TrainError> {
        let card = self.model.card();
        let mut answers = Vec::new();
        if card.boxes {
            let tight = PromptSet {
                target_box: target
                    .bounds()
                    .map(|b| loosened_box(b, 0.0, case.image.grid())),
                ..PromptSet::default()
            };
            answers.push(("box".to_owned(), self.answer(case, &tight, None)?));
        }
        if card.clicks {
            self.corrected(case, target, &mut answers)?;
        }
        let scores = answers
            .iter()
            .map(|(given, mask)| score(given, mask, target));
        let scores = scores.collect();
        let first = answers.into_iter().next();
        Ok((
            scores,
            first.map_or_else(|| Mask::empty(target.grid), |(_, mask)| mask),
        ))
    }

    /// The answers to some of the clicks.
    fn corrected(
        &self,
        case: &TeachCase,
        target: &Mask,
        answers: &mut Vec<(String, Mask)>,
    ) -> Result<(), TrainError> {
        let mut prompts = PromptSet::default();
        let mut current = Mask::empty(target.grid);
        for count in 1..=MEASURED_CLICKS[1] {
            let click = match self.only_adds {
                true => correcting_click(&both(&current, target), target),
                false => correcting_click(&current, target),
            };
            if let Some(click) = click {
                prompts.clicks.push(click);
                let prior = (count > 1).then_some(&current);
                current = self.answer(case, &prompts, prior)?;
            }
            if MEASURED_CLICKS.contains(&count) {
                answers.push((format!("click {count}"), current.clone()));
            }
        }
        Ok(())
    }

    fn answer(
        &self,
        case: &TeachCase,
        prompts: &PromptSet,
        prior: Option<&Mask>,
    ) -> Result<Mask, TrainError> {
        let ctx = self.ctx.unreported();
        let answer = self
            .model
            .segment_prompted(&case.image, ScanKey(1), prompts, prior, &ctx)?;
        Ok(answer.mask)
    }
}

/// What is of both masks.
fn both(a: &Mask, b: &Mask) -> Mask {
    let voxels = a.voxels.iter().zip(&b.voxels);
    Mask {
        grid: a.grid,
        voxels: voxels.map(|(a, b)| u8::from(*a != 0 && *b != 0)).collect(),
    }
}

/// How well a mask agrees with the truth.
fn score(given: &str, mask: &Mask, truth: &Mask) -> Score {
    let agreement = Agreement::between(mask, truth, TOLERANCE_MM);
    Score {
        given: given.to_owned(),
        dice: agreement.dice,
        nsd: agreement.nsd,
        assd_mm: agreement.assd_mm,
    }
}
