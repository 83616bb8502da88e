//! The recipe of a slice network: a TOML file, its paths relative to itself.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::models::desam::{AutomaticMode, LossConfig};
use crate::models::masam::{AdapterPlaces, Intensity};
use crate::models::sam::Framing;
use crate::train::published::{
    CheckpointsEntry, DatasetEntry, EncoderStart, ModelEntry, PublishedRecipe, RecipeHead, Taken,
};
use crate::train::{TrainError, read_recipe};

use super::drawn::DrawnBoxes;

/// A recipe.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SliceRecipe {
    /// `autosam`, `desam`, `masam` or `sam`.
    pub system: SliceSystem,
    /// Folder of the encoder's results, computed once and read at every step. Where it is left out the encoder runs in
    /// every step; MA-SAM changes inside the encoder and has none.
    #[serde(default)]
    pub cache: Option<PathBuf>,
    /// Where the state of the run is kept, to resume from.
    #[serde(default)]
    pub checkpoints: Option<CheckpointsEntry>,
    /// File that names the validation patients, which are never trained on.
    pub splits: PathBuf,
    /// The trained model.
    pub model: ModelEntry,
    /// What the encoder is.
    pub encoder: EncoderStart,
    /// The labelled scans.
    pub dataset: DatasetEntry,
    /// Optimiser and length.
    pub schedule: SliceSchedule,
    /// AutoSAM's own.
    pub autosam: Option<AutoSamRecipe>,
    /// DeSAM's own.
    pub desam: Option<DeSamRecipe>,
    /// MA-SAM's own.
    pub masam: Option<MasamRecipe>,
    /// SAM's own.
    pub sam: Option<SamRecipe>,
}

/// Which network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum SliceSystem {
    AutoSam,
    DeSam,
    MaSam,
    Sam,
}

impl SliceSystem {
    /// The system's short name.
    pub fn name(self) -> &'static str {
        match self {
            Self::AutoSam => "autosam",
            Self::DeSam => "desam",
            Self::MaSam => "masam",
            Self::Sam => "sam",
        }
    }
}

impl PublishedRecipe for SliceRecipe {
    fn head(&self) -> RecipeHead<'_> {
        let in_boxes = self.masam.as_ref().is_some_and(|own| own.boxes)
            || self.desam.as_ref().is_some_and(|own| own.boxes.is_some())
            || self.sam.is_some();
        RecipeHead {
            system: self.system.name(),
            splits: &self.splits,
            checkpoints: self.checkpoints.as_ref(),
            model: &self.model,
            encoder: Some(&self.encoder),
            dataset: &self.dataset,
            seed: self.schedule.seed,
            epochs: self.schedule.epochs,
            takes: Taken {
                automatic: !in_boxes,
                clicks: self.sam.as_ref().is_some_and(|own| own.clicks > 0.0),
                boxes: in_boxes || self.system == SliceSystem::DeSam,
            },
        }
    }
}

/// Optimiser and length.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SliceSchedule {
    /// Seed of every random choice.
    pub seed: u64,
    /// Times that every slice is seen.
    pub epochs: usize,
    /// Slices a step.
    pub batch: usize,
    /// Adam's learning rate.
    pub learning_rate: f64,
}

/// Which of AutoSAM's heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum HeadKind {
    Vit,
    Cnn,
    Linear,
}

/// AutoSAM's own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AutoSamRecipe {
    /// Which head.
    pub head: HeadKind,
    /// Side of the slices: 224.
    pub input_side: usize,
    /// Widest stage of the CNN head: 1024.
    #[serde(default = "cnn_width")]
    pub cnn_width: usize,
    /// Stages of the CNN head: 4.
    #[serde(default = "cnn_depth")]
    pub cnn_depth: usize,
    /// Whether each slice is also seen mirrored. Of the authors' augmentations this is the one that a cache of
    /// embeddings leaves room for.
    #[serde(default)]
    pub mirrored: bool,
    /// Whether slices are varied in every step as the authors do it, which needs the encoder in every step.
    #[serde(default)]
    pub varied: bool,
}

fn cnn_width() -> usize {
    1024
}

fn cnn_depth() -> usize {
    4
}

/// DeSAM's own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeSamRecipe {
    /// What prompts it, in training and where the user does not; or else `boxes`.
    #[serde(default)]
    pub prompts: Option<AutomaticMode>,
    /// Boxes around the targets prompt it in training, as the user does then.
    #[serde(default)]
    pub boxes: Option<DrawnBoxes>,
    /// The terms of the loss.
    pub loss: LossConfig,
    /// Of each point that is drawn inside the structure, how many are drawn outside: 1.
    pub outside_points: usize,
}

/// SAM's own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SamRecipe {
    /// How slices become images: SAM's `predictor`, or `medsam` for that one's file.
    #[serde(default = "predictor")]
    pub framing: Framing,
    /// The boxes that prompt it.
    pub boxes: DrawnBoxes,
    /// Share of the steps that begin with a click in place of a box. Above 0 every step goes on to a click that corrects
    /// the mask so far, and the prompt encoder is trained too; at 0 the model takes boxes alone, as MedSAM does.
    #[serde(default)]
    pub clicks: f64,
    /// The terms of the loss: SAM weighs the predicted IoU's error by 1, "mse".
    pub loss: LossConfig,
}

fn predictor() -> Framing {
    Framing::Predictor
}

