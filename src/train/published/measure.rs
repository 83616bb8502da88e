//! How well a trained model finds its structures in the validation patients.

use std::collections::BTreeMap;

use crate::models::{ScanKey, Segmenter};
use crate::prompt::{PromptSet, correcting_click};
use crate::train::TrainError;
use crate::util::JobContext;
use crate::volume::Mask;
use crate::volume::metrics::dice;

use super::{CaseNames, DatasetEntry, Scan};

/// Mean Dice of each structure over the validation patients: found without a prompt where the model can do that, else in
/// its tight box, or after a click in the middle of the structure where the model takes no box.
///
/// # Errors
/// A scan that cannot be read, a device that fails, a job asked to stop.
pub(super) fn dice_of(
    model: &dyn Segmenter,
    dataset: &DatasetEntry,
    cases: &CaseNames,
    ctx: &JobContext,
) -> Result<BTreeMap<String, f64>, TrainError> {
    let values = dataset.label_values().unwrap_or_default();
    let mut sums: BTreeMap<String, (f64, usize)> = BTreeMap::new();
    for (number, case) in cases.validation.iter().enumerate() {
        ctx.check()?;
        let scan = Scan::read(dataset, case)?;
        let key = ScanKey(number as u64);
        let truths: Vec<Mask> = values.iter().map(|v| scan.labels.mask_of(v.0)).collect();
        let found = predicted(model, &scan, key, &truths, &ctx.unreported())?;
        model.drop_caches();
        for ((_, name), (truth, predicted)) in values.iter().zip(truths.iter().zip(found)) {
            let score = dice(&predicted.voxels, &truth.voxels);
            let sum = sums.entry(name.clone()).or_default();
            *sum = (sum.0 + score, sum.1 + 1);
            tracing::info!("validation case {number}: {name} Dice {score:.3}");
        }
    }
    let mean = |(name, (sum, count)): (String, (f64, usize))| (name, sum / count.max(1) as f64);
    Ok(sums.into_iter().map(mean).collect())
}

/// What the model makes of each structure.
fn predicted(
    model: &dyn Segmenter,
    scan: &Scan,
    key: ScanKey,
    truths: &[Mask],
    ctx: &JobContext,
) -> Result<Vec<Mask>, TrainError> {
    if model.card().automatic {
        let found = model.segment_auto(&scan.image, key, None, ctx)?;
        let masks = (0..truths.len()).map(|place| found.labels.mask_of(place as u16 + 1));
        return Ok(masks.collect());
    }
    let mut masks = Vec::with_capacity(truths.len());
    for truth in truths {
        let nothing = Mask::empty(*scan.image.grid());
        let prompts = if model.card().boxes {
            PromptSet {
                target_box: truth.bounds(),
                ..PromptSet::default()
            }
        } else {
            PromptSet {
                clicks: Vec::from_iter(correcting_click(&nothing, truth)),
                ..PromptSet::default()
            }
        };
        // Where a structure is not there, nothing points at it.
        masks.push(if prompts.is_empty() {
            nothing
        } else {
            model
                .segment_prompted(&scan.image, key, &prompts, None, ctx)?
                .mask
        });
    }
    Ok(masks)
}
