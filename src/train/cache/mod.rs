//! The packed training cache: all that a recipe trains on in one file of some 27 MiB, for a machine without the data.
//!
//! A zip archive whose entries are stored as they are:
//!
//! | entry | what |
//! |---|---|
//! | `contents.toml` | [`Contents`]: what was packed, the scans' names, grids and rescales, and the values that occur |
//! | `<dataset>/<n>.values` | per voxel of scan n, counted from 0, the rank of its value among those that occur, as `voxels.rs` writes it |
//! | `<dataset>/<n>.labels` | the same of its labels |
//! | `<collection>/<n>.map` | the same of a label map without a scan |
//!
//! The scans are condensed as `condense.rs` says, which training from files does too: samples are the same from both.

mod bits;
mod labels;
mod read;
mod values;
mod voxels;
mod write;

use serde::{Deserialize, Serialize};

use crate::geometry::Affine;
use crate::volume::{Grid, Modality, Rescale};

use super::TrainError;
use super::config::{DatasetConfig, LabelMapsConfig};
use super::source::Splits;

pub(super) use read::Cache;
pub(super) use write::write;

/// To be raised with any change of what is packed or how, `condense.rs` included.
const VERSION: u32 = 1;
const CONTENTS: &str = "contents.toml";

/// What a cache holds.
#[derive(Serialize, Deserialize)]
struct Contents {
    version: u32,
    datasets: Vec<PackedDataset>,
    label_maps: Vec<PackedCollection>,
}

/// The scans of a dataset.
#[derive(Serialize, Deserialize)]
struct PackedDataset {
    files: DatasetFiles,
    scans: Vec<PackedScan>,
}

/// Which files of a dataset's folder were packed: a cache is for recipes that say the same.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct DatasetFiles {
    name: String,
    image: String,
    labels: String,
    modality: Modality,
    held_out: Vec<String>,
}

impl DatasetFiles {
    fn of(dataset: &DatasetConfig, splits: &Splits) -> Result<Self, TrainError> {
        Ok(Self {
            name: dataset.name.clone(),
            image: dataset.image.clone(),
            labels: dataset.labels.clone(),
            modality: dataset.modality,
            held_out: splits.held_out(dataset)?.to_vec(),
        })
    }
}

/// A scan without its voxels.
#[derive(Serialize, Deserialize)]
struct PackedScan {
    name: String,
    grid: PackedGrid,
    slope: f64,
    intercept: f64,
    /// The stored values that occur, ascending.
    values: Vec<u16>,
    /// The labels that occur, ascending.
    labels: Vec<u16>,
}

impl PackedScan {
    fn rescale(&self) -> Rescale {
        Rescale {
            slope: self.slope,
            intercept: self.intercept,
        }
    }
}

/// Label maps without scans.
#[derive(Serialize, Deserialize)]
struct PackedCollection {
    files: CollectionFiles,
    maps: Vec<PackedMap>,
}

/// Which files of a collection's folder were packed.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct CollectionFiles {
    name: String,
    starts_with: String,
    ends_with: String,
}

impl CollectionFiles {
    fn of(maps: &LabelMapsConfig) -> Self {
        Self {
            name: maps.name.clone(),
            starts_with: maps.starts_with.clone(),
            ends_with: maps.ends_with.clone(),
        }
    }
}

/// A label map without its voxels.
#[derive(Serialize, Deserialize)]
struct PackedMap {
    grid: PackedGrid,
    /// The labels that occur, ascending.
    labels: Vec<u16>,
}

/// A grid in numbers.
#[derive(Serialize, Deserialize)]
struct PackedGrid {
    dims: [usize; 3],
    /// The rows of the 3×4 matrix that gives RAS millimetres from voxel coordinates.
    world_from_voxel: [[f64; 4]; 3],
}

impl PackedGrid {
    fn of(grid: &Grid) -> Self {
        let [x, y, z, _] = grid.affine.to_rows();
        Self {
            dims: grid.dims,
            world_from_voxel: [x, y, z],
        }
    }

    fn grid(&self) -> Option<Grid> {
        let affine = Affine::from_rows(&self.world_from_voxel).ok()?;
        Some(Grid::new(self.dims, affine))
    }
}
