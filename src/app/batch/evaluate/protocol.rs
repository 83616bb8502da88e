//! A model on cases, given nothing, a box, or simulated clicks.

use std::sync::Arc;

use crate::cli::{EvaluateArgs, Protocol};
use crate::models::{AutoResult, Estimate, ScanKey};
use crate::prompt::{
    Alike, Asked, PromptSet, correcting_click, kind_of_numbered, long_diameter, loosened_box,
};
use crate::volume::metrics::Agreement;
use crate::volume::{ImageVolume, Mask};

use super::super::Refusal;
use super::super::cases::{EvaluationCase, OpenedCase, TruthLabel};
use super::super::console::Console;
use super::super::model_run::{ModelRun, Timed};
use super::super::prompts;
use super::Measured;
use super::report::{Row, Step, area_under_curve};

/// Runs the protocol on every case, in order. A case that cannot be read refuses the whole.
pub(super) fn measure(
    cases: &[EvaluationCase],
    protocol: Protocol,
    args: &EvaluateArgs,
    console: Console,
) -> Result<Measured, Refusal> {
    let model = ModelRun::open(args.model.as_deref(), &args.device.device, console)?;
    let mut rows = Vec::new();
    let mut warnings = Vec::new();
    for number in 0..cases.len() {
        let (more_rows, more_warnings) =
            measure_case((cases, number), protocol, args, &model, console)?;
        rows.extend(more_rows);
        warnings.extend(more_warnings);
    }
    Ok((rows, warnings))
}

/// Runs the protocol on the case of a number, from 0.
pub(super) fn measure_case(
    (cases, number): (&[EvaluationCase], usize),
    protocol: Protocol,
    args: &EvaluateArgs,
    model: &ModelRun,
    console: Console,
) -> Result<Measured, Refusal> {
    let case = &cases[number];
    let stage = format!("case {} ({} of {})", case.id, number + 1, cases.len());
    console.progress(number as f32 / cases.len() as f32, &stage);
    let run = CaseRun {
        case,
        key: ScanKey(number as u64 + 1),
        model,
        args,
    };
    let (rows, warnings) = run.measure(protocol)?;
    model.drop_caches();
    let of_case = |w: String| format!("case {}: {w}", case.id);
    Ok((rows, warnings.into_iter().map(of_case).collect()))
}

struct CaseRun<'a> {
    case: &'a EvaluationCase,
    key: ScanKey,
    model: &'a ModelRun,
    args: &'a EvaluateArgs,
}

