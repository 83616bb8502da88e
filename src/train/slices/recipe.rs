//! The recipe of a slice network: a TOML file, its paths relative to itself.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::models::desam::{AutomaticMode, LossConfig};
use crate::models::masam::{AdapterPlaces, Intensity};
use crate::train::TrainError;
use crate::train::published::{
    CheckpointsEntry, DatasetEntry, EncoderStart, ModelEntry, PublishedRecipe, RecipeHead, Taken,
    read_recipe,
};

/// A recipe.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SliceRecipe {
    /// `autosam`, `desam` or `masam`.
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
}

/// Which network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(
    clippy::enum_variant_names,
    reason = "these are the systems' own names"
)]
pub(super) enum SliceSystem {
    AutoSam,
    DeSam,
    MaSam,
}

impl SliceSystem {
    /// The system's short name.
    pub fn name(self) -> &'static str {
        match self {
            Self::AutoSam => "autosam",
            Self::DeSam => "desam",
            Self::MaSam => "masam",
        }
    }
}

impl PublishedRecipe for SliceRecipe {
    fn head(&self) -> RecipeHead<'_> {
        let in_boxes = self.masam.as_ref().is_some_and(|own| own.boxes);
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
                clicks: false,
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
    /// What prompts it.
    pub prompts: AutomaticMode,
    /// The terms of the loss.
    pub loss: LossConfig,
    /// Of each point that is drawn inside the structure, how many are drawn outside: 1.
    pub outside_points: usize,
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
        if recipe.encoder.sam.is_some() == recipe.encoder.random.is_some() {
            return Err(error("[encoder] needs either 'sam' or 'random'".to_owned()));
        }
        if recipe.cache.is_some() && recipe.encoder.trained {
            return Err(error(
                "an encoder that is trained cannot be read from a cache: leave out 'cache', or 'trained'"
                    .to_owned(),
            ));
        }
        if recipe.cache.is_some() && recipe.autosam.as_ref().is_some_and(|own| own.varied) {
            return Err(error(
                "varied slices cannot be read from a cache: leave out 'cache', or 'varied'"
                    .to_owned(),
            ));
        }
        let own = [
            (SliceSystem::AutoSam, recipe.autosam.is_some()),
            (SliceSystem::DeSam, recipe.desam.is_some()),
            (SliceSystem::MaSam, recipe.masam.is_some()),
        ];
        if own
            .iter()
            .any(|&(system, there)| there != (system == recipe.system))
        {
            return Err(error(
                "it needs the table of its own system, [autosam], [desam] or [masam], and no other"
                    .to_owned(),
            ));
        }
        if recipe.masam.as_ref().is_some_and(|own| own.warmup == 0) {
            return Err(error("warmup must be at least 1".to_owned()));
        }
        let boxes = recipe.masam.as_ref().is_some_and(|own| own.boxes);
        if boxes && recipe.dataset.structures.len() != 1 {
            return Err(error("with boxes MA-SAM learns one structure".to_owned()));
        }
        if recipe.schedule.batch == 0 || recipe.schedule.epochs == 0 {
            return Err(error("batch and epochs must be at least 1".to_owned()));
        }
        recipe.dataset.label_values().map_err(error)?;
        if recipe.system == SliceSystem::DeSam && recipe.dataset.structures.len() != 1 {
            return Err(error(
                "DeSAM learns one structure: train one model each, and merge them when importing"
                    .to_owned(),
            ));
        }
        Ok(recipe)
    }
}
