//! A taught model as users have it: the base for all that it knew, and beside it the half that was taught.

use std::sync::Arc;

use crate::models::segmenter::NONE_FOUND;
use crate::models::trust::AutoInsight;
use crate::models::{
    AutoResult, ComputeDevice, Estimate, ModelCard, ModelError, PromptedResult, ScanKey, Segmenter,
};
use crate::prompt::{Asked, PromptSet};
use crate::util::JobContext;
use crate::volume::{ImageVolume, Mask};

use super::TaughtStructure;

/// Base and taught half behind the common interface.
pub(super) struct BesideBase {
    /// The taught model's card.
    pub card: ModelCard,
    pub base: Box<dyn Segmenter>,
    pub half: Box<dyn Segmenter>,
    /// What the half finds; `None` where it answers prompts.
    pub structure: Option<TaughtStructure>,
}

impl Segmenter for BesideBase {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn device(&self) -> &ComputeDevice {
        self.base.device()
    }

    fn segment_auto(
        &self,
        image: &ImageVolume,
        key: ScanKey,
        structures: Option<&[String]>,
        ctx: &JobContext,
    ) -> Result<AutoResult, ModelError> {
        let Some(taught) = &self.structure else {
            return self.base.segment_auto(image, key, structures, ctx);
        };
        // Refuses what neither knows.
        self.card.structures_in(image.modality(), structures)?;
        let known = &self.base.card().structures;
        let known = known.iter().map(|s| s.name.clone());
        let of_base: Vec<String> = known
            .filter(|name| *name != taught.name)
            .filter(|name| structures.is_none_or(|wanted| wanted.contains(name)))
            .collect();
        let of_half = structures.is_none_or(|wanted| wanted.contains(&taught.name));
        let base = if of_base.is_empty() {
            None
        } else {
            Some(self.base.segment_auto(image, key, Some(&of_base), ctx)?)
        };
        let half = if of_half {
            Some(self.half.segment_auto(image, key, None, ctx)?)
        } else {
            None
        };
        match (base, half) {
            (Some(base), Some(half)) => Ok(together(base, half)),
            (Some(one), None) | (None, Some(one)) => Ok(one),
            (None, None) => Ok(AutoResult::none_known(image.grid(), true)),
        }
    }

    fn segment_prompted(
        &self,
        image: &ImageVolume,
        key: ScanKey,
        prompts: &PromptSet,
        prior: Option<&Mask>,
        ctx: &JobContext,
    ) -> Result<PromptedResult, ModelError> {
        self.answering()
            .segment_prompted(image, key, prompts, prior, ctx)
    }

    fn segment_asked(
        &self,
        image: &ImageVolume,
        key: ScanKey,
        asked: &Asked,
        ctx: &JobContext,
    ) -> Result<PromptedResult, ModelError> {
        self.answering().segment_asked(image, key, asked, ctx)
    }

    fn preview(
        &self,
        image: &ImageVolume,
        key: ScanKey,
        asked: &Asked,
        ctx: &JobContext,
    ) -> Result<Mask, ModelError> {
        self.answering().preview(image, key, asked, ctx)
    }

    fn drop_caches(&self) {
        self.base.drop_caches();
        self.half.drop_caches();
    }
}

impl BesideBase {
    /// Which of the two answers prompts.
    fn answering(&self) -> &dyn Segmenter {
        match self.structure {
            Some(_) => self.base.as_ref(),
            None => self.half.as_ref(),
        }
    }
}

/// Both answers in one; where they meet, the taught one stands, which is the user's own.
fn together(base: AutoResult, half: AutoResult) -> AutoResult {
    let mut labels = base.labels;
    for (value, &taught) in labels.voxels.iter_mut().zip(&half.labels.voxels) {
        if taught != 0 {
            *value = taught;
        }
    }
    let mut table = base.table;
    for label in half.table.labels() {
        table.insert(label.clone());
    }
    let is_empty = table.labels().is_empty();
    let dice: Vec<f32> = [base.estimate, half.estimate]
        .into_iter()
        .flatten()
        .map(Estimate::dice)
        .collect();
    let mean = dice.iter().sum::<f32>() / dice.len() as f32;
    let mut warnings = [base.warnings, half.warnings].concat();
    // What only one of them says of a kind of scan that the other knows.
    warnings.retain(|w| is_empty || w != NONE_FOUND && !w.starts_with(NOT_KNOWN));
    warnings.dedup();
    AutoResult {
        labels,
        table,
        estimate: (!dice.is_empty()).then_some(Estimate::Dice(mean)),
        insight: both(base.insight, half.insight),
        warnings,
    }
}

/// How the sentence begins that a model knows nothing in a kind of scan.
const NOT_KNOWN: &str = "the model knows no";

/// What both say of their answers; how sure they are of each voxel, only of the larger half.
fn both(
    base: Option<Arc<AutoInsight>>,
    half: Option<Arc<AutoInsight>>,
) -> Option<Arc<AutoInsight>> {
    let (Some(base), Some(half)) = (&base, &half) else {
        return base.or(half);
    };
    Some(Arc::new(AutoInsight {
        certainty: base.certainty.clone(),
        structures: [base.structures.as_slice(), &half.structures].concat(),
    }))
}
