//! The recipe of a volume network: a TOML file, its paths relative to itself.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::models::threedsam::Wiring;
use crate::models::volumes::Intensity;
use crate::train::TrainError;
use crate::train::published::{
    CheckpointsEntry, DatasetEntry, EncoderStart, ModelEntry, PublishedRecipe, RecipeHead, Taken,
    read_recipe,
};

/// A recipe.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VolumeRecipe {
    /// Which network.
    pub system: VolumeSystem,
    /// File that names the validation patients, which are never trained on.
    pub splits: PathBuf,
    /// Where the state of the run is kept, to resume from.
    #[serde(default)]
    pub checkpoints: Option<CheckpointsEntry>,
    /// The trained model.
    pub model: ModelEntry,
    /// What the image encoder starts from; SwinUNETR has none.
    #[serde(default)]
    pub encoder: Option<EncoderStart>,
    /// The labelled scans.
    pub dataset: DatasetEntry,
    /// How crops are cut out of them.
    pub crops: CropRecipe,
    /// Optimiser and length.
    pub schedule: VolumeSchedule,
    /// The networks of 3DSAM-adapter and AutoProSAM beside the encoder.
    #[serde(default)]
    pub network: Option<NetworkRecipe>,
    /// SwinUNETR's own.
    #[serde(default)]
    pub swinunetr: Option<SwinRecipe>,
    /// A teacher for SwinUNETR.
    #[serde(default)]
    pub distillation: Option<DistillationRecipe>,
}

/// Which network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum VolumeSystem {
    /// 3DSAM-adapter with clicks.
    #[serde(rename = "3dsam")]
    Threedsam,
    /// AutoProSAM.
    #[serde(rename = "autoprosam")]
    AutoProSam,
    /// SwinUNETR, with or without a teacher.
    #[serde(rename = "swinunetr")]
    SwinUnetr,
}

impl VolumeSystem {
    /// The system's short name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Threedsam => "3dsam",
            Self::AutoProSam => "autoprosam",
            Self::SwinUnetr => "swinunetr",
        }
    }
}

impl PublishedRecipe for VolumeRecipe {
    fn head(&self) -> RecipeHead<'_> {
        let clicks = self.system == VolumeSystem::Threedsam;
        RecipeHead {
            system: self.system.name(),
            splits: &self.splits,
            checkpoints: self.checkpoints.as_ref(),
            model: &self.model,
            encoder: self.encoder.as_ref(),
            dataset: &self.dataset,
            seed: self.schedule.seed,
            epochs: self.schedule.epochs,
            takes: Taken {
                automatic: !clicks,
                clicks,
                boxes: false,
            },
        }
    }
}

/// How crops are cut out of scans.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CropRecipe {
    /// Voxels a side; for 3DSAM-adapter and AutoProSAM a multiple of the encoder's tokens a side.
    pub side: usize,
    /// Spacing along the network's axes; empty: the scan's own.
    #[serde(default)]
    pub spacing_mm: Vec<f64>,
    /// Clipping and normalisation.
    pub intensity: Intensity,
    /// Crops of each scan an epoch: 1, as the authors have it, or more where scans are few.
    #[serde(default = "one")]
    pub per_scan: usize,
}

fn one() -> usize {
    1
}

fn five() -> usize {
    5
}

/// Optimiser and length.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VolumeSchedule {
    /// Seed of every random choice.
    pub seed: u64,
    /// Times that every scan is seen.
    pub epochs: usize,
    /// AdamW's highest learning rate: 4e-4 for 3DSAM-adapter, 5e-4 for AutoProSAM.
    pub learning_rate: f64,
    /// Epochs between two measurements on the scans that choose the best epoch.
    #[serde(default = "one")]
    pub choose_every: usize,
    /// Epochs in which the rate rises, for AutoProSAM and SwinUNETR: 5. The first of them hardly learn anything, so runs
    /// of a few epochs do without.
    #[serde(default = "five")]
    pub warmup_epochs: usize,
}

