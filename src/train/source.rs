//! Where training cases come from: folders of files, or a cache that was packed from them.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;
use serde::Deserialize;
use walkdir::WalkDir;

use crate::io::{OpenOptions, open_labels, open_scan};
use crate::util::JobContext;
use crate::volume::LabelMap;

use super::TrainError;
use super::answered::Answered;
use super::cache::Cache;
use super::condense::Condensed;
use super::config::{DatasetConfig, LabelMapsConfig, TrainConfig};

/// A training scan and its labels, all zero where nobody labelled it.
pub(super) struct LabelledScan {
    /// Its path within its folder, without the ending.
    pub name: String,
    /// The scan as training sees it.
    pub image: Condensed,
    /// On the scan's grid.
    pub labels: LabelMap,
    /// What a teacher answered there; recipes on disk have none.
    pub answered: Option<Answered>,
}

/// Where training cases come from. Validation patients come from neither.
pub(super) enum Source {
    /// The recipe's folders.
    Folders(Splits),
    /// A packed training cache.
    Cache(Cache),
}

impl Source {
    /// The cache, if there is one, else the recipe's folders.
    ///
    /// # Errors
    /// A split that cannot be read, a cache that is damaged or was not made for this recipe.
    pub fn open(config: &TrainConfig, cache: Option<&Path>) -> Result<Self, TrainError> {
        let splits = Splits::read(&config.splits)?;
        match cache {
            Some(path) => Ok(Self::Cache(Cache::open(path, config, &splits)?)),
            None => Ok(Self::Folders(splits)),
        }
    }

    /// The training scans of a dataset, sorted by name; at least one.
    pub fn scans(&self, dataset: &DatasetConfig) -> Result<Vec<LabelledScan>, TrainError> {
        match self {
            Self::Folders(splits) => scans(dataset, splits.held_out(dataset)?),
            Self::Cache(cache) => cache.scans(&dataset.name),
        }
    }

    /// The label maps of a collection, sorted by name; at least one.
    pub fn label_maps(&self, maps: &LabelMapsConfig) -> Result<Vec<LabelMap>, TrainError> {
        match self {
            Self::Folders(_) => label_maps(maps),
            Self::Cache(cache) => cache.label_maps(&maps.name),
        }
    }
}

#[derive(Deserialize)]
struct Split {
    validation: Vec<String>,
}

/// The validation patients, which are never trained on.
pub(super) struct Splits {
    of: BTreeMap<String, Split>,
}

impl Splits {
    /// Reads the recipe's file of splits.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let text = std::fs::read_to_string(path).map_err(|e| refused(path, e.to_string()))?;
        let of = toml::from_str(&text).map_err(|e| refused(path, e.message().to_owned()))?;
        Ok(Self { of })
    }

    /// The validation patients of a dataset: of the split that its name begins with, up to a hyphen.
    pub fn held_out(&self, dataset: &DatasetConfig) -> Result<&[String], TrainError> {
        let split = dataset.name.split('-').next().unwrap_or_default();
        let named = self.of.get(split).map(|split| split.validation.as_slice());
        named.ok_or_else(|| TrainError::Config {
            path: split.into(),
            reason: "the split names no patients of it".to_owned(),
        })
    }
}

fn refused(path: &Path, reason: String) -> TrainError {
    TrainError::Config {
        path: path.to_owned(),
        reason,
    }
}

/// Paths below `folder`, relative to it, that begin and end so; sorted.
fn files(folder: &Path, starts_with: &str, ends_with: &str) -> Vec<String> {
    let mut names: Vec<String> = WalkDir::new(folder)
        .into_iter()
        .filter_map(Result::ok)
        .filter_map(|entry| Some(entry.path().strip_prefix(folder).ok()?.to_str()?.to_owned()))
        .filter(|name| name.starts_with(starts_with) && name.ends_with(ends_with))
        .collect();
    names.sort_unstable();
    names
}

fn label_maps(maps: &LabelMapsConfig) -> Result<Vec<LabelMap>, TrainError> {
    let names = files(&maps.folder, &maps.starts_with, &maps.ends_with);
    if names.is_empty() {
        let reason = format!("holds no label map of {}", maps.name);
        return Err(refused(&maps.folder, reason));
    }
    let read = |name: &String| {
        let (labels, _, _) = open_labels(&maps.folder.join(name), &JobContext::silent())?;
        Ok(labels)
    };
    names.par_iter().map(read).collect()
}

fn scans(dataset: &DatasetConfig, held_out: &[String]) -> Result<Vec<LabelledScan>, TrainError> {
    let ending = dataset.image.as_str();
    let names: Vec<String> = files(&dataset.folder, "", ending)
        .iter()
        .filter_map(|name| Some(name.strip_suffix(ending)?.to_owned()))
        .filter(|case| !held_out.iter().any(|h| is_case_of(case, h)))
        .collect();
    if names.is_empty() {
        let reason = "holds no training case".to_owned();
        return Err(refused(&dataset.folder, reason));
    }
    names
        .into_par_iter()
        .map(|name| read_scan(dataset, name))
        .collect()
}

/// Whether a case, a path without its ending, belongs to a patient: a part of it is the patient's name, alone or before
/// an underscore.
fn is_case_of(case: &str, patient: &str) -> bool {
    let names = |part: &str| {
        let rest = part.strip_prefix(patient);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    case.split('/').any(names)
}

fn read_scan(dataset: &DatasetConfig, name: String) -> Result<LabelledScan, TrainError> {
    let ctx = JobContext::silent();
    let options = OpenOptions {
        modality: Some(dataset.modality),
        ..OpenOptions::default()
    };
    let path = dataset.folder.join(format!("{name}{}", dataset.image));
    let image = open_scan(&path, &options, &ctx)?.image;
    let label_path = dataset.folder.join(dataset.labels.replace("{}", &name));
    let mut labels = if label_path.exists() {
        open_labels(&label_path, &ctx)?.0
    } else {
        LabelMap::empty(*image.grid())
    };
    if labels.grid.dims != image.grid().dims {
        let reason = "the label map's grid is not its image's".to_owned();
        return Err(refused(&label_path, reason));
    }
    labels.grid = *image.grid();
    Ok(LabelledScan {
        name,
        image: Condensed::from_image(&image),
        labels,
        answered: None,
    })
}
