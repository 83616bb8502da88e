//! The recipe: a TOML file, its paths relative to itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::models::{ModelCard, Structure};
use crate::volume::Modality;

use super::losses::CrossEntropy;
use super::{TrainError, read_recipe, targets};

/// A training recipe.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Where checkpoints and weights go.
    pub checkpoints: PathBuf,
    /// Weights to start from, as an earlier run wrote them; random ones otherwise.
    #[serde(default)]
    pub initial_weights: Option<PathBuf>,
    /// File that names the validation patients, which are never trained on.
    pub splits: PathBuf,
    /// The trained model's card.
    pub card: CardConfig,
    /// What of the network learns.
    #[serde(default)]
    pub learner: Learner,
    /// Optimiser and length.
    pub schedule: Schedule,
    /// Loss of the automatic path. Structures fill little of a region, so their voxels count for more, above all
    /// before they are found at all.
    pub structure_loss: CrossEntropy,
    /// Share of samples of each kind.
    pub mix: Mix,
    /// What the automatic path learns, in the order of its output channels.
    pub structures: Vec<Structure>,
    /// The data.
    pub datasets: Vec<DatasetConfig>,
    /// Label maps without scans, from which scans are made up.
    #[serde(default)]
    pub label_maps: Vec<LabelMapsConfig>,
}

/// What of the network learns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Learner {
    /// All of it.
    #[default]
    Network,
    /// The structure refiner; what comes before stays as it is.
    Refiner,
}

/// What the trained model's card says of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardConfig {
    /// Short name.
    pub id: String,
    /// Name shown to users.
    pub title: String,
    /// One sentence.
    pub description: String,
    /// Notices of the training data.
    pub notices: Vec<String>,
}

/// Optimiser and length.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Seed of every random choice.
    pub seed: u64,
    /// Optimiser steps.
    pub steps: usize,
    /// Samples per step.
    pub batch: usize,
    /// Highest learning rate, reached after the warm-up; falls as a cosine to a hundredth of it.
    pub learning_rate: f64,
    /// Steps of linear warm-up.
    pub warmup: usize,
    /// AdamW's weight decay.
    pub weight_decay: f32,
    /// Share of the old average kept per step in the averaged weights.
    pub average: f64,
    /// Steps between checkpoints.
    pub checkpoint_every: usize,
}

/// Share of samples of each kind; the rest are prompted samples on composed shapes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mix {
    /// Automatic samples, by dataset name.
    pub automatic: BTreeMap<String, f64>,
    /// Prompted samples on what is labelled, by dataset name.
    pub prompted: BTreeMap<String, f64>,
    /// Prompted samples on made-up targets, by the name of what makes them; see `targets::MAKERS`.
    #[serde(default)]
    pub made: BTreeMap<String, f64>,
}

impl Mix {
    /// Whether every sample is an automatic one of a dataset whose structures are refined.
    fn refines_only(&self, datasets: &[DatasetConfig]) -> bool {
        let is_refined = |name: &str| datasets.iter().any(|d| d.refined && d.name == name);
        let shares = self.automatic.iter().filter(|(name, _)| is_refined(name));
        shares.map(|(_, share)| share).sum::<f64>() > 1.0 - 1e-9
    }
}

/// One collection of labelled scans.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetConfig {
    /// Name, as in the splits file.
    pub name: String,
    /// Folder that holds the images.
    pub folder: PathBuf,
    /// How an image's path, relative to the folder, ends; what stands before is the case.
    pub image: String,
    /// Label map's path relative to the folder, `{}` standing for the case.
    pub labels: String,
    /// Kind of scan.
    pub modality: Modality,
    /// Structure of each label value; empty where the labels are not structures of the automatic path.
    #[serde(default)]
    pub structures: BTreeMap<String, String>,
    /// Spacing of automatic regions in mm, along right, anterior, superior.
    pub spacing_mm: [f64; 3],
    /// Whether structures are refined at full resolution.
    #[serde(default)]
    pub refined: bool,
    /// Whether a label missing from a case was simply not contoured there.
    #[serde(default)]
    pub absent_is_unknown: bool,
    /// Whether the scans were cropped around the target, so that the border tells where it is.
    #[serde(default)]
    pub cropped_around_target: bool,
    /// Whether the labels are lesions, whose values painted ones take after.
    #[serde(default)]
    pub lesions: bool,
    /// How far automatic regions differ from the scan.
    #[serde(default)]
    pub variation: Variation,
}