/// MA-SAM's own; numbers left out are the authors'.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MasamRecipe {
    /// Side of the slices: 512.
    pub image_side: usize,
    /// Slices seen together: 5.
    #[serde(default = "slices")]
    pub slices: usize,
    /// Rank of the increments: 32.
    #[serde(default = "rank")]
    pub rank: usize,
    /// Factor of the increments: 1.
    #[serde(default = "scale")]
    pub scale: f64,
    /// Inner width of the adapters: 384.
    #[serde(default = "adapter_width")]
    pub adapter_width: usize,
    /// Where a block's adapters are: before the attention and before the perceptron.
    #[serde(default = "adapters")]
    pub adapters: AdapterPlaces,
    /// How intensities are prepared.
    pub intensity: Intensity,
    /// Whether it learns with a box on every slice.
    #[serde(default)]
    pub boxes: bool,
    /// Iterations until the learning rate is reached: 250.
    #[serde(default = "warmup")]
    pub warmup: usize,
    /// Exponent of the learning rate's decay: 7.
    #[serde(default = "decay_power")]
    pub decay_power: f64,
    /// Windows of an epoch at most; all of them where it is left out.
    #[serde(default)]
    pub windows_per_epoch: Option<usize>,
    /// How windows are varied on the automatic path.
    #[serde(default)]
    pub augmentation: Augmentation,
}

/// How MA-SAM's windows are varied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Augmentation {
    /// Turned, flipped, erased and two more operations: what the authors do in runs of hundreds of epochs.
    #[default]
    Authors,
    /// Not at all: for runs too short to learn a structure in every position.
    None,
}

fn slices() -> usize {
    5
}

fn rank() -> usize {
    32
}

fn scale() -> f64 {
    1.0
}

fn adapter_width() -> usize {
    384
}

fn adapters() -> AdapterPlaces {
    AdapterPlaces::BOTH
}

fn warmup() -> usize {
    250
}

fn decay_power() -> f64 {
    7.0
}

impl SliceRecipe {
    /// Reads a recipe and makes its paths absolute.
    ///
    /// # Errors
    /// A file that cannot be read, unknown or missing keys, parts that do not fit together.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        let error = |reason: String| TrainError::Config {
            path: path.to_owned(),
            reason,
        };
        let mut recipe: Self = read_recipe(path)?;
        let base = path.parent().unwrap_or(Path::new("."));
        recipe.cache = recipe.cache.map(|cache| base.join(cache));
        if let Some(checkpoints) = &mut recipe.checkpoints {
            checkpoints.folder = base.join(&checkpoints.folder);
        }
        recipe.splits = base.join(&recipe.splits);
        recipe.dataset.folder = base.join(&recipe.dataset.folder);
        recipe.encoder.sam = recipe.encoder.sam.map(|sam| base.join(sam));
        recipe.check().map_err(error)?;
        Ok(recipe)
    }

    /// Whether the parts fit together.
    fn check(&self) -> Result<(), String> {
        self.check_own_tables()?;
        if self.encoder.sam.is_some() == self.encoder.random.is_some() {
            return Err("[encoder] needs either 'sam' or 'random'".to_owned());
        }
        if self.cache.is_some() && self.encoder.trained {
            return Err(
                "an encoder that is trained cannot be read from a cache: leave out 'cache', or 'trained'"
                    .to_owned(),
            );
        }
        if self.schedule.batch == 0 || self.schedule.epochs == 0 {
            return Err("batch and epochs must be at least 1".to_owned());
        }
        self.dataset.label_values()?;
        Ok(())
    }

    fn check_own_tables(&self) -> Result<(), String> {
        let own = [
            (SliceSystem::AutoSam, self.autosam.is_some()),
            (SliceSystem::DeSam, self.desam.is_some()),
            (SliceSystem::MaSam, self.masam.is_some()),
            (SliceSystem::Sam, self.sam.is_some()),
        ];
        if own
            .iter()
            .any(|&(system, there)| there != (system == self.system))
        {
            return Err(
                "it needs the table of its own system, [autosam], [desam], [masam] or [sam], and no other"
                    .to_owned(),
            );
        }
        let is_one_structure = self.dataset.structures.len() == 1;
        if let Some(own) = &self.autosam
            && self.cache.is_some()
            && own.varied
        {
            return Err(
                "varied slices cannot be read from a cache: leave out 'cache', or 'varied'"
                    .to_owned(),
            );
        }
        if let Some(own) = &self.masam {
            if own.warmup == 0 {
                return Err("warmup must be at least 1".to_owned());
            }
            if own.boxes && !is_one_structure {
                return Err("with boxes MA-SAM learns one structure".to_owned());
            }
        }
        if let Some(own) = &self.desam {
            own.check(is_one_structure)?;
        }
        self.sam.as_ref().map_or(Ok(()), SamRecipe::check)
    }
}

impl DeSamRecipe {
    fn check(&self, is_one_structure: bool) -> Result<(), String> {
        if self.prompts.is_some() == self.boxes.is_some() {
            return Err("[desam] needs either 'prompts' or 'boxes'".to_owned());
        }
        if !is_one_structure {
            return Err(
                "DeSAM learns one structure: train one model each, and merge them when importing"
                    .to_owned(),
            );
        }
        self.boxes.map_or(Ok(()), DrawnBoxes::check)
    }
}

impl SamRecipe {
    fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.clicks) {
            return Err("clicks is a share of the steps, from 0 to 1".to_owned());
        }
        self.boxes.check()
    }
}
