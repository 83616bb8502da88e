//! Labelled scans in memory.

use std::collections::BTreeMap;

use rand::seq::{IndexedRandom, IteratorRandom};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::geometry::VoxelBox;
use crate::models::Structure;
use crate::util::JobContext;
use crate::volume::components::{Connectivity, connected_components};
use crate::volume::{Grid, ImageVolume, LabelMap, Mask, Modality};

use super::TrainError;
use super::answered::Answered;
use super::config::{DatasetConfig, LabelMapsConfig, TrainConfig};
use super::giving_way::meanwhile;
use super::source::{LabelledScan, Source};

/// All training cases, by dataset name, and label maps without scans.
pub(super) struct Cases {
    datasets: BTreeMap<String, Dataset>,
    /// Label maps by collection; none of these is empty.
    label_maps: Vec<Vec<LabelMapCase>>,
}

/// A label map of which no scan is at hand.
pub(super) struct LabelMapCase {
    /// The labels.
    pub labels: LabelMap,
    /// What is labelled.
    pub targets: Vec<Target>,
}

/// One collection.
pub(super) struct Dataset {
    /// Its part of the recipe.
    pub config: DatasetConfig,
    /// Its training cases; never empty.
    pub cases: Vec<TrainingCase>,
    /// Voxels of all their scans.
    voxels: f64,
}

/// One scan.
pub(super) struct TrainingCase {
    /// The scan.
    pub image: ImageVolume,
    /// Its labels on the same grid; all zero where nobody labelled it.
    pub labels: LabelMap,
    /// What is labelled.
    pub targets: Vec<Target>,
    /// What a teacher answered, where one teaches the one structure of the recipe.
    pub answered: Option<Answered>,
}

/// One label of a case.
pub(super) struct Target {
    /// The label's value.
    pub value: u16,
    /// Output channel of the automatic path, if it is one of its structures.
    pub channel: Option<usize>,
    /// Tight box.
    pub bounds: VoxelBox,
    /// Tight boxes of its connected parts, the largest first; neither specks nor more than a few dozen.
    pub parts: Vec<VoxelBox>,
    /// Array offsets of its voxels, thinned out to a few thousand: places to look at.
    pub voxels: Vec<u32>,
}

impl Cases {
    /// Collections that are in memory already.
    pub fn of(datasets: Vec<Dataset>) -> Self {
        let named = datasets.into_iter().map(|d| (d.config.name.clone(), d));
        Self {
            datasets: named.collect(),
            label_maps: Vec::new(),
        }
    }

    /// The dataset of a name used in the recipe's mix.
    pub fn dataset(&self, name: &str) -> Result<&Dataset, TrainError> {
        self.datasets.get(name).ok_or_else(|| TrainError::Config {
            path: name.into(),
            reason: "the mix names a dataset that the recipe does not have".to_owned(),
        })
    }

    /// A scan of any dataset; a dataset is as likely as the square root of its voxels says, so that neither the many nor
    /// the large scans are all that is seen.
    pub fn any_scan(&self, rng: &mut ChaCha8Rng) -> Option<&TrainingCase> {
        let datasets: Vec<&Dataset> = self.datasets.values().collect();
        let dataset = datasets.choose_weighted(rng, |d| d.voxels.sqrt()).ok()?;
        dataset.cases.choose(rng)
    }

    /// A label map; each collection is as likely as the others.
    pub fn any_label_map(&self, rng: &mut ChaCha8Rng) -> Option<&LabelMapCase> {
        self.label_maps.choose(rng)?.choose(rng)
    }

    /// A labelled lesion in a scan of this modality.
    pub fn any_lesion(
        &self,
        rng: &mut ChaCha8Rng,
        modality: Modality,
    ) -> Option<(&TrainingCase, &Target)> {
        let fits = |d: &&Dataset| d.config.lesions && d.config.modality == modality;
        let case = self.datasets.values().filter(fits).choose(rng)?;
        let case = case.cases.choose(rng)?;
        Some((case, case.targets.choose(rng)?))
    }
}

/// Reads every training case of the recipe from `source`.
pub(super) fn load(
    config: &TrainConfig,
    source: &Source,
    ctx: &JobContext,
) -> Result<Cases, TrainError> {
    let mut datasets = BTreeMap::new();
    for (index, dataset) in config.datasets.iter().enumerate() {
        ctx.step(
            index as f32 / config.datasets.len() as f32,
            &format!("reading {}", dataset.name),
        )?;
        let dataset = meanwhile(ctx, || load_dataset(config, dataset, source))??;
        tracing::info!(
            "{}: {} training cases",
            dataset.config.name,
            dataset.cases.len()
        );
        datasets.insert(dataset.config.name.clone(), dataset);
    }
    let label_maps = config
        .label_maps
        .iter()
        .map(|maps| meanwhile(ctx, || load_label_maps(maps, source))?)
        .collect::<Result<_, _>>()?;
    Ok(Cases {
        datasets,
        label_maps,
    })
}

