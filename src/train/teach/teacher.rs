//! A teacher: an installed model that finds the structure by itself, and that the student learns from beside its user's
//! labels, or where there are none.
//!
//! Of each sample the loss is (1 - lambda) · loss(labels) + lambda · loss(answer), as AutoProSAM's authors have it, and of a
//! scan without labels the answer's alone. It is the losses that are mixed: cross-entropy is linear in its target, so a mixed
//! target would do, but Dice is not.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::models::{
    ModelCard, ScanKey, Segmenter, TaughtBy, TeacherAnswers, UncertainPart, open_model,
    stored_model,
};
use crate::util::JobContext;
use crate::volume::metrics::dice;
use crate::volume::{Mask, Modality};

use super::super::TrainError;
use super::super::answered::Answered;
use super::state::State;
use super::structure::modality;
use super::watch::Seen;
use super::{TeachCase, TeachRequest};

/// Which model teaches, and how much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Distillation {
    /// The teacher: an installed model, by its id.
    pub teacher: String,
    /// What the teacher calls the structure; `None`: as its user does.
    pub structure: Option<String>,
    /// Share of the teacher's answers in the loss where there are labels too, 0 to 1. At 0 labels alone teach, and the
    /// teacher is not asked; at 1 its answers alone.
    pub lambda: f64,
}

/// Which teacher a lesson asks, and how; `None` where labels alone teach.
///
/// # Errors
/// What does not go together, in words.
pub(super) fn checked(request: &TeachRequest) -> Result<Option<&Distillation>, TrainError> {
    let refuse = |reason: &str| Err(TrainError::Teach(reason.to_owned()));
    let has_labels = request.cases.iter().any(|c| c.is_labelled);
    let all_labelled = request.cases.iter().all(|c| c.is_labelled);
    match &request.distillation {
        None if !all_labelled => refuse(
            "some cases have no labels: choose a teacher that answers there, or leave them out",
        ),
        None => Ok(None),
        Some(asked) if !(0.0..=1.0).contains(&asked.lambda) => {
            refuse("lambda is the teacher's share in the loss: give a number from 0 to 1")
        }
        Some(_) if request.structure.is_none() => refuse(
            "a teacher answers without a prompt: name the structure that it is to teach (--structure)",
        ),
        Some(asked) if asked.lambda == 0.0 && !has_labels => refuse(
            "with lambda 0 labels alone teach, and no case has any: give a higher lambda, or cases with labels",
        ),
        Some(_) if has_labels && !request.cases.iter().any(|c| c.targets().contains(&true)) => {
            refuse(
                "no labelled case shows the structure: name one of their labels, or give the label values in the file of cases",
            )
        }
        Some(asked) => Ok(Some(asked).filter(|asked| asked.lambda > 0.0)),
    }
}

/// A teacher, and what it answered.
pub(super) struct Teacher<'a> {
    asked: &'a Distillation,
    card: ModelCard,
    /// What it calls the structure.
    structure: &'a str,
    /// How many of the cases are labelled.
    labelled: usize,
    /// How sure it is of each voxel of each case, in percent.
    answers: Vec<Arc<[u8]>>,
}

impl<'a> Teacher<'a> {
    /// A teacher that was asked nothing yet.
    ///
    /// # Errors
    /// Scans of several modalities, no such model, one that does not find the structure by itself in such scans.
    pub fn new(
        asked: &'a Distillation,
        structure: &'a str,
        cases: &[TeachCase],
    ) -> Result<Self, TrainError> {
        let modality = modality(cases.iter().map(|case| case.image.as_ref()))?;
        let card = stored_model(Some(&asked.teacher))?.card;
        let structure = asked.structure.as_deref().unwrap_or(structure);
        check(&card, structure, modality)?;
        Ok(Self {
            asked,
            card,
            structure,
            labelled: cases.iter().filter(|case| case.is_labelled).count(),
            answers: Vec::new(),
        })
    }

