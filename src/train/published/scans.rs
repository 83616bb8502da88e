//! The labelled scans of a recipe.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use walkdir::WalkDir;

use crate::io::{OpenOptions, open_labels, open_scan};
use crate::train::TrainError;
use crate::util::JobContext;
use crate::volume::{ImageVolume, LabelMap};

use super::recipe::DatasetEntry;

/// One labelled scan.
pub(in crate::train) struct Scan {
    pub image: ImageVolume,
    /// On the same grid; the values are the file's.
    pub labels: LabelMap,
}

/// Names of the cases to train on, and of those that are never trained on.
pub(in crate::train) struct CaseNames {
    pub training: Vec<String>,
    pub validation: Vec<String>,
}

#[derive(Deserialize)]
struct Split {
    validation: Vec<String>,
}

impl CaseNames {
    /// Finds the images in the dataset's folder.
    ///
    /// # Errors
    /// A splits file that cannot be read or does not know the dataset; no case at all.
    pub fn of(splits_path: &Path, dataset: &DatasetEntry) -> Result<Self, TrainError> {
        let error = |path: &Path, reason: String| TrainError::Config {
            path: path.to_owned(),
            reason,
        };
        let text =
            std::fs::read_to_string(splits_path).map_err(|e| error(splits_path, e.to_string()))?;
        let splits: BTreeMap<String, Split> =
            toml::from_str(&text).map_err(|e| error(splits_path, e.message().to_owned()))?;
        let group = dataset.name.split('-').next().unwrap_or_default();
        let held_out = splits
            .get(group)
            .ok_or_else(|| error(splits_path, format!("no patients are named for {group}")))?;
        let mut names: Vec<String> = WalkDir::new(&dataset.folder)
            .into_iter()
            .filter_map(Result::ok)
            .filter_map(|entry| {
                let relative = entry.path().strip_prefix(&dataset.folder).ok()?;
                Some(relative.to_str()?.strip_suffix(&dataset.image)?.to_owned())
            })
            .collect();
        names.sort_unstable();
        let is_held_out = |name: &String| {
            let mut parts = name.split('/');
            parts.any(|part| held_out.validation.iter().any(|h| h == part))
        };
        let (validation, mut training): (Vec<String>, Vec<String>) =
            names.into_iter().partition(is_held_out);
        training.truncate(dataset.most_cases.unwrap_or(usize::MAX));
        if training.is_empty() {
            let reason = "holds no training case".to_owned();
            return Err(error(&dataset.folder, reason));
        }
        Ok(Self {
            training,
            validation,
        })
    }
}

impl Scan {
    /// Reads a case.
    ///
    /// # Errors
    /// Files that cannot be read, or whose grids differ.
    pub fn read(dataset: &DatasetEntry, name: &str) -> Result<Self, TrainError> {
        let ctx = JobContext::silent();
        let options = OpenOptions {
            modality: Some(dataset.modality),
            ..OpenOptions::default()
        };
        let path = dataset.folder.join(format!("{name}{}", dataset.image));
        let image = open_scan(&path, &options, &ctx)?.image;
        let path = dataset.folder.join(dataset.labels.replace("{}", name));
        let (mut labels, _, _) = open_labels(&path, &ctx)?;
        if labels.grid.dims != image.grid().dims {
            return Err(TrainError::Config {
                path,
                reason: "the label map's grid is not its image's".to_owned(),
            });
        }
        labels.grid = *image.grid();
        Ok(Self { image, labels })
    }

    /// A slice's labels as the network's classes: 0, or 1 and up in the order of `values`.
    pub fn classes(&self, k: usize, values: &[(u16, String)]) -> Vec<u8> {
        let [ni, nj, _] = self.image.grid().dims;
        let class = |&label: &u16| {
            let place = values.iter().position(|(value, _)| *value == label);
            place.map_or(0, |place| place as u8 + 1)
        };
        let plane = ni * nj;
        self.labels.voxels[k * plane..][..plane]
            .iter()
            .map(class)
            .collect()
    }
}
