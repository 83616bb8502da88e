//! Writing: left-posterior-superior, little endian, gzip, header and voxels in one file.

use std::io::{BufWriter, Write};
use std::path::Path;

use glam::DVec3;

use crate::io::block::{self, Packing};
use crate::io::format::Save;
use crate::io::stored_type::StoredType;
use crate::io::{IoError, atomic};
use crate::map_voxels;
use crate::util::JobContext;
use crate::volume::{Grid, ImageVolume, LabelLayers, LabelMap, LabelTable, VoxelData};

use super::{read, segments};

pub(super) struct Nrrd;

impl Save for Nrrd {
    fn labels(&self, path: &Path, labels: &LabelMap, table: &LabelTable) -> Result<(), IoError> {
        let table = table.clone().flattened();
        let names = segments::lines_of(&[labels], &table);
        save(path, &labels.grid, &block::narrow(labels), 1, &names)
    }

    fn layers(
        &self,
        path: &Path,
        layers: &LabelLayers,
        table: &LabelTable,
    ) -> Option<Result<(), IoError>> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.to_ascii_lowercase().ends_with(SEGMENTATION) {
            return None;
        }
        let maps: Vec<&LabelMap> = layers.maps().iter().map(|map| &**map).collect();
        let names = segments::lines_of(&maps, table);
        let voxels = block::narrow_layers(layers);
        Some(save(path, layers.grid(), &voxels, maps.len(), &names))
    }

    fn image(&self, path: &Path, image: &ImageVolume) -> Result<(), IoError> {
        save(path, image.grid(), &block::physical(path, image)?, 1, "")
    }
}

/// How the names of 3D Slicer's segmentations end.
const SEGMENTATION: &str = ".seg.nrrd";

/// Writes `frames` volumes that lie one after another; several become the first axis, as in Slicer's files.
fn save(
    path: &Path,
    grid: &Grid,
    voxels: &VoxelData,
    frames: usize,
    keys: &str,
) -> Result<(), IoError> {
    atomic::replace_file(
        path,
        |file| {
            let mut out = BufWriter::new(file);
            out.write_all(header(grid, voxels, frames).as_bytes())?;
            out.write_all(keys.as_bytes())?;
            out.write_all(b"\n")?;
            match frames {
                1 => block::write(out, voxels, Packing::Gzip),
                _ => block::write(out, &voxel_by_voxel(voxels, frames), Packing::Gzip),
            }
        },
        |written| {
            let read = read::read(written, &JobContext::silent());
            let (header, read) = read.map_err(|e| e.to_string())?;
            if header.keys.len() != keys.lines().count() {
                return Err("the label names differ".into());
            }
            block::compare(&read, grid, voxels)
        },
    )
}

/// Volumes that lie one after another, voxel by voxel.
fn voxel_by_voxel(voxels: &VoxelData, frames: usize) -> VoxelData {
    map_voxels!(voxels, v => {
        let len = v.len() / frames;
        let at = |n: usize| v[n..].iter().step_by(len).copied();
        (0..len).flat_map(at).collect()
    })
}

fn header(grid: &Grid, voxels: &VoxelData, frames: usize) -> String {
    let lps = |v: DVec3| format!("({},{},{})", -v.x, -v.y, v.z);
    let directions: Vec<String> = (0..3).map(|d| lps(grid.affine.column(d))).collect();
    let [ni, nj, nk] = grid.dims;
    let endian = if cfg!(target_endian = "big") {
        "big"
    } else {
        "little"
    };
    let (count, none, list) = match frames {
        1 => (String::new(), "", ""),
        _ => (format!("{frames} "), "none ", "list "),
    };
    let dimension = if frames == 1 { 3 } else { 4 };
    format!(
        "NRRD0004\n\
         # Written by Prosector. Not for clinical use.\n\
         type: {}\n\
         dimension: {dimension}\n\
         space: left-posterior-superior\n\
         sizes: {count}{ni} {nj} {nk}\n\
         space directions: {none}{}\n\
         kinds: {list}domain domain domain\n\
         endian: {endian}\n\
         encoding: gzip\n\
         space origin: {}\n",
        type_name(StoredType::of(voxels)),
        directions.join(" "),
        lps(grid.affine.matrix().translation),
    )
}

fn type_name(stored_type: StoredType) -> &'static str {
    match stored_type {
        StoredType::U8 | StoredType::Rgb24 | StoredType::Rgba32 => "unsigned char",
        StoredType::I8 => "signed char",
        StoredType::U16 => "unsigned short",
        StoredType::I16 => "short",
        StoredType::U32 => "unsigned int",
        StoredType::I32 => "int",
        StoredType::U64 => "unsigned long long",
        StoredType::I64 => "long long",
        StoredType::F32 => "float",
        StoredType::F64 => "double",
    }
}
