//! The architectures that this program knows.

use std::path::Path;
use std::sync::Arc;

use super::checkpoint::{CheckpointError, TensorFile, WeightMap};
use super::taught::Teachable;
use super::trust::Trust;
use super::{DeviceChoice, ModelCard, ModelError, Segmenter, Structure};

/// What a system makes a model from.
pub struct ImportSource<'a> {
    /// The authors' checkpoint files; several where results of several models are merged.
    pub files: &'a [Arc<TensorFile>],
    /// The plain SAM file beneath a checkpoint that holds only what was added to it.
    pub base: Option<&'a Arc<TensorFile>>,
    /// Named set of values for what a checkpoint does not tell, such as the data set it was trained on.
    pub preset: Option<&'a str>,
    /// Values that replace what was found out, over those of the preset.
    pub overrides: &'a toml::Table,
}

impl<'a> ImportSource<'a> {
    /// The file of a system, called `title` in messages, whose models are one file each.
    ///
    /// # Errors
    /// No file, or several.
    pub(super) fn only_file(&self, title: &str) -> Result<&'a Arc<TensorFile>, CheckpointError> {
        let [file] = self.files else {
            let problem = format!("{} files are given: it is one file", self.files.len());
            return Err(CheckpointError::misfit(title, problem));
        };
        Ok(file)
    }
}

/// What a system made of checkpoint files: enough to open it again without them.
pub struct Imported {
    /// Every tensor that the network takes, and nothing else.
    pub weights: WeightMap,
    /// The system's settings, for the card.
    pub config: toml::Table,
    /// Takes no prompt.
    pub automatic: bool,
    /// Takes clicks.
    pub clicks: bool,
    /// Takes a 3D box.
    pub boxes: bool,
    /// Takes scribbles.
    pub scribbles: bool,
    /// Takes lassos.
    pub lassos: bool,
    /// Foreground classes of the automatic path; 0 where it has none.
    pub classes: usize,
    /// One sentence: what it is.
    pub description: String,
}

/// Which of a cross-validation's networks are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum FoldChoice {
    /// Every numbered fold, or the one that was trained on everything where there is no other.
    #[default]
    Auto,
    /// The one that was trained on everything; where there is none, every numbered fold.
    All,
    /// These.
    Numbered(Vec<usize>),
}

/// Which state of training is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TrainingState {
    /// The last.
    #[default]
    Final,
    /// The one that did best on the validation cases.
    Best,
}

/// What a system that reads folders makes a model from.
pub struct FolderSource<'a> {
    /// The folder.
    pub folder: &'a Path,
    /// Which networks of it.
    pub folds: &'a FoldChoice,
    /// Which state of each.
    pub state: TrainingState,
    /// Named way of using it.
    pub preset: Option<&'a str>,
}

/// What a system made of a folder, which tells more than checkpoint files do.
pub struct ImportedFolder {
    /// Weights and settings.
    pub model: Imported,
    /// A name for it, where the user gives none.
    pub id: String,
    /// What it is, for lists.
    pub title: String,
    /// What it finds, under the names of the folder.
    pub structures: Vec<Structure>,
    /// Names of the images that it takes at once; empty where it is one.
    pub channels: Vec<String>,
    /// The licence, where the folder or its name tells it.
    pub licence: Option<String>,
}

/// An architecture: how its checkpoints are imported and its models opened.
pub struct System {
    /// Short name, as in `--system` and on cards.
    pub name: &'static str,
    /// Name shown to users.
    pub title: &'static str,
    /// Whether it looks at slices, or at some neighbours as a film: then the third axis may be time.
    pub slice_by_slice: bool,
    /// Chooses how much of the scan to look at first by how large what is clicked is said to be.
    pub heeds_size: bool,
    /// Makes a model of what the authors' code wrote; `None` where there is nothing but ours, which opens by its card.
    pub import: Option<Importer>,
    /// Opens a model.
    pub open: Opener,
    /// What teaching its models takes; `None` where they cannot be taught.
    pub(crate) teachable: Option<Teachable>,
}

/// Makes a model of what its authors' code wrote.
#[derive(Clone, Copy)]
pub enum Importer {
    /// Of checkpoint files.
    Files(fn(&ImportSource<'_>) -> Result<Imported, CheckpointError>),
    /// Of a folder.
    Folder(fn(&FolderSource<'_>) -> Result<ImportedFolder, CheckpointError>),
}

/// Opens a model on a device.
pub type Opener = fn(StoredModel, DeviceChoice) -> Result<Box<dyn Segmenter>, ModelError>;

/// A model as it is kept: all that opening it takes.
pub struct StoredModel {
    /// What it is, with the system's settings.
    pub card: ModelCard,
    /// Its tensors.
    pub weights: WeightMap,
    /// What was learnt of its answers, if anything.
    pub trust: Option<Trust>,
}

impl StoredModel {
    /// A model of whose answers nothing was learnt yet.
    pub fn new(card: ModelCard, weights: WeightMap) -> Self {
        Self {
            card,
            weights,
            trust: None,
        }
    }
}

/// All architectures: the model in the box's, then the others in the order of the README.
pub fn systems() -> &'static [System] {
    const ALL: &[System] = &[
        super::prosector1::SYSTEM,
        super::sam::SYSTEM,
        super::masam::SYSTEM,
        super::threedsam::SYSTEM,
        super::autoprosam::SYSTEM,
        super::autosam::SYSTEM,
        super::desam::SYSTEM,
        super::swinunetr::SYSTEM,
        super::nnunet::SYSTEM,
        super::nninteractive::SYSTEM,
    ];
    ALL
}

/// The architecture of a name; case, hyphens and a trailing `adapter` do not count.
pub fn system_named(name: &str) -> Option<&'static System> {
    let plain = |name: &str| {
        let name = name.to_lowercase().replace(['-', '_', ' '], "");
        name.strip_suffix("adapter").unwrap_or(&name).to_owned()
    };
    systems().iter().find(|s| plain(s.name) == plain(name))
}
