//! Writing: left-posterior-superior, little endian, gzip, header and voxels in one file.

use std::io::{BufWriter, Write};
use std::path::Path;

use glam::DVec3;

use crate::io::block::{self, Packing};
use crate::io::format::Save;
use crate::io::stored_type::StoredType;
use crate::io::{IoError, atomic};
use crate::util::JobContext;
use crate::volume::{Grid, ImageVolume, LabelMap, LabelTable, VoxelData};

use super::{read, segments};

pub(super) struct Nrrd;

impl Save for Nrrd {
    fn labels(&self, path: &Path, labels: &LabelMap, table: &LabelTable) -> Result<(), IoError> {
        let names = segments::lines_of(labels, table);
        save(path, &labels.grid, &block::narrow(labels), &names)
    }

    fn image(&self, path: &Path, image: &ImageVolume) -> Result<(), IoError> {
        save(path, image.grid(), &block::physical(path, image)?, "")
    }
}

fn save(path: &Path, grid: &Grid, voxels: &VoxelData, keys: &str) -> Result<(), IoError> {
    atomic::replace_file(
        path,
        |file| {
            let mut out = BufWriter::new(file);
            out.write_all(header(grid, voxels).as_bytes())?;
            out.write_all(keys.as_bytes())?;
            out.write_all(b"\n")?;
            block::write(out, voxels, Packing::Gzip)
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

fn header(grid: &Grid, voxels: &VoxelData) -> String {
    let lps = |v: DVec3| format!("({},{},{})", -v.x, -v.y, v.z);
    let directions: Vec<String> = (0..3).map(|d| lps(grid.affine.column(d))).collect();
    let [ni, nj, nk] = grid.dims;
    let endian = if cfg!(target_endian = "big") {
        "big"
    } else {
        "little"
    };
    format!(
        "NRRD0004\n\
         # Written by Prosector. Not for clinical use.\n\
         type: {}\n\
         dimension: 3\n\
         space: left-posterior-superior\n\
         sizes: {ni} {nj} {nk}\n\
         space directions: {}\n\
         kinds: domain domain domain\n\
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