fn load_label_maps(
    maps: &LabelMapsConfig,
    source: &Source,
) -> Result<Vec<LabelMapCase>, TrainError> {
    let case = |labels: LabelMap| LabelMapCase {
        targets: targets(&labels, |_| None),
        labels,
    };
    let maps = source.label_maps(maps)?.into_par_iter();
    Ok(maps.map(case).collect())
}

fn load_dataset(
    config: &TrainConfig,
    dataset: &DatasetConfig,
    source: &Source,
) -> Result<Dataset, TrainError> {
    let scans = source.scans(dataset)?;
    Ok(Dataset::assembled(dataset, &config.structures, scans))
}

impl Dataset {
    /// A collection of scans, at least one; `structures` are those of the automatic path.
    pub fn assembled(
        dataset: &DatasetConfig,
        structures: &[Structure],
        scans: Vec<LabelledScan>,
    ) -> Self {
        let channel = |value: u16| {
            let name = dataset.structures.get(&value.to_string())?;
            structures.iter().position(|s| &s.name == name)
        };
        let case = |scan: LabelledScan| TrainingCase {
            targets: targets(&scan.labels, channel),
            image: scan.image.into_image(dataset.modality),
            labels: scan.labels,
            answered: scan.answered,
        };
        let cases: Vec<TrainingCase> = scans.into_par_iter().map(case).collect();
        Self {
            config: dataset.clone(),
            voxels: cases.iter().map(|c| c.grid().len() as f64).sum(),
            cases,
        }
    }
}

/// Every label of a map as a target, with its output channel of the automatic path.
fn targets(labels: &LabelMap, channel: impl Fn(u16) -> Option<usize>) -> Vec<Target> {
    let counts = labels.counts();
    let all = counts.iter();
    all.filter_map(|&(value, _)| target(labels, value, channel(value)))
        .collect()
}

fn target(labels: &LabelMap, value: u16, channel: Option<usize>) -> Option<Target> {
    const KEPT: usize = 4096;
    let mask: Mask = labels.mask_of(value);
    let all: Vec<u32> = (0..mask.voxels.len() as u32)
        .filter(|&v| mask.voxels[v as usize] != 0)
        .collect();
    let every = all.len().div_ceil(KEPT).max(1);
    let bounds = mask.bounds()?;
    Some(Target {
        value,
        channel,
        bounds,
        parts: parts(&mask, bounds),
        voxels: all.into_iter().step_by(every).collect(),
    })
}

/// Tight boxes of the connected parts of a mask within `bounds`, the largest first.
fn parts(mask: &Mask, bounds: VoxelBox) -> Vec<VoxelBox> {
    const LEAST_VOXELS: usize = 12;
    const MOST: usize = 64;
    let grid = mask.grid.sub_grid(bounds);
    let inside: Vec<u8> = (0..grid.len())
        .map(|v| {
            let local = grid.voxel_at(v).0;
            let [i, j, k] = std::array::from_fn(|d| (bounds.min[d] + local[d]) as usize);
            mask.voxels[mask.grid.offset(i, j, k)]
        })
        .collect();
    let (labels, sizes) = connected_components(&inside, grid.dims, Connectivity::TwentySix);
    let mut boxes: Vec<Option<VoxelBox>> = vec![None; sizes.len()];
    for (v, &label) in labels.iter().enumerate().filter(|(_, label)| **label > 0) {
        let local = grid.voxel_at(v).0;
        let at = std::array::from_fn(|d| bounds.min[d] + local[d]);
        let voxel = VoxelBox { min: at, max: at };
        let part = &mut boxes[label as usize - 1];
        *part = Some(part.map_or(voxel, |b| b.union(voxel)));
    }
    let mut found: Vec<(usize, VoxelBox)> = sizes
        .into_iter()
        .zip(boxes)
        .filter(|(size, _)| *size >= LEAST_VOXELS)
        .filter_map(|(size, part)| Some((size, part?)))
        .collect();
    found.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
    found.truncate(MOST);
    found.into_iter().map(|(_, part)| part).collect()
}

impl TrainingCase {
    /// The scan's grid.
    pub fn grid(&self) -> &Grid {
        self.image.grid()
    }
}
