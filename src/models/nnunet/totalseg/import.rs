//! How a model is made of the folders of a task.

use std::path::{Path, PathBuf};

use crate::models::checkpoint::{CheckpointError, WeightMap};
use crate::models::nnunet::folder::{TrainedModel, Wanted, is_trained_model, subfolders};
use crate::models::nnunet::import::{dataset_name, imported, numbered, structures_of};
use crate::models::nnunet::settings::{
    CropSettings, KeepWithin, Part, RefineSettings, Settings, TaskSettings,
};
use crate::models::{ImportedFolder, Structure};

use super::colors::color_of;
use super::tasks::{CropRule, RefineRule, Task, task_named, tasks, without_subjects};

/// A task and where its trained models lie.
pub(in crate::models::nnunet) struct Found {
    task: &'static Task,
    /// For each data set that is there its place in the task, and its trained model.
    models: Vec<(usize, PathBuf)>,
    /// The folder that data sets lie in.
    root: PathBuf,
}

/// The task that a folder is: of a trained model, of a data set, or of the data sets of a task, which `preset` names where
/// there are several. `None` for folders of anything else.
///
/// # Errors
/// A task that there is not, or whose data sets are not all there; several tasks.
pub(in crate::models::nnunet) fn task_of(
    folder: &Path,
    preset: Option<&str>,
) -> Result<Option<Found>, CheckpointError> {
    let refuse = |problem: String| Err(CheckpointError::file(folder, problem));
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let up = |path: &Path| {
        path.parent()
            .map_or_else(|| path.to_owned(), Path::to_owned)
    };
    let dataset = if is_trained_model(&whole) {
        Some(up(&whole))
    } else {
        let holds_models = subfolders(&whole).iter().any(|f| is_trained_model(f));
        holds_models.then(|| whole.clone())
    };
    let all_of = |root: &Path, task: &'static Task| -> Result<Found, String> {
        let mut models = Vec::new();
        for (place, name) in task.datasets.iter().enumerate() {
            models.push((place, model_of(root, name, &task.configuration)?));
        }
        if let Some(rule) = &task.refine {
            refining(rule, root)?;
        }
        Ok(Found {
            task,
            models,
            root: root.to_owned(),
        })
    };
    let root = dataset.as_deref().map_or_else(|| whole.clone(), up);
    if let Some(name) = preset {
        let Some(task) = task_named(name) else {
            return refuse(format!(
                "there is no task '{name}' of TotalSegmentator that could be a --preset"
            ));
        };
        return all_of(&root, task).map(Some).or_else(refuse);
    }
    if let Some(dataset) = dataset {
        let name = dataset.file_name().unwrap_or_default().to_string_lossy();
        let name = without_subjects(&name).to_owned();
        let place_in = |task: &'static Task| task.datasets.iter().position(|d| *d == name);
        let task = tasks()
            .iter()
            .find_map(|task| Some((task, place_in(task)?)));
        let Some((task, place)) = task else {
            return Ok(None);
        };
        let model = if is_trained_model(&whole) {
            Ok(whole)
        } else {
            model_of(&root, &name, &task.configuration)
        };
        return model.map_or_else(refuse, |model| {
            Ok(Some(Found {
                task,
                models: vec![(place, model)],
                root,
            }))
        });
    }
    let mut complete: Vec<Found> = tasks()
        .iter()
        .filter_map(|t| all_of(&root, t).ok())
        .collect();
    match complete.len() {
        0 => Ok(None),
        1 => Ok(complete.pop()),
        _ => {
            let names: Vec<&str> = complete.iter().map(|f| f.task.name.as_str()).collect();
            refuse(format!(
                "it holds several tasks of TotalSegmentator: choose one of {} with --preset",
                names.join(", ")
            ))
        }
    }
}

/// The trained model of a data set, or why there is none.
fn model_of(root: &Path, dataset: &str, configuration: &str) -> Result<PathBuf, String> {
    let is_dataset = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        without_subjects(&name) == dataset
    };
    // Of several versions the one whose name comes last.
    let Some(folder) = subfolders(root).into_iter().rfind(is_dataset) else {
        return Err(format!("its data set {dataset} is not there"));
    };
    let ending = format!("__{configuration}");
    let fits = |path: &PathBuf| path.to_string_lossy().ends_with(&ending) && is_trained_model(path);
    let mut models: Vec<PathBuf> = subfolders(&folder).into_iter().filter(fits).collect();
    match models.len() {
        1 => Ok(models.remove(0)),
        0 => Err(format!(
            "{dataset} holds no trained model of {configuration}"
        )),
        _ => Err(format!(
            "{dataset} holds several trained models of {configuration}"
        )),
    }
}

