//! Folders of trained models as nnU-Net writes them: `Trainer__Plans__configuration` with `plans.json`, `dataset.json`
//! and a checkpoint for each fold.

mod checkpoints;
mod dataset;
mod plans;
mod postprocessing;
mod single;

use std::path::{Path, PathBuf};

use crate::models::checkpoint::{CheckpointError, WeightMap};
use crate::models::{FoldChoice, TrainingState};

use super::stage::Stage;
use checkpoints::{Checkpoint, check_sizes, found_folds, network_weights};
pub use dataset::Dataset;
use plans::{Configuration, Plans};
use postprocessing::kept_largest;
pub use single::SingleNetwork;

const PLANS: &str = "plans.json";
const DATASET: &str = "dataset.json";

/// Which networks of a folder are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Which folds.
    pub folds: &'a FoldChoice,
    /// Which state of each.
    pub state: TrainingState,
}

/// A trained model: how its networks are used, and their tensors.
pub struct TrainedModel {
    /// What it is shown and what it names.
    pub dataset: Dataset,
    /// How its networks are used.
    pub stage: Stage,
    /// The tensors of each fold, under their plain names; only the head that is used.
    pub weights: Vec<WeightMap>,
    /// Groups of labels of which only the largest piece stays, one group after the other.
    pub kept_largest: Vec<Vec<u16>>,
    /// What comes before it in a cascade.
    pub previous: Option<Box<Self>>,
}

/// What training says of the network beside the plans.
struct Trained {
    folds: Vec<String>,
    mirror_axes: Vec<usize>,
    /// The trainer put batch normalisation in the place of what the plans say.
    batch_norm: bool,
}

/// Whether a folder looks like that of a trained model.
pub fn is_trained_model(folder: &Path) -> bool {
    folder.join(PLANS).is_file() && folder.join(DATASET).is_file()
}

impl TrainedModel {
    /// Reads a folder; of a cascade also that of the stage before, which lies beside it.
    ///
    /// # Errors
    /// A folder of something else, folds that are not there, plans that this program cannot follow, checkpoints that are
    /// not whole or name anything but tensors, networks that do not fit the plans.
    pub fn open(folder: &Path, wanted: Wanted<'_>) -> Result<Self, CheckpointError> {
        Self::open_stage(folder, wanted, true)
    }

    fn open_stage(
        folder: &Path,
        wanted: Wanted<'_>,
        may_follow: bool,
    ) -> Result<Self, CheckpointError> {
        if !is_trained_model(folder) {
            return Err(CheckpointError::file(
                folder,
                "no trained nnU-Net model: give the folder Trainer__Plans__configuration, in which plans.json, dataset.json and fold_0 lie",
            ));
        }
        let (plans, dataset) = (read(folder, PLANS)?, read(folder, DATASET)?);
        let of_plans = |problem| CheckpointError::file(&folder.join(PLANS), problem);
        let of_dataset = |problem| CheckpointError::file(&folder.join(DATASET), problem);
        let plans = Plans::of_text(&plans).map_err(of_plans)?;
        let dataset = Dataset::of_text(&dataset).map_err(of_dataset)?;
        let found = found_folds(folder, wanted)?;
        let first = Checkpoint::open(&found[0].1)?;
        let configuration = first.configuration.clone().or_else(|| named(folder, 2));
        let configuration = configuration.ok_or_else(|| {
            CheckpointError::file(
                folder,
                "neither its checkpoint nor its name says the configuration",
            )
        })?;
        let configuration = plans.configuration(&configuration).map_err(of_plans)?;
        let previous = match (configuration.previous_stage(), may_follow) {
            (None, _) => None,
            (Some(name), true) => {
                let folder = previous_folder(folder, &configuration, name)?;
                Some(Box::new(Self::open_stage(&folder, wanted, false)?))
            }
            (Some(_), false) => {
                let problem = "its previous stage has one too, which is not supported".to_owned();
                return Err(of_plans(problem));
            }
        };
        let trainer = first.trainer.clone().or_else(|| named(folder, 0));
        if let Some(other) = trainer.filter(|name| name.contains("Primus")) {
            return Err(CheckpointError::file(
                folder,
                format!("its trainer '{other}' trains a transformer, which is not supported"),
            ));
        }
        let trained = Trained {
            folds: found.iter().map(|(name, _)| name.clone()).collect(),
            mirror_axes: first.mirror_axes.clone(),
            batch_norm: first.has_batch_norm(),
        };
        let stage = plans
            .stage(&configuration, &dataset, trained)
            .map_err(of_plans)?;
        let mut weights = Vec::with_capacity(found.len());
        let mut opened = Some(first);
        for (_, path) in &found {
            let checkpoint = match opened.take() {
                Some(first) => first,
                None => Checkpoint::open(path)?,
            };
            let of_fold = network_weights(&checkpoint.file, stage.architecture.stages());
            check_sizes(&of_fold, &stage.architecture)
                .map_err(|problem| CheckpointError::file(path, problem))?;
            weights.push(of_fold);
        }
        if let Some(before) = &previous
            && (before.dataset.channels.len() != dataset.channels.len()
                || before.dataset.foreground != dataset.foreground)
        {
            return Err(CheckpointError::file(
                folder,
                "its previous stage was trained on other images or labels",
            ));
        }
        let kept_largest = kept_largest(folder, &stage.folds)?;
        Ok(Self {
            dataset,
            stage,
            weights,
            kept_largest,
            previous,
        })
    }

    /// The stages in the order in which they run, with the tensors of their folds.
    pub fn into_stages(self) -> Vec<(Stage, Vec<WeightMap>)> {
        let mut stages = match self.previous {
            Some(previous) => previous.into_stages(),
            None => Vec::new(),
        };
        stages.push((self.stage, self.weights));
        stages
    }
}

fn read(folder: &Path, name: &str) -> Result<String, CheckpointError> {
    let path = folder.join(name);
    std::fs::read_to_string(&path).map_err(|e| CheckpointError::file(&path, e.to_string()))
}

/// A part of `Trainer__Plans__configuration`.
fn named(folder: &Path, part: usize) -> Option<String> {
    let whole = std::path::absolute(folder).ok()?;
    let name = whole.file_name()?.to_string_lossy().into_owned();
    let parts: Vec<&str> = name.split("__").collect();
    (parts.len() == 3).then(|| parts[part].to_owned())
}

/// The folder of the stage before: of the same trainer and plans, or the only one of that configuration.
fn previous_folder(
    folder: &Path,
    configuration: &Configuration,
    previous: &str,
) -> Result<PathBuf, CheckpointError> {
    let refuse = |problem: String| CheckpointError::file(folder, problem);
    let beside = std::path::absolute(folder).map_err(|e| refuse(e.to_string()))?;
    let beside = beside.parent().unwrap_or(folder).to_owned();
    if let (Some(trainer), Some(plans)) = (named(folder, 0), named(folder, 1)) {
        let same = beside.join(format!("{trainer}__{plans}__{previous}"));
        if is_trained_model(&same) {
            return Ok(same);
        }
    }
    let ending = format!("__{previous}");
    let mut others: Vec<PathBuf> = subfolders(&beside)
        .into_iter()
        .filter(|path| path.to_string_lossy().ends_with(&ending) && is_trained_model(path))
        .collect();
    if others.len() == 1 {
        return Ok(others.remove(0));
    }
    Err(refuse(format!(
        "its configuration {} goes on from {previous}, and there is not one trained model of that beside it",
        configuration.name
    )))
}

/// The folders inside a folder, by name.
pub fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut folders: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}
