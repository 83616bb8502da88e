//! How a model is made of a folder that nnU-Net wrote.

use std::path::{Path, PathBuf};

use crate::models::checkpoint::{CheckpointError, WeightMap};
use crate::models::{FolderSource, Imported, ImportedFolder, Structure};
use crate::volume::LabelTable;

use super::folder::{TrainedModel, Wanted, is_trained_model, subfolders};
use super::network::TITLE;
use super::settings::{Part, Settings};
use super::stage::Stage;
use super::totalseg::{import_task, task_of};

/// Preset that takes a folder of TotalSegmentator's for one of nnU-Net's and nothing more.
const PLAIN: &str = "nnunet";

/// Makes a model of a trained model's folder, or of that of its data set where it has only one; of a task of
/// TotalSegmentator from the folder that its data sets lie in.
///
/// # Errors
/// As [`TrainedModel::open`]; a preset that there is not, a task whose data sets are not there.
pub fn import(source: &FolderSource<'_>) -> Result<ImportedFolder, CheckpointError> {
    let wanted = Wanted {
        folds: source.folds,
        state: source.state,
    };
    if source.preset != Some(PLAIN)
        && let Some(task) = task_of(source.folder, source.preset)?
    {
        return import_task(&task, wanted);
    }
    let folder = trained_folder(source.folder)?;
    let trained = TrainedModel::open(&folder, wanted)?;
    let name = dataset_name(&folder);
    let structures = structures_of(&trained, &|label| label);
    let channels = match &trained.dataset.channels[..] {
        [_] => Vec::new(),
        several => several.to_vec(),
    };
    let licence = trained.dataset.licence.clone();
    let configuration = trained.stage.configuration.clone();
    let folds = trained.stage.folds.len();
    let kept_largest = trained.kept_largest.clone();
    let stages = trained.into_stages();
    let networks = match (stages.len(), folds) {
        (1, 1) => "one network".to_owned(),
        (1, folds) => format!("the mean of {folds} networks"),
        (stages, _) => format!("a cascade of {stages}"),
    };
    let afterwards = match kept_largest.len() {
        0 => "",
        _ => ", and the postprocessing that was found for it",
    };
    let mut weights = WeightMap::default();
    let stages = numbered(0, stages, &mut weights);
    let settings = Settings {
        parts: vec![Part {
            kept_largest,
            ..Part::plain(stages)
        }],
        task: None,
    };
    Ok(ImportedFolder {
        model: imported(
            &settings,
            weights,
            structures.len(),
            format!(
                "nnU-Net trained as {name}, {configuration}: finds its structures without a prompt ({networks}{afterwards})"
            ),
        )?,
        id: plain_id(&format!("{name}-{configuration}")),
        title: format!("{TITLE} {name} ({configuration})"),
        structures,
        channels,
        licence,
    })
}

/// What a model of nnU-Net's is among all models.
///
/// # Errors
/// Settings that no model has.
pub(super) fn imported(
    settings: &Settings,
    weights: WeightMap,
    classes: usize,
    description: String,
) -> Result<Imported, CheckpointError> {
    settings
        .check()
        .map_err(|problem| CheckpointError::misfit(TITLE, problem))?;
    let config = toml::Table::try_from(settings);
    Ok(Imported {
        weights,
        config: config.map_err(|e| CheckpointError::misfit(TITLE, e.to_string()))?,
        automatic: true,
        clicks: false,
        boxes: false,
        scribbles: false,
        lassos: false,
        classes,
        description,
    })
}

/// The structures of a trained model with the values that its labels have on the card.
pub(super) fn structures_of(trained: &TrainedModel, value: &dyn Fn(u16) -> u16) -> Vec<Structure> {
    let named = trained.dataset.structures.iter();
    named
        .map(|(label, name)| Structure {
            value: value(*label),
            name: name.clone(),
            color: Some(LabelTable::palette_color(value(*label))),
            modality: None,
        })
        .collect()
}

/// Stages without their tensors, which go to the others under the names that they have in the file of weights.
pub(super) fn numbered(
    part: usize,
    stages: Vec<(Stage, Vec<WeightMap>)>,
    all: &mut WeightMap,
) -> Vec<Stage> {
    let mut kept = Vec::with_capacity(stages.len());
    for (at, (stage, folds)) in stages.into_iter().enumerate() {
        for (fold, weights) in folds.into_iter().enumerate() {
            let prefix = Settings::prefix(part, at, fold);
            let renamed = weights.renamed(|name| Some(format!("{prefix}{name}")));
            *all = std::mem::take(all).with(renamed);
        }
        kept.push(stage);
    }
    kept
}

/// The trained model that a folder is, or the only one in it.
///
/// # Errors
/// Several.
fn trained_folder(folder: &Path) -> Result<PathBuf, CheckpointError> {
    if is_trained_model(folder) {
        return Ok(folder.to_owned());
    }
    let inside = subfolders(folder).into_iter();
    let mut inside: Vec<PathBuf> = inside.filter(|path| is_trained_model(path)).collect();
    match inside.len() {
        1 => Ok(inside.remove(0)),
        0 => Ok(folder.to_owned()),
        several => {
            let names = inside.iter().filter_map(|path| path.file_name());
            let names: Vec<_> = names.map(|name| name.to_string_lossy()).collect();
            Err(CheckpointError::file(
                folder,
                format!(
                    "it holds {several} trained models: give one of {}",
                    names.join(", ")
                ),
            ))
        }
    }
}

/// The name of the data set that a trained model's folder lies in.
pub(super) fn dataset_name(folder: &Path) -> String {
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let parent = whole.parent().and_then(Path::file_name);
    parent.map_or_else(
        || "model".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// A name that can be a model's.
fn plain_id(name: &str) -> String {
    let plain = |c: char| {
        let fits = c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if fits { c } else { '_' }
    };
    name.trim_start_matches('.').chars().map(plain).collect()
}
