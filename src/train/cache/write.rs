//! Packing a recipe's training data.

use std::fmt::Display;
use std::io::{Cursor, Write};
use std::path::Path;

use rayon::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::io::IoError;
use crate::io::atomic::{check_target, replace_file};
use crate::train::config::TrainConfig;
use crate::train::source::{LabelledScan, Source, Splits};
use crate::train::{PackReport, TrainError};
use crate::util::JobContext;
use crate::volume::LabelMap;

use super::voxels::{write_labels, write_values};
use super::{
    CONTENTS, CollectionFiles, Contents, DatasetFiles, PackedCollection, PackedDataset, PackedGrid,
    PackedMap, PackedScan, VERSION,
};

/// Packs all that the recipe trains on into a file at `out`, complete or not at all.
///
/// # Errors
/// Data that cannot be read, a file that cannot be written.
pub(in crate::train) fn write(
    config: &TrainConfig,
    out: &Path,
    ctx: &JobContext,
) -> Result<PackReport, TrainError> {
    check_target(out)?;
    let source = Source::open(config, None)?;
    let splits = Splits::read(&config.splits)?;
    let mut archive = Archive::new(out);
    let parts = (config.datasets.len() + config.label_maps.len()) as f32;
    let mut contents = Contents {
        version: VERSION,
        datasets: Vec::new(),
        label_maps: Vec::new(),
    };
    for (done, dataset) in config.datasets.iter().enumerate() {
        ctx.step(done as f32 / parts, &format!("packing {}", dataset.name))?;
        contents.datasets.push(PackedDataset {
            files: DatasetFiles::of(dataset, &splits)?,
            scans: pack_scans(&mut archive, &dataset.name, source.scans(dataset)?)?,
        });
    }
    for (done, maps) in config.label_maps.iter().enumerate() {
        let done = (config.datasets.len() + done) as f32;
        ctx.step(done / parts, &format!("packing {}", maps.name))?;
        contents.label_maps.push(PackedCollection {
            files: CollectionFiles::of(maps),
            maps: pack_label_maps(&mut archive, &maps.name, source.label_maps(maps)?)?,
        });
    }
    let bytes = archive.finish(&contents)?;
    let reads_back = |path: &Path| match std::fs::read(path) {
        Ok(read) if read == bytes => Ok(()),
        Ok(_) => Err("other bytes".to_owned()),
        Err(e) => Err(e.to_string()),
    };
    replace_file(out, |file| file.write_all(&bytes), reads_back)?;
    Ok(PackReport {
        scans: contents.datasets.iter().map(|d| d.scans.len()).sum(),
        label_maps: contents.label_maps.iter().map(|c| c.maps.len()).sum(),
        bytes: bytes.len(),
    })
}

fn pack_scans(
    archive: &mut Archive<'_>,
    dataset: &str,
    scans: Vec<LabelledScan>,
) -> Result<Vec<PackedScan>, IoError> {
    let packed: Vec<_> = scans.into_par_iter().map(packed_scan).collect();
    let add = |(n, (scan, values, labels)): (usize, (PackedScan, Vec<u8>, Vec<u8>))| {
        archive.add(&format!("{dataset}/{n}.values"), &values)?;
        archive.add(&format!("{dataset}/{n}.labels"), &labels)?;
        Ok(scan)
    };
    packed.into_iter().enumerate().map(add).collect()
}

fn pack_label_maps(
    archive: &mut Archive<'_>,
    collection: &str,
    maps: Vec<LabelMap>,
) -> Result<Vec<PackedMap>, IoError> {
    let packed: Vec<_> = maps.into_par_iter().map(packed_map).collect();
    let add = |(n, (map, labels)): (usize, (PackedMap, Vec<u8>))| {
        archive.add(&format!("{collection}/{n}.map"), &labels)?;
        Ok(map)
    };
    packed.into_iter().enumerate().map(add).collect()
}

/// A scan without voxels, and the bytes of its values and labels.
fn packed_scan(scan: LabelledScan) -> (PackedScan, Vec<u8>, Vec<u8>) {
    let LabelledScan {
        name,
        image,
        labels,
        answered: _,
    } = scan;
    let dims = image.grid.dims;
    let (values, ranks) = ranked(&image.stored);
    let value_bytes = write_values(ranks, dims, highest_rank(&values));
    let (labels, ranks) = ranked(&labels.voxels);
    let label_bytes = write_labels(ranks, dims, highest_rank(&labels));
    let packed = PackedScan {
        name,
        grid: PackedGrid::of(&image.grid),
        slope: image.rescale.slope,
        intercept: image.rescale.intercept,
        values,
        labels,
    };
    (packed, value_bytes, label_bytes)
}

fn packed_map(map: LabelMap) -> (PackedMap, Vec<u8>) {
    let (labels, ranks) = ranked(&map.voxels);
    let bytes = write_labels(ranks, map.grid.dims, highest_rank(&labels));
    let packed = PackedMap {
        grid: PackedGrid::of(&map.grid),
        labels,
    };
    (packed, bytes)
}

/// The values that occur, ascending, and each voxel's place among them.
fn ranked(voxels: &[u16]) -> (Vec<u16>, Vec<u16>) {
    let mut occurs = vec![false; usize::from(u16::MAX) + 1];
    for &v in voxels {
        occurs[usize::from(v)] = true;
    }
    let values: Vec<u16> = (0..=u16::MAX).filter(|&v| occurs[usize::from(v)]).collect();
    let mut rank_of = vec![0; occurs.len()];
    for (rank, &value) in values.iter().enumerate() {
        rank_of[usize::from(value)] = rank as u16;
    }
    let ranks = voxels.iter().map(|&v| rank_of[usize::from(v)]).collect();
    (values, ranks)
}

fn highest_rank(values: &[u16]) -> u16 {
    (values.len() - 1) as u16
}

/// The archive so far, and where it is to lie.
struct Archive<'a> {
    zip: ZipWriter<Cursor<Vec<u8>>>,
    out: &'a Path,
}

impl<'a> Archive<'a> {
    fn new(out: &'a Path) -> Self {
        Self {
            zip: ZipWriter::new(Cursor::default()),
            out,
        }
    }

    fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), IoError> {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        self.zip
            .start_file(name, options)
            .map_err(|e| self.failed(e))?;
        self.zip.write_all(bytes).map_err(|e| self.failed(e))
    }

    /// The archive's bytes.
    fn finish(mut self, contents: &Contents) -> Result<Vec<u8>, IoError> {
        let text = toml::to_string(contents).map_err(|e| self.failed(e))?;
        self.add(CONTENTS, text.as_bytes())?;
        let out = self.out;
        let bytes = self.zip.finish().map_err(|e| failed(out, e))?;
        Ok(bytes.into_inner())
    }

    fn failed(&self, reason: impl Display) -> IoError {
        failed(self.out, reason)
    }
}

fn failed(out: &Path, reason: impl Display) -> IoError {
    IoError::output(out, format!("the cache cannot be packed: {reason}"))
}