/// Sizes of the parts beside the encoder.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NetworkRecipe {
    /// Channels of the feature maps: 256.
    pub channels: usize,
    /// Channels of each of the decoder's heads: 128.
    pub head_channels: usize,
    /// Side of the attention windows in tokens: 8.
    pub window: usize,
    /// Width of the click prompt encoder's hidden layer: 2048.
    #[serde(default)]
    pub prompt_width: usize,
    /// Channels of the prompt generator's first level: 16.
    #[serde(default)]
    pub generator_channels: usize,
    /// Which map the prompt stage replaces; the authors' choice for the system where it is not stated.
    #[serde(default)]
    pub wiring: Option<Wiring>,
}

/// SwinUNETR's own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SwinRecipe {
    /// Channels of the first level: 12, 24, 36 or 48.
    pub feature_size: usize,
    /// Attention heads of the four stages.
    #[serde(default = "heads")]
    pub heads: [usize; 4],
}

fn heads() -> [usize; 4] {
    [3, 6, 12, 24]
}

/// How SwinUNETR learns from an installed AutoProSAM. The authors describe it and publish no code for it: the loss is
/// (1 - weight) · (Dice and cross entropy with the labels) + weight · (mean square difference to the teacher's
/// probabilities).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DistillationRecipe {
    /// Id of the teacher.
    pub teacher: String,
    /// Share of the difference to the teacher; the authors found 0.5 best.
    #[serde(default = "half")]
    pub weight: f64,
    /// Epochs at the start in which the teacher alone is learned from: training in two phases.
    #[serde(default)]
    pub first_phase_epochs: usize,
}

fn half() -> f64 {
    0.5
}

impl VolumeRecipe {
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
        recipe.splits = base.join(&recipe.splits);
        recipe.dataset.folder = base.join(&recipe.dataset.folder);
        if let Some(checkpoints) = &mut recipe.checkpoints {
            checkpoints.folder = base.join(&checkpoints.folder);
        }
        if let Some(encoder) = &mut recipe.encoder {
            encoder.sam = encoder.sam.take().map(|sam| base.join(sam));
        }
        recipe.check().map_err(error)?;
        Ok(recipe)
    }

    fn check(&self) -> Result<(), String> {
        let labels = self.dataset.label_values()?;
        let encoder = self.encoder.as_ref();
        let swin = self.system == VolumeSystem::SwinUnetr;
        if swin != self.swinunetr.is_some() || swin == self.network.is_some() {
            return Err(
                "it needs [swinunetr] for swinunetr, and [network] for the others".to_owned(),
            );
        }
        if swin == encoder.is_some() {
            return Err(
                "it needs [encoder] for 3dsam and autoprosam, and none for swinunetr".to_owned(),
            );
        }
        if encoder.is_some_and(|e| e.sam.is_some() == e.random.is_some()) {
            return Err("[encoder] needs either 'sam' or 'random'".to_owned());
        }
        if self.distillation.is_some() && !swin {
            return Err("only swinunetr learns from a teacher".to_owned());
        }
        if self.system == VolumeSystem::Threedsam && labels.len() != 1 {
            return Err("3dsam learns one structure: name one in [dataset.structures]".to_owned());
        }
        if !matches!(self.crops.spacing_mm.len(), 0 | 3) {
            return Err("spacing_mm needs three numbers, or none".to_owned());
        }
        if swin && !self.crops.side.is_multiple_of(32) {
            return Err("swinunetr needs a crop side that is a multiple of 32".to_owned());
        }
        let counts = [
            self.schedule.epochs,
            self.crops.per_scan,
            self.schedule.choose_every,
        ];
        if counts.contains(&0) {
            return Err("epochs, per_scan and choose_every must be at least 1".to_owned());
        }
        Ok(())
    }
}