/// Makes a model of a task.
///
/// # Errors
/// As [`TrainedModel::open`].
pub(in crate::models::nnunet) fn import_task(
    found: &Found,
    wanted: Wanted<'_>,
) -> Result<ImportedFolder, CheckpointError> {
    let task = found.task;
    let mut weights = WeightMap::default();
    let mut structures: Vec<Structure> = Vec::new();
    let mut parts = Vec::new();
    for (number, (place, folder)) in found.models.iter().enumerate() {
        let trained = open(folder, task, wanted)?;
        let first = task.first_of(*place);
        let value = |label: u16| first + label - 1;
        let helps = |structure: &Structure| task.auxiliary.contains(&structure.value);
        let of_part = structures_of(&trained, &value).into_iter();
        let of_part: Vec<Structure> = of_part.filter(|s| !helps(s)).collect();
        let last = trained.dataset.foreground.last().copied().unwrap_or(0);
        let kept = |label: u16| {
            let value = value(label);
            let is_named = of_part.iter().any(|s| s.value == value);
            if is_named { value } else { 0 }
        };
        parts.push(Part {
            values: (1..=last).map(kept).collect(),
            stages: numbered(number, trained.into_stages(), &mut weights),
            kept_largest: Vec::new(),
        });
        structures.extend(of_part.into_iter().map(coloured));
    }
    let crop = match &task.crop {
        Some(rule) => crop_of(rule, &found.root, parts.len(), wanted, &mut weights)?,
        None => None,
    };
    let subset_crop = match &task.subset_crop {
        Some(rough) => {
            let at = (found.root.as_path(), parts.len());
            subset_crop_of(rough, &structures, at, wanted, &mut weights)?
        }
        None => None,
    };
    let refine = match &task.refine {
        Some(rule) => {
            let crops = std::iter::successors(crop.as_ref(), |crop| crop.crop.as_deref());
            let number = parts.len() + crops.count();
            Some(refine_of(rule, &found.root, number, wanted, &mut weights)?)
        }
        None => None,
    };
    let lacking = match (&task.crop, &crop, &task.subset_crop, &subset_crop) {
        (Some(rule), None, ..) => Some((rule.structures.join(", "), &rule.task)),
        (_, _, Some(rough), None) => Some(("those structures that are chosen".to_owned(), rough)),
        _ => None,
    };
    let around = lacking.map_or_else(String::new, |(what, rough)| {
        format!(
            "; TotalSegmentator crops to {what} first, for which the data set of its task {rough} is needed beside it"
        )
    });
    let of = match found.models.len() {
        1 => dataset_name(&found.models[0].1),
        several => format!("{several} data sets"),
    };
    let mut name = task.name.clone();
    if found.models.len() < task.datasets.len() {
        name = format!("{name}-part{}", found.models[0].0 + 1);
    }
    let settings = Settings {
        parts,
        task: Some(TaskSettings {
            name: task.name.clone(),
            spacing_mm: task.spacing_mm.map(Vec::from).unwrap_or_default(),
            crop,
            subset_crop,
            rules: task.rules.clone(),
            refine,
        }),
    };
    let description = format!(
        "TotalSegmentator's task {name} ({of}): finds its structures without a prompt{around}"
    );
    Ok(ImportedFolder {
        model: imported(&settings, weights, structures.len(), description)?,
        id: format!("totalsegmentator-{name}"),
        title: format!("TotalSegmentator {name}"),
        structures,
        channels: Vec::new(),
        licence: task.licence.text().map(str::to_owned),
    })
}

/// A structure in the colour that the authors give it.
fn coloured(structure: Structure) -> Structure {
    Structure {
        color: color_of(&structure.name).or(structure.color),
        ..structure
    }
}

