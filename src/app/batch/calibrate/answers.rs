//! The answers to learn from: a tight box, a loose one, and clicks, on every label of a case; and what is found without.

use std::sync::Arc;

use crate::models::trust::{Evidence, Example, StructureExample};
use crate::models::{ScanKey, Structure};
use crate::prompt::{PromptSet, correcting_click, loosened_box};
use crate::volume::Mask;
use crate::volume::metrics::dice;

use super::super::Refusal;
use super::super::cases::{EvaluationCase, OpenedCase, TruthLabel};
use super::super::model_run::ModelRun;

/// By how much the loose box is larger on each side, in percent.
const LOOSENED_PERCENT: f64 = 15.0;
/// Clicks given from nothing.
const CLICKS: usize = 5;

/// What a model is asked about a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// A tight box, a loose one, and five clicks.
    Everything,
    /// A tight box and one click.
    AtFirst,
}

/// A case on its way through the model.
pub(super) struct CaseRun<'a> {
    case: &'a EvaluationCase,
    opened: OpenedCase,
    key: ScanKey,
    model: &'a ModelRun,
}

impl<'a> CaseRun<'a> {
    /// Reads the case, which is the one of this `number`.
    pub(super) fn open(
        case: &'a EvaluationCase,
        number: usize,
        model: &'a ModelRun,
    ) -> Result<Self, Refusal> {
        Ok(Self {
            case,
            opened: case.open()?,
            key: ScanKey(number as u64 + 1),
            model,
        })
    }

    /// The answers to prompts, for every label that is there.
    pub(super) fn targets(&self, asked: Asked) -> Result<Vec<Example>, Refusal> {
        let grid = self.opened.image.grid();
        let mut examples = Vec::new();
        for label in &self.opened.labels {
            let target = self.opened.truth.mask_of(label.value);
            let Some(tight) = target.bounds() else {
                continue;
            };
            let loosened: &[f64] = match asked {
                Asked::Everything => &[0.0, LOOSENED_PERCENT],
                Asked::AtFirst => &[0.0],
            };
            for &percent in loosened {
                let prompts = PromptSet {
                    target_box: Some(loosened_box(tight, percent, grid)),
                    ..PromptSet::default()
                };
                self.ask(&prompts, None, &target, &mut examples)?;
            }
            let clicks = if asked == Asked::Everything {
                CLICKS
            } else {
                1
            };
            self.click(clicks, &target, &mut examples)?;
        }
        Ok(examples)
    }

    /// Clicks from nothing, each where the error is largest.
    fn click(
        &self,
        clicks: usize,
        target: &Mask,
        examples: &mut Vec<Example>,
    ) -> Result<(), Refusal> {
        let mut prompts = PromptSet::default();
        let mut current = Mask::empty(target.grid);
        for n in 0..clicks {
            let Some(click) = correcting_click(&current, target) else {
                break;
            };
            prompts.clicks.push(click);
            let prior = (n > 0).then(|| Arc::new(current));
            current = self.ask(&prompts, prior, target, examples)?;
        }
        Ok(())
    }

    fn ask(
        &self,
        prompts: &PromptSet,
        prior: Option<Arc<Mask>>,
        target: &Mask,
        examples: &mut Vec<Example>,
    ) -> Result<Mask, Refusal> {
        let image = &self.opened.image;
        let result = self.model.prompted(image, self.key, prompts, prior)?.result;
        if let Some(insight) = result.insight {
            examples.push(self.example(&insight.evidence, &result.mask, target));
        }
        Ok(result.mask)
    }

    /// What is found without a prompt, of structures whose truth is known.
    pub(super) fn structures(&self) -> Result<Vec<StructureExample>, Refusal> {
        let image = &self.opened.image;
        let has_truth = |s: &Structure| {
            let mut labels = self.opened.labels.iter();
            labels.any(|l| l.name.as_ref() == Some(&s.name))
        };
        if !self.model.card.structures.iter().any(has_truth) {
            return Ok(Vec::new());
        }
        let result = self.model.auto(image, Vec::new(), self.key, None)?.result;
        let found = result.insight.as_ref().map_or(&[][..], |i| &i.structures);
        let examples = found.iter().filter_map(|f| {
            let named = |l: &&TruthLabel| l.name.as_ref() == Some(&f.name);
            let label = self.opened.labels.iter().find(named)?;
            let target = self.opened.truth.mask_of(label.value);
            let mut mask = result.labels.mask_of(result.table.by_name(&f.name)?.value);
            mask.grid = target.grid;
            (target.count() > 0).then(|| StructureExample {
                name: f.name.clone(),
                true_volume_ml: target.volume_ml(),
                example: self.example(&f.evidence, &mask, &target),
            })
        });
        Ok(examples.collect())
    }

    fn example(&self, evidence: &Evidence, found: &Mask, target: &Mask) -> Example {
        Example {
            evidence: evidence.clone(),
            dice: dice(&found.voxels, &target.voxels),
            patient: self.case.patient().to_owned(),
            domain: self.case.domain.clone().unwrap_or_default(),
        }
    }
}