impl CaseRun<'_> {
    fn measure(&self, protocol: Protocol) -> Result<Measured, Refusal> {
        let OpenedCase {
            image,
            truth,
            labels,
            mut warnings,
        } = self.case.open()?;
        let automatic = match protocol {
            Protocol::Auto => Some(self.model.auto(&image, Vec::new(), self.key, None)?.result),
            _ => None,
        };
        let mut rows = Vec::new();
        let truth = Arc::new(truth);
        for (place, label) in labels.iter().enumerate() {
            let target = truth.mask_of(label.value);
            let is_absent = target.count() == 0;
            if is_absent && self.case.absent_is_unknown {
                continue;
            }
            let mut row = match &automatic {
                Some(result) => {
                    let found = self.found(result, label, &target)?;
                    let mut row = self.compare(label, &found, &target);
                    row.predicted_dice = expected_of(result, label);
                    row
                }
                None if is_absent => {
                    warnings.push(format!(
                        "label {} is not in the truth, so nothing can point at it: left out",
                        label.value
                    ));
                    continue;
                }
                None => {
                    let alike = match self.args.in_context {
                        true => {
                            Alike::new(Arc::clone(&truth), earlier_alike(&labels[..place], label))
                        }
                        false => None,
                    };
                    let about = Asked {
                        alike,
                        size: prompts::target_size(self.args.small, self.args.large),
                        called: label.name.clone().filter(|_| self.args.named),
                        ..Asked::default()
                    };
                    self.interact(protocol, (&image, about), label, &target)?
                }
            };
            row.modality = Some(image.modality());
            row.domain = self.case.domain.clone();
            rows.push(row);
        }
        Ok((rows, warnings))
    }

    /// What the automatic result says of a label: matched by name; by value where the case gives no name and the
    /// one in the truth's file is none of the model's.
    fn found(
        &self,
        result: &AutoResult,
        label: &TruthLabel,
        target: &Mask,
    ) -> Result<Mask, Refusal> {
        let known = &self.model.card.structures;
        let name = label.name.as_deref().unwrap_or_default();
        let value = match known.iter().find(|s| s.name == name) {
            Some(structure) => structure.value,
            None if !label.is_named_by_case => label.value,
            None => {
                let names: Vec<&str> = known.iter().map(|s| s.name.as_str()).collect();
                return Err(Refusal::Other(format!(
                    "case {}: the model finds no '{name}' by itself; it finds: {}",
                    self.case.id,
                    names.join(", ")
                )));
            }
        };
        let mut mask = result.labels.mask_of(value);
        mask.grid = target.grid;
        Ok(mask)
    }

    /// The box or the diameter, then clicks where the error is largest; each step refines the mask before it. What else is
    /// asked of every step comes with the scan.
    fn interact(
        &self,
        protocol: Protocol,
        seen: (&Arc<ImageVolume>, Asked),
        label: &TruthLabel,
        target: &Mask,
    ) -> Result<Row, Refusal> {
        let image = seen.0;
        let has_box = matches!(protocol, Protocol::Box | Protocol::BoxClicks);
        let clicks = match protocol {
            Protocol::Box | Protocol::Auto => 0,
            Protocol::Clicks | Protocol::BoxClicks | Protocol::Diameter => self.args.steps,
        };
        let mut prompts = PromptSet::default();
        let mut current = Mask::empty(*image.grid());
        let mut steps = Vec::new();
        if has_box {
            prompts.target_box = target
                .bounds()
                .map(|b| loosened_box(b, self.args.loosen, image.grid()));
            current = self.step(0, &seen, &prompts, None, target, &mut steps)?;
        }
        if protocol == Protocol::Diameter
            && let Some(drawn) = long_diameter(target)
        {
            prompts.drawings.push(drawn);
            current = self.step(0, &seen, &prompts, None, target, &mut steps)?;
        }
        for step in 1..=clicks {
            let Some(click) = correcting_click(&current, target) else {
                break;
            };
            prompts.clicks.push(click);
            let prior = (!steps.is_empty()).then(|| Arc::new(current));
            current = self.step(step, &seen, &prompts, prior, target, &mut steps)?;
        }
        let mut row = self.compare(label, &current, target);
        row.predicted_dice = steps.last().and_then(|s| s.predicted_dice);
        row.dsc_auc = area_under_curve(&steps, clicks, |s| s.dice);
        row.nsd_auc = area_under_curve(&steps, clicks, |s| s.nsd);
        row.steps = steps;
        Ok(row)
    }

    fn step(
        &self,
        step: u32,
        (image, about): &(&Arc<ImageVolume>, Asked),
        prompts: &PromptSet,
        prior: Option<Arc<Mask>>,
        target: &Mask,
        steps: &mut Vec<Step>,
    ) -> Result<Mask, Refusal> {
        let asked = Asked {
            prompts: prompts.clone(),
            prior,
            ..about.clone()
        };
        let Timed { result, seconds } = self.model.asked(image, self.key, asked)?;
        let agreement = Agreement::between(&result.mask, target, self.args.tolerance_mm);
        steps.push(Step {
            step,
            dice: agreement.dice,
            nsd: agreement.nsd,
            predicted_dice: result.estimate.map(Estimate::dice),
            seconds,
        });
        Ok(result.mask)
    }

    fn compare(&self, label: &TruthLabel, pred: &Mask, target: &Mask) -> Row {
        let agreement = Agreement::between(pred, target, self.args.tolerance_mm);
        let id = self.case.id.clone();
        Row::new(id, label.value, label.name.clone(), &agreement)
    }
}

/// The Dice that the model expects of the structure of a label's name, where it found one and can tell.
fn expected_of(result: &AutoResult, label: &TruthLabel) -> Option<f32> {
    let name = label.name.as_ref()?;
    let insight = result.insight.as_ref()?;
    let is_shown = result.table.by_name(name).is_some();
    let found = insight.structures.iter().find(|f| f.name == *name)?;
    is_shown.then_some(found.expected_dice)
}

/// The values of `labels` that are of the same kind as `of`.
fn earlier_alike(labels: &[TruthLabel], of: &TruthLabel) -> Vec<u16> {
    fn kind(label: &TruthLabel) -> Option<&str> {
        label.name.as_deref().and_then(kind_of_numbered)
    }
    let wanted = kind(of);
    let alike = labels
        .iter()
        .filter(|l| wanted.is_some() && kind(l) == wanted);
    alike.map(|label| label.value).collect()
}