    /// Asks about every case once; what an earlier run kept in `state` is not asked again. The teacher's network is gone
    /// afterwards.
    ///
    /// # Errors
    /// A model or a scan that does not fit, an answer that cannot be kept, a job asked to stop.
    pub fn ask(
        &mut self,
        request: &TeachRequest,
        state: &State,
        ctx: &JobContext,
    ) -> Result<(), TrainError> {
        let mut told = TeacherAnswers {
            cases: request.cases.len(),
            ..TeacherAnswers::default()
        };
        let mut model = None;
        for (n, case) in request.cases.iter().enumerate() {
            ctx.step(0.0, "the teacher answers")?;
            let known = state.answer(n, case.image.grid().len());
            let percent = match known {
                Some(percent) => percent,
                None => {
                    let model = match &model {
                        Some(model) => model,
                        None => {
                            model.insert(open_model(Some(&self.asked.teacher), request.device)?)
                        }
                    };
                    let percent = self.answer(model.as_ref(), case, ctx)?;
                    state.keep_answer(n, &percent)?;
                    percent
                }
            };
            told.asked += 1;
            told.found += usize::from(percent.iter().any(|&p| is_inside(p)));
            request.watcher.tell(Seen::Answered(told));
            self.answers.push(percent.into());
        }
        Ok(())
    }

    fn answer(
        &self,
        model: &dyn Segmenter,
        case: &TeachCase,
        ctx: &JobContext,
    ) -> Result<Vec<u8>, TrainError> {
        let wanted = [self.structure.to_owned()];
        let found =
            model.segment_auto(&case.image, ScanKey(1), Some(&wanted), &ctx.unreported())?;
        model.drop_caches();
        let grid = case.image.grid();
        let value = found.table.by_name(self.structure).map(|l| l.value);
        let mask = value.map_or_else(|| Mask::empty(*grid), |v| found.labels.mask_of(v));
        let doubt = found.insight.and_then(|known| known.certainty.on(grid));
        Ok(softened(&mask, doubt.as_ref()))
    }

    /// What it answered on a case, as a mask.
    pub fn mask(&self, n: usize, case: &TeachCase) -> Mask {
        Mask {
            grid: *case.image.grid(),
            voxels: self.answers[n]
                .iter()
                .map(|&p| u8::from(is_inside(p)))
                .collect(),
        }
    }

    /// Mean Dice of its answers on cases that are labelled; `None` of none.
    pub fn dice(&self, cases: &[(usize, &TeachCase)]) -> Option<f64> {
        let of = |&(n, case): &(usize, &TeachCase)| {
            dice(&self.mask(n, case).voxels, &case.target().voxels)
        };
        let sum: f64 = cases.iter().map(of).sum();
        (!cases.is_empty()).then(|| sum / cases.len() as f64)
    }

    /// What the taught model's card says of it.
    pub fn told(&self) -> TaughtBy {
        TaughtBy {
            id: self.card.id.clone(),
            sha256: self.card.sha256.clone(),
            structure: self.structure.to_owned(),
            lambda: self.asked.lambda,
            labelled: self.labelled,
        }
    }

    /// What must travel with what learnt from it: its own notices, and its licence where it has one.
    pub fn notices(&self) -> Vec<String> {
        let card = &self.card;
        let licence = card.licence.as_ref().map(|licence| {
            format!(
                "Learnt from the answers of {}, whose weights' licence is: {licence}",
                card.title
            )
        });
        card.notices.iter().cloned().chain(licence).collect()
    }

    /// A case with what was answered there.
    pub fn beside<'c>(&self, n: usize, case: &'c TeachCase) -> Learned<'c> {
        Learned {
            number: n,
            case,
            answer: Some(Answered {
                percent: Arc::clone(&self.answers[n]),
                share: match case.is_labelled {
                    true => self.asked.lambda as f32,
                    false => 1.0,
                },
            }),
        }
    }
}

/// A case as it is learnt from.
pub(super) struct Learned<'a> {
    /// Its place among the request's.
    pub number: usize,
    pub case: &'a TeachCase,
    /// What a teacher answered there, where one teaches.
    pub answer: Option<Answered>,
}

impl<'a> Learned<'a> {
    /// A case of which labels alone are learnt.
    pub fn labelled(number: usize, case: &'a TeachCase) -> Self {
        Self {
            number,
            case,
            answer: None,
        }
    }

