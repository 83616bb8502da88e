//! What every model of ours can do, whatever is inside.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::prompt::{Asked, PromptError, PromptSet};
use crate::util::{Cancelled, JobContext, short_debug};
use crate::volume::{Grid, ImageVolume, LabelMap, LabelTable, Mask};

use super::checkpoint::CheckpointError;
use super::trust::{AutoInsight, Insight};
use super::{ComputeDevice, ModelCard, Structure};

/// Identifies a scan for caches: equal keys mean equal voxels, grid and modality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ScanKey(pub u64);

/// What a model itself expects of its result; no measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Estimate {
    /// Dice, 0..=1.
    Dice(f32),
    /// Intersection over union, 0..=1, as SAM's decoders predict it.
    Iou(f32),
}

impl Estimate {
    /// The expected Dice: of one target, each of the two follows from the other.
    pub fn dice(self) -> f32 {
        match self {
            Self::Dice(dice) => dice,
            Self::Iou(iou) => 2.0 * iou / (1.0 + iou),
        }
    }

    /// The predicted intersection over union, where that is what the model says.
    pub fn iou(self) -> Option<f32> {
        match self {
            Self::Dice(_) => None,
            Self::Iou(iou) => Some(iou),
        }
    }

    /// The mean of predicted intersections over union, each brought into 0..=1; `None` of nothing.
    pub fn mean_iou(ious: &[f32]) -> Option<Self> {
        let sum: f32 = ious.iter().map(|iou| iou.clamp(0.0, 1.0)).sum();
        (!ious.is_empty()).then(|| Self::Iou(sum / ious.len() as f32))
    }
}

/// Structures found without a prompt.
#[derive(Clone)]
pub struct AutoResult {
    /// On the scan's grid; values and names are the card's.
    pub labels: LabelMap,
    /// The structures that occur in `labels`.
    pub table: LabelTable,
    /// The model's own estimate, the mean of the structures, when it makes one.
    pub estimate: Option<Estimate>,
    /// What else the model can say of its answer, when it can.
    pub insight: Option<Arc<AutoInsight>>,
    /// Why nothing was found, where nothing was and the model knows.
    pub nothing: Option<Nothing>,
    /// What else the user should know, one sentence each.
    pub warnings: Vec<String>,
}

/// Why a model found nothing without a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Nothing {
    /// None of its structures is there.
    NoneFound,
    /// It has no structure in this kind of scan.
    NoneKnown,
    /// It has none of those that were chosen in this kind of scan.
    NoneOfChosenKnown,
    /// A rough look did not find where to look closely.
    NothingAround,
}

impl Nothing {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::NoneFound => "no structure that the model knows was found",
            Self::NoneKnown => "the model knows no structure in this kind of scan",
            Self::NoneOfChosenKnown => "the model knows no such structure in this kind of scan",
            Self::NothingAround => {
                "a first, rough look did not find where to look closely, so nothing was segmented"
            }
        }
    }
}

impl AutoResult {
    /// Nothing found, and why.
    pub(super) fn nothing(grid: &Grid, why: Nothing) -> Self {
        Self {
            labels: LabelMap::empty(*grid),
            table: LabelTable::default(),
            estimate: None,
            insight: None,
            nothing: Some(why),
            warnings: Vec::new(),
        }
    }

    /// All that the user should know, one sentence each.
    pub fn sentences(&self) -> Vec<String> {
        let nothing = self.nothing.map(|why| why.words().to_owned());
        nothing.into_iter().chain(self.warnings.clone()).collect()
    }

    /// Nothing to look for in this kind of scan, among all structures or those that were `chosen`.
    pub(super) fn none_known(grid: &Grid, chosen: bool) -> Self {
        let why = match chosen {
            true => Nothing::NoneOfChosenKnown,
            false => Nothing::NoneKnown,
        };
        Self::nothing(grid, why)
    }

    /// What labels hold of the structures that were looked for, whose places on the card come first.
    pub(super) fn of_labels(labels: LabelMap, sought: &[(usize, &Structure)]) -> Self {
        let counts = labels.counts();
        let mut table = LabelTable::default();
        for (_, structure) in sought {
            if counts.iter().any(|&(value, _)| value == structure.value) {
                table.add(structure.value, &structure.name);
                let added = table.get_mut(structure.value);
                if let (Some(label), Some(color)) = (added, structure.color) {
                    label.color = color;
                }
            }
        }
        let is_empty = table.labels().is_empty();
        Self {
            labels,
            table,
            estimate: None,
            insight: None,
            nothing: is_empty.then_some(Nothing::NoneFound),
            warnings: Vec::new(),
        }
    }
}