/// One collection of label maps without scans.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelMapsConfig {
    /// Name for messages.
    pub name: String,
    /// Folder that holds them.
    pub folder: PathBuf,
    /// How their paths, relative to the folder, begin.
    #[serde(default)]
    pub starts_with: String,
    /// How their paths, relative to the folder, end.
    pub ends_with: String,
}

/// How far a region of the automatic path may differ from the scan as it lies.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variation {
    /// Largest turn about each axis.
    pub rotation_degrees: f64,
    /// Largest factor of each axis; the smallest is its inverse.
    pub scale: f64,
    /// Share of the varied regions with left and right exchanged.
    pub mirrored: f64,
    /// Share of regions shown as they will be once trained: within the scan, not turned, scaled or mirrored, their
    /// values unchanged, and on the scan's own voxels where its spacing is the model's.
    #[serde(default)]
    pub as_it_is: f64,
}

impl Default for Variation {
    fn default() -> Self {
        Self {
            rotation_degrees: 8.0,
            scale: 1.15,
            mirrored: 0.5,
            as_it_is: 0.0,
        }
    }
}

impl TrainConfig {
    /// The card of the model that this recipe trains, for weights of this checksum.
    pub fn model_card(&self, weights: &str, sha256: String) -> ModelCard {
        let knows_structures = |d: &&DatasetConfig| !d.structures.is_empty();
        ModelCard {
            id: self.card.id.clone(),
            title: self.card.title.clone(),
            system: "prosector1".to_owned(),
            description: self.card.description.clone(),
            weights: weights.to_owned(),
            sha256,
            automatic: !self.mix.automatic.is_empty(),
            clicks: true,
            boxes: true,
            scribbles: true,
            lassos: true,
            structures: self.structures.clone(),
            automatic_spacing_mm: self
                .datasets
                .iter()
                .filter(knows_structures)
                .map(|d| (d.modality.name().to_owned(), d.spacing_mm))
                .collect(),
            automatic_refined: self
                .datasets
                .iter()
                .filter(|d| d.refined)
                .map(|d| d.modality.name().to_owned())
                .collect(),
            notices: self.card.notices.clone(),
            ..ModelCard::default()
        }
    }

    /// The single files that it names, beside its folders of data.
    pub fn files_read(&self) -> impl Iterator<Item = &Path> {
        let files = [Some(&self.splits), self.initial_weights.as_ref()];
        files.into_iter().flatten().map(PathBuf::as_path)
    }

    /// Reads a recipe and makes its paths absolute.
    ///
    /// # Errors
    /// A file that cannot be read, unknown or missing keys.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        let error = |reason: String| TrainError::Config {
            path: path.to_owned(),
            reason,
        };
        let mut config: Self = read_recipe(path)?;
        let base = path.parent().unwrap_or(Path::new("."));
        config.checkpoints = base.join(&config.checkpoints);
        config.splits = base.join(&config.splits);
        config.initial_weights = config.initial_weights.map(|path| base.join(path));
        for maps in &mut config.label_maps {
            maps.folder = base.join(&maps.folder);
        }
        if let Some(name) = config.mix.made.keys().find(|n| !targets::is_maker(n)) {
            return Err(error(format!(
                "nothing makes '{name}' in [mix.made]; known: {}",
                targets::maker_names().join(", ")
            )));
        }
        for dataset in &mut config.datasets {
            dataset.folder = base.join(&dataset.folder);
            for name in dataset.structures.values() {
                if !config.structures.iter().any(|s| &s.name == name) {
                    return Err(error(format!(
                        "dataset {} names the structure {name}, which is not in [[structures]]",
                        dataset.name
                    )));
                }
            }
        }
        if config.learner == Learner::Refiner && !config.mix.refines_only(&config.datasets) {
            return Err(error(
                "the refiner learns from automatic samples of datasets with `refined` alone: give these all of the mix"
                    .to_owned(),
            ));
        }
        Ok(config)
    }
}
