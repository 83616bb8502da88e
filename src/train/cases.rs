//! Labelled scans in memory.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;
use serde::Deserialize;
use walkdir::WalkDir;

use crate::geometry::VoxelBox;
use crate::io::{OpenOptions, open_labels, open_scan};
use crate::util::JobContext;
use crate::volume::{Grid, ImageVolume, LabelMap, Mask};

use super::TrainError;
use super::config::{DatasetConfig, TrainConfig};

/// All training cases, by dataset name.
pub(super) struct Cases {
    datasets: BTreeMap<String, Dataset>,
}

/// One collection.
pub(super) struct Dataset {
    /// Its part of the recipe.
    pub config: DatasetConfig,
    /// Its training cases; never empty.
    pub cases: Vec<Case>,
}

/// One labelled scan.
pub(super) struct Case {
    /// The scan.
    pub image: ImageVolume,
    /// Its labels on the same grid.
    pub labels: LabelMap,
    /// What is labelled.
    pub targets: Vec<Target>,
}

/// One label of a case.
pub(super) struct Target {
    /// The label's value.
    pub value: u16,
    /// Output channel of the automatic path, if it is one of its structures.
    pub channel: Option<usize>,
    /// Tight box.
    pub bounds: VoxelBox,
    /// Array offsets of its voxels, thinned out to a few thousand: places to look at.
    pub voxels: Vec<u32>,
}

impl Cases {
    /// The dataset of a name used in the recipe's mix.
    pub fn dataset(&self, name: &str) -> Result<&Dataset, TrainError> {
        self.datasets.get(name).ok_or_else(|| TrainError::Config {
            path: name.into(),
            reason: "the mix names a dataset that the recipe does not have".to_owned(),
        })
    }
}

#[derive(Deserialize)]
struct Split {
    validation: Vec<String>,
}

/// Reads every training case of the recipe.
pub(super) fn load(config: &TrainConfig, ctx: &JobContext) -> Result<Cases, TrainError> {
    let error = |path: &Path, reason: String| TrainError::Config {
        path: path.to_owned(),
        reason,
    };
    let text = std::fs::read_to_string(&config.splits)
        .map_err(|e| error(&config.splits, e.to_string()))?;
    let splits: BTreeMap<String, Split> =
        toml::from_str(&text).map_err(|e| error(&config.splits, e.message().to_owned()))?;
    let mut datasets = BTreeMap::new();
    for (index, dataset) in config.datasets.iter().enumerate() {
        ctx.step(
            index as f32 / config.datasets.len() as f32,
            &format!("reading {}", dataset.name),
        )?;
        let split = dataset.name.split('-').next().unwrap_or_default();
        let held_out = splits
            .get(split)
            .ok_or_else(|| error(&config.splits, format!("no patients are named for {split}")))?;
        let cases = load_dataset(config, dataset, &held_out.validation)?;
        tracing::info!("{}: {} training cases", dataset.name, cases.len());
        if cases.is_empty() {
            return Err(error(&dataset.folder, "holds no training case".to_owned()));
        }
        let config = dataset.clone();
        datasets.insert(dataset.name.clone(), Dataset { config, cases });
    }
    Ok(Cases { datasets })
}

fn load_dataset(
    config: &TrainConfig,
    dataset: &DatasetConfig,
    held_out: &[String],
) -> Result<Vec<Case>, TrainError> {
    let mut names: Vec<String> = WalkDir::new(&dataset.folder)
        .into_iter()
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let relative = entry.path().strip_prefix(&dataset.folder).ok()?;
            Some(relative.to_str()?.strip_suffix(&dataset.image)?.to_owned())
        })
        .filter(|case| !held_out.iter().any(|h| is_case_of(case, h)))
        .collect();
    names.sort_unstable();
    names
        .par_iter()
        .map(|name| load_case(config, dataset, name))
        .collect()
}

/// Whether a case, a path without its ending, belongs to a patient.
fn is_case_of(case: &str, patient: &str) -> bool {
    case.split('/').any(|part| part == patient)
}

fn load_case(
    config: &TrainConfig,
    dataset: &DatasetConfig,
    name: &str,
) -> Result<Case, TrainError> {
    let ctx = JobContext::silent();
    let options = OpenOptions {
        modality: Some(dataset.modality),
        ..OpenOptions::default()
    };
    let path = dataset.folder.join(format!("{name}{}", dataset.image));
    let image = open_scan(&path, &options, &ctx)?.image;
    let label_path = dataset.folder.join(dataset.labels.replace("{}", name));
    let (mut labels, _, _) = open_labels(&label_path, &ctx)?;
    if labels.grid.dims != image.grid().dims {
        return Err(TrainError::Config {
            path: label_path,
            reason: "the label map's grid is not its image's".to_owned(),
        });
    }
    labels.grid = *image.grid();
    let targets = labels
        .counts()
        .iter()
        .filter_map(|&(value, _)| target(config, dataset, &labels, value))
        .collect();
    Ok(Case {
        image,
        labels,
        targets,
    })
}

fn target(
    config: &TrainConfig,
    dataset: &DatasetConfig,
    labels: &LabelMap,
    value: u16,
) -> Option<Target> {
    const KEPT: usize = 4096;
    let mask: Mask = labels.mask_of(value);
    let all: Vec<u32> = (0..mask.voxels.len() as u32)
        .filter(|&v| mask.voxels[v as usize] != 0)
        .collect();
    let every = all.len().div_ceil(KEPT).max(1);
    let channel = dataset
        .structures
        .get(&value.to_string())
        .and_then(|name| config.structures.iter().position(|s| &s.name == name));
    Some(Target {
        value,
        channel,
        bounds: mask.bounds()?,
        voxels: all.into_iter().step_by(every).collect(),
    })
}

impl Case {
    /// The scan's grid.
    pub fn grid(&self) -> &Grid {
        self.image.grid()
    }
}