/// The target of a set of prompts.
#[derive(Clone)]
pub struct PromptedResult {
    /// On the scan's grid.
    pub mask: Mask,
    /// The model's own estimate, when it makes one.
    pub estimate: Option<Estimate>,
    /// What else the model can say of its answer, when it can.
    pub insight: Option<Arc<Insight>>,
    /// The structure that the target is, by its name on the model's card, where the model knows it by itself.
    pub structure: Option<String>,
    /// What the user should know, one sentence each.
    pub warnings: Vec<String>,
}

impl PromptedResult {
    /// A mask on the scan's grid, of which nothing else is known.
    pub(super) fn of_mask(mask: Mask) -> Self {
        Self {
            mask,
            estimate: None,
            insight: None,
            structure: None,
            warnings: Vec::new(),
        }
    }

    /// Says that a model that does not refine made nothing of the mask so far, where there was one.
    #[must_use]
    pub(super) fn not_refining(mut self, prior: Option<&Mask>) -> Self {
        if prior.is_some_and(|mask| mask.bounds().is_some()) {
            let said = "the model does not refine: the mask so far was not used";
            self.warnings.insert(0, said.to_owned());
        }
        self
    }
}

/// A loaded model with its caches. Works on one thread, the engine's worker.
///
/// Where a job polls its context, another may be done with the same model before it goes on: no lock is held there, and
/// what an automatic run finds does not depend on what is cached.
pub trait Segmenter: Send + Sync {
    /// What the model is and takes.
    fn card(&self) -> &ModelCard;

    /// Where it computes.
    fn device(&self) -> &ComputeDevice;

    /// Finds the card's structures without a prompt; only `structures` when given (names of the card).
    fn segment_auto(
        &self,
        image: &ImageVolume,
        key: ScanKey,
        structures: Option<&[String]>,
        ctx: &JobContext,
    ) -> Result<AutoResult, ModelError>;

    /// As [`Self::segment_auto`] with the other images of the same grid that the card's channels want after the first.
    fn segment_auto_of(
        &self,
        image: &ImageVolume,
        others: &[Arc<ImageVolume>],
        key: ScanKey,
        structures: Option<&[String]>,
        ctx: &JobContext,
    ) -> Result<AutoResult, ModelError> {
        self.card().check_images(1 + others.len())?;
        self.segment_auto(image, key, structures, ctx)
    }

    /// Segments what the prompts point at; `prior`, on the scan's grid, is the target so far and is refined.
    fn segment_prompted(
        &self,
        image: &ImageVolume,
        key: ScanKey,
        prompts: &PromptSet,
        prior: Option<&Mask>,
        ctx: &JobContext,
    ) -> Result<PromptedResult, ModelError>;

    /// As [`Self::segment_prompted`] beside other labels, of which the mask has no voxel.
    fn segment_asked(
        &self,
        image: &ImageVolume,
        key: ScanKey,
        asked: &Asked,
        ctx: &JobContext,
    ) -> Result<PromptedResult, ModelError> {
        let prior = asked.prior.as_deref();
        let mut result = self.segment_prompted(image, key, &asked.prompts, prior, ctx)?;
        if let Some(others) = &asked.others {
            others.clear(&mut result.mask);
        }
        Ok(result)
    }

    /// The mask that [`Self::segment_asked`] would give, which afterwards gives what it would have given without this: of
    /// what is kept between prompts only what changes no answer is.
    ///
    /// # Errors
    /// As there; and by a model that cannot answer without remembering it.
    fn preview(
        &self,
        _image: &ImageVolume,
        _key: ScanKey,
        _asked: &Asked,
        _ctx: &JobContext,
    ) -> Result<Mask, ModelError> {
        Err(ModelError::Unsupported(format!(
            "the model '{}' has no preview of clicks",
            self.card().id
        )))
    }

    /// Forgets what was cached of scans.
    fn drop_caches(&self);
}

short_debug! {
    AutoResult: |result| format_args!("{:?}, {:?}", result.labels, result.table);
    PromptedResult: |result| format_args!("{:?}", result.mask);
}

/// Why a model cannot be used, or could not finish.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The prompts do not fit the scan.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// The job was asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// No model of this id is installed.
    #[error("no model '{0}' is installed: `prosector models list` shows those that are")]
    Unknown(String),
    /// The model does not take this kind of prompt or scan.
    #[error("{0}")]
    Unsupported(String),
    /// No such structure on the card.
    #[error("the model has no structure '{0}'; it has: {1}")]
    UnknownStructure(String, String),
    /// A checkpoint cannot be read, or its tensors are not the network's.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The device cannot be had.
    #[error("{0}")]
    Device(String),
    /// Another machine that was to compute cannot be reached, or could not finish.
    #[error("{0}")]
    Remote(String),
    /// The weights or the card cannot be read or do not fit.
    #[error("model file {path}: {reason}")]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}