    /// Whether each voxel belongs to what is pointed at and looked around: what was drawn, or the answer where that alone is
    /// learnt.
    pub fn targets(&self) -> Vec<bool> {
        match self.answer.as_ref().filter(|answer| answer.share >= 1.0) {
            Some(answer) => answer.percent.iter().map(|&p| is_inside(p)).collect(),
            None => self.case.targets(),
        }
    }

    /// What is learnt beside that: a teacher's answer as a mask and its share in the loss, where labels are learnt too.
    pub fn beside(&self) -> Option<(Mask, f32)> {
        let answer = self.answer.as_ref().filter(|answer| answer.share < 1.0)?;
        let inside = answer.percent.iter().map(|&p| u8::from(is_inside(p)));
        let mask = Mask {
            grid: *self.case.image.grid(),
            voxels: inside.collect(),
        };
        Some((mask, answer.share))
    }

    /// The same as [`Self::targets`] as a mask on the scan's grid.
    pub fn target(&self) -> Mask {
        Mask {
            grid: *self.case.image.grid(),
            voxels: self.targets().into_iter().map(u8::from).collect(),
        }
    }
}

/// Whether a voxel of so many percent belongs to the answer.
fn is_inside(percent: u8) -> bool {
    percent >= 50
}

/// How sure an answer is of each voxel, in percent: the mask, softened by the doubt where its model tells any. What the mask
/// says stands.
fn softened(mask: &Mask, doubt: Option<&UncertainPart>) -> Vec<u8> {
    let doubt = doubt.map(|doubt| doubt.on_whole(&mask.grid));
    let voxels = mask.voxels.iter().enumerate();
    let percent = voxels.map(|(v, &inside)| {
        let doubt = doubt.as_ref().map_or(0, |doubt| doubt[v]);
        // Doubt is 400 p (1 - p) percent; of the two p that have it, the one on the mask's side of a half.
        let certainty = (1.0 - f32::from(doubt) / 100.0).max(0.0).sqrt();
        let sure = (50.0 + 50.0 * certainty).round() as u8;
        match inside {
            0 => (100 - sure).min(49),
            _ => sure,
        }
    });
    percent.collect()
}

/// Whether a model can teach a structure in such scans.
fn check(card: &ModelCard, structure: &str, modality: Modality) -> Result<(), TrainError> {
    card.check_automatic()?;
    let id = &card.id;
    let refuse = |reason: String| Err(TrainError::Teach(reason));
    if card.channels.len() > 1 {
        return refuse(format!(
            "the teacher '{id}' takes {} images of one patient, and a case is one: choose another teacher",
            card.channels.len()
        ));
    }
    let mut known = card.structures.iter().filter(|s| s.name == structure);
    let Some(_) = known.clone().next() else {
        let all: Vec<&str> = card.structures.iter().map(|s| s.name.as_str()).collect();
        return refuse(format!(
            "the teacher '{id}' has no '{structure}': name what it calls the structure (--teacher-structure); it finds {}",
            all.join(", ")
        ));
    };
    if !known.any(|s| s.is_known_in(modality)) {
        return refuse(format!(
            "the teacher '{id}' does not find '{structure}' in {}: choose another teacher, or scans that it knows",
            modality.name()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Affine;
    use crate::volume::Grid;

    #[test]
    fn doubt_softens_an_answer_and_changes_no_voxel_of_it() {
        let grid = Grid::new([5, 1, 1], Affine::from_spacing([1.0; 3], [0.0; 3]));
        let mask = Mask {
            grid,
            voxels: vec![1, 1, 1, 0, 0],
        };
        assert_eq!(softened(&mask, None), [100, 100, 100, 0, 0]);
        let doubt = UncertainPart {
            bounds: grid.bounds(),
            percent: vec![0, 75, 100, 100, 75],
        };
        // 400 p (1 - p) is 75 at 0.75 and at 0.25.
        assert_eq!(softened(&mask, Some(&doubt)), [100, 75, 50, 49, 25]);
    }
}