/// A trained model as its task uses it: not mirrored, and with its own step from window to window.
fn open(folder: &Path, task: &Task, wanted: Wanted<'_>) -> Result<TrainedModel, CheckpointError> {
    let mut trained = TrainedModel::open(folder, wanted)?;
    trained.stage.mirror_axes.clear();
    trained.stage.step = task.step;
    Ok(trained)
}

/// What finds the structures around which a scan is cropped, where it is beside the task.
fn crop_of(
    rule: &CropRule,
    root: &Path,
    number: usize,
    wanted: Wanted<'_>,
    weights: &mut WeightMap,
) -> Result<Option<CropSettings>, CheckpointError> {
    let Some(task) = task_named(&rule.task) else {
        return Ok(None);
    };
    let Ok(folder) = model_of(root, &task.datasets[0], &task.configuration) else {
        return Ok(None);
    };
    let trained = open(&folder, task, wanted)?;
    let structures = structures_of(&trained, &|label| label);
    let values_of = |names: &[String]| -> Vec<u16> {
        let named = structures.iter().filter(|s| names.contains(&s.name));
        named.map(|s| s.value).collect()
    };
    let keep_within = (!rule.keep_within.is_empty()).then(|| KeepWithin {
        values: values_of(&rule.keep_within),
        reach_mm: rule.reach_mm,
    });
    let part = Part::plain(numbered(number, trained.into_stages(), weights));
    let inner = match &task.crop {
        Some(rule) => crop_of(rule, root, number + 1, wanted, weights)?,
        None => None,
    };
    Ok(Some(CropSettings {
        part,
        spacing_mm: task.spacing_mm.map(Vec::from).unwrap_or_default(),
        values: values_of(&rule.structures),
        margin_mm: rule.margin_mm,
        rules: task.rules.clone(),
        keep_within,
        crop: inner.map(Box::new),
    }))
}

/// What finds roughly where structures are, where it is beside the task; its labels have the task's values.
fn subset_crop_of(
    rough: &str,
    structures: &[Structure],
    (root, number): (&Path, usize),
    wanted: Wanted<'_>,
    weights: &mut WeightMap,
) -> Result<Option<CropSettings>, CheckpointError> {
    /// Whatever the task.
    const MARGIN_MM: [f64; 3] = [20.0; 3];
    let Some(task) = task_named(rough) else {
        return Ok(None);
    };
    let Ok(folder) = model_of(root, &task.datasets[0], &task.configuration) else {
        return Ok(None);
    };
    let trained = open(&folder, task, wanted)?;
    let found = structures_of(&trained, &|label| label);
    let last = found.iter().map(|s| s.value).max().unwrap_or(0);
    let value_of = |label: u16| {
        let found = found.iter().find(|s| s.value == label)?;
        structures.iter().find(|s| s.name == found.name)
    };
    Ok(Some(CropSettings {
        part: Part {
            values: (1..=last)
                .map(|label| value_of(label).map_or(0, |s| s.value))
                .collect(),
            stages: numbered(number, trained.into_stages(), weights),
            kept_largest: Vec::new(),
        },
        spacing_mm: task.spacing_mm.map(Vec::from).unwrap_or_default(),
        values: Vec::new(),
        margin_mm: MARGIN_MM,
        rules: task.rules.clone(),
        keep_within: None,
        crop: None,
    }))
}

/// The task that refines another, and its trained model.
///
/// # Errors
/// It is not there, in words.
fn refining(rule: &RefineRule, root: &Path) -> Result<(&'static Task, PathBuf), String> {
    let task = task_named(&rule.task).ok_or_else(|| format!("there is no task {}", rule.task))?;
    let folder = model_of(root, &task.datasets[0], &task.configuration)?;
    Ok((task, folder))
}

fn refine_of(
    rule: &RefineRule,
    root: &Path,
    number: usize,
    wanted: Wanted<'_>,
    weights: &mut WeightMap,
) -> Result<RefineSettings, CheckpointError> {
    let found = refining(rule, root);
    let (task, folder) = found.map_err(|problem| CheckpointError::file(root, problem))?;
    let stages = open(&folder, task, wanted)?.into_stages();
    Ok(RefineSettings {
        part: Part::plain(numbered(number, stages, weights)),
        spacing_mm: task.spacing_mm.map(Vec::from).unwrap_or_default(),
        value: rule.value,
        reach_mm: rule.reach_mm,
    })
}
