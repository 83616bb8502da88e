//! What the recipes of published systems have in common: TOML files, their paths relative to themselves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::train::TrainError;
use crate::volume::Modality;

/// Reads a recipe as it stands.
///
/// # Errors
/// A file that cannot be read, unknown or missing keys.
pub(in crate::train) fn read_recipe<R: DeserializeOwned>(path: &Path) -> Result<R, TrainError> {
    let error = |reason: String| TrainError::Config {
        path: path.to_owned(),
        reason,
    };
    let text = std::fs::read_to_string(path).map_err(|e| error(e.to_string()))?;
    toml::from_str(&text).map_err(|e| error(e.message().to_owned()))
}

/// Where and how often a run keeps its state.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::train) struct CheckpointsEntry {
    /// The folder.
    pub folder: PathBuf,
    /// Minutes between two states; one is written at the end of an epoch, and after the last epoch in any case.
    #[serde(default = "five")]
    pub every_minutes: f64,
}

fn five() -> f64 {
    5.0
}

/// The trained model as it is installed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::train) struct ModelEntry {
    /// Short name.
    pub id: String,
    /// Name shown to users.
    pub title: String,
    /// One sentence.
    pub description: String,
    /// Notices of the training data.
    #[serde(default)]
    pub notices: Vec<String>,
    /// Licence of the weights, where they come from a file with one.
    #[serde(default)]
    pub licence: Option<String>,
}

impl ModelEntry {
    /// The notices for a card, with the truth about an encoder that started at random.
    pub fn notices_from(&self, encoder: Option<&EncoderStart>) -> Vec<String> {
        let mut notices = self.notices.clone();
        if let Some(encoder) = encoder.filter(|e| e.random.is_some()) {
            let since = if encoder.trained {
                "trained together with the rest"
            } else {
                "left as they were"
            };
            notices.push(format!(
                "The image encoder started from random weights, not from SAM's; its own weights were {since}."
            ));
        }
        notices
    }
}

/// Where the encoder comes from: one of the two.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::train) struct EncoderStart {
    /// A plain SAM file.
    #[serde(default)]
    pub sam: Option<PathBuf>,
    /// Random weights: for trying things out, and to be honest about.
    #[serde(default)]
    pub random: Option<RandomSam>,
    /// Whether the encoder's own weights are trained too. The authors freeze SAM's; of random weights there is nothing
    /// to keep.
    #[serde(default)]
    pub trained: bool,
}

/// A small network of SAM's layout with random weights.
#[derive(Debug, Clone, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::train) struct RandomSam {
    /// Seed of the weights.
    pub seed: u64,
    /// Side of the image in pixels.
    pub image_side: usize,
    /// Side of a patch in pixels.
    pub patch: usize,
    /// Width of a token.
    pub width: usize,
    /// Blocks.
    pub depth: usize,
    /// Attention heads.
    pub heads: usize,
    /// Side of the attention windows in tokens.
    pub window: usize,
    /// Blocks whose attention sees the whole image.
    pub global_blocks: Vec<usize>,
    /// Channels of the embedding, and width of the decoder's tokens.
    pub embedding: usize,
}

/// One collection of labelled scans.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::train) struct DatasetEntry {
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
    /// Structure of each label value.
    pub structures: BTreeMap<String, String>,
    /// Training cases at most, in the order of their names; AutoSAM's few-shot experiments use as few as one.
    #[serde(default)]
    pub most_cases: Option<usize>,
}

impl DatasetEntry {
    /// Label values and names of the structures, in the order of the network's classes.
    pub fn label_values(&self) -> Result<Vec<(u16, String)>, String> {
        let mut values = Vec::new();
        for (value, name) in &self.structures {
            let number = value.parse::<u16>().ok().filter(|&v| v > 0);
            let number = number.ok_or_else(|| format!("'{value}' is not a label value"))?;
            values.push((number, name.clone()));
        }
        values.sort_unstable();
        if values.is_empty() {
            return Err("[dataset.structures] names no structure".to_owned());
        }
        Ok(values)
    }
}
