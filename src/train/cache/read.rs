//! Reading a cache; whatever is in the file, it is read or refused.

use std::fmt::Display;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use zip::ZipArchive;

use crate::train::TrainError;
use crate::train::condense::Condensed;
use crate::train::config::TrainConfig;
use crate::train::source::{LabelledScan, Splits};
use crate::volume::LabelMap;

use super::voxels::{read_labels, read_values};
use super::{
    CONTENTS, CollectionFiles, Contents, DatasetFiles, PackedGrid, PackedMap, PackedScan, VERSION,
};

/// An opened cache.
pub(in crate::train) struct Cache {
    path: PathBuf,
    contents: Contents,
    archive: Archive,
}

type Archive = ZipArchive<Cursor<std::sync::Arc<[u8]>>>;

impl Cache {
    /// Opens the cache at `path`, which must hold all that the recipe trains on, by this split.
    ///
    /// # Errors
    /// A file that is no whole cache, or one that was packed for other data.
    pub fn open(path: &Path, config: &TrainConfig, splits: &Splits) -> Result<Self, TrainError> {
        let bytes = std::fs::read(path).map_err(|e| refused(path, e))?;
        let mut archive =
            ZipArchive::new(Cursor::new(bytes.into())).map_err(|e| not_whole(path, e))?;
        let text = entry(&mut archive, CONTENTS).map_err(|e| not_whole(path, e))?;
        let text = String::from_utf8(text).map_err(|e| not_whole(path, e))?;
        let contents: Contents = toml::from_str(&text).map_err(|e| not_whole(path, e.message()))?;
        if contents.version != VERSION {
            let reason = format!("is of version {}, not {VERSION}", contents.version);
            return Err(refused(path, reason));
        }
        let cache = Self {
            path: path.to_owned(),
            contents,
            archive,
        };
        cache.check(config, splits)?;
        Ok(cache)
    }

    /// Refuses a recipe that would read other files than were packed.
    fn check(&self, config: &TrainConfig, splits: &Splits) -> Result<(), TrainError> {
        for dataset in &config.datasets {
            let wanted = DatasetFiles::of(dataset, splits)?;
            if !self.contents.datasets.iter().any(|d| d.files == wanted) {
                return Err(self.lacks(&wanted.name));
            }
        }
        for maps in &config.label_maps {
            let wanted = CollectionFiles::of(maps);
            if !self.contents.label_maps.iter().any(|c| c.files == wanted) {
                return Err(self.lacks(&wanted.name));
            }
        }
        Ok(())
    }

    fn lacks(&self, name: &str) -> TrainError {
        let reason = format!(
            "does not hold {name} as the recipe and its split have it; pack it again with `prosector train RECIPE --pack`"
        );
        refused(&self.path, reason)
    }

    /// The scans of a dataset, in the order packed.
    ///
    /// # Errors
    /// Entries that are missing or damaged.
    pub fn scans(&self, dataset: &str) -> Result<Vec<LabelledScan>, TrainError> {
        let mut datasets = self.contents.datasets.iter();
        let found = datasets.find(|d| d.files.name == dataset);
        let scans = &found.ok_or_else(|| self.lacks(dataset))?.scans;
        if scans.is_empty() {
            return Err(self.lacks(dataset));
        }
        let scans = scans.par_iter().enumerate();
        scans
            .map(|(n, scan)| self.scan(&format!("{dataset}/{n}"), scan))
            .collect::<Result<_, _>>()
            .map_err(|e| not_whole(&self.path, e))
    }

    /// The label maps of a collection, in the order packed.
    ///
    /// # Errors
    /// Entries that are missing or damaged.
    pub fn label_maps(&self, collection: &str) -> Result<Vec<LabelMap>, TrainError> {
        let mut collections = self.contents.label_maps.iter();
        let found = collections.find(|c| c.files.name == collection);
        let maps = &found.ok_or_else(|| self.lacks(collection))?.maps;
        if maps.is_empty() {
            return Err(self.lacks(collection));
        }
        let maps = maps.par_iter().enumerate();
        maps.map(|(n, map)| self.label_map(&format!("{collection}/{n}.map"), map))
            .collect::<Result<_, _>>()
            .map_err(|e| not_whole(&self.path, e))
    }

    fn scan(&self, entries: &str, scan: &PackedScan) -> Result<LabelledScan, String> {
        let values = self.voxels(
            &format!("{entries}.values"),
            &scan.grid,
            &scan.values,
            read_values,
        )?;
        let labels = self.voxels(
            &format!("{entries}.labels"),
            &scan.grid,
            &scan.labels,
            read_labels,
        )?;
        let grid = scan.grid.grid().ok_or("a scan has no place in space")?;
        Ok(LabelledScan {
            name: scan.name.clone(),
            image: Condensed {
                grid,
                stored: values,
                rescale: scan.rescale(),
            },
            labels: LabelMap {
                grid,
                voxels: labels,
            },
            answered: None,
        })
    }

    fn label_map(&self, name: &str, map: &PackedMap) -> Result<LabelMap, String> {
        let voxels = self.voxels(name, &map.grid, &map.labels, read_labels)?;
        let grid = map.grid.grid().ok_or("a label map has no place in space")?;
        Ok(LabelMap { grid, voxels })
    }

    /// The voxels of an entry: the values that its ranks stand for.
    fn voxels(
        &self,
        name: &str,
        grid: &PackedGrid,
        values: &[u16],
        read: impl Fn(&[u8], [usize; 3], u16) -> Result<Vec<u16>, &'static str>,
    ) -> Result<Vec<u16>, String> {
        let bytes = entry(&mut self.archive.clone(), name)?;
        let highest = values.len().checked_sub(1).map(u16::try_from);
        let Some(Ok(highest)) = highest else {
            return Err(format!("{name} has no values"));
        };
        let mut voxels = read(&bytes, grid.dims, highest).map_err(|e| format!("{name}: {e}"))?;
        for v in &mut voxels {
            *v = values[usize::from(*v)];
        }
        Ok(voxels)
    }
}

/// The bytes of an entry, which its checksum fits.
fn entry(archive: &mut Archive, name: &str) -> Result<Vec<u8>, String> {
    let mut entry = archive.by_name(name).map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    Ok(bytes)
}

fn not_whole(path: &Path, reason: impl Display) -> TrainError {
    let reason = format!(
        "is no whole training cache ({reason}); pack it again with `prosector train RECIPE --pack`"
    );
    refused(path, reason)
}

fn refused(path: &Path, reason: impl Display) -> TrainError {
    TrainError::Cache {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
