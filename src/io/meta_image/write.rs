//! Writing `.mha`: header and zlib voxels in one file.

use std::io::{BufWriter, Write};
use std::path::Path;

use glam::DVec3;

use crate::io::block::{self, Packing};
use crate::io::format::Save;
use crate::io::stored_type::StoredType;
use crate::io::{IoError, atomic};
use crate::util::JobContext;
use crate::volume::{Grid, ImageVolume, LabelMap, LabelTable, VoxelData};

pub(super) struct MetaImage;

impl Save for MetaImage {
    fn labels(&self, path: &Path, labels: &LabelMap, _table: &LabelTable) -> Result<(), IoError> {
        save(path, &labels.grid, &block::narrow(labels))
    }

    fn holds_names(&self) -> bool {
        false
    }

    fn image(&self, path: &Path, image: &ImageVolume) -> Result<(), IoError> {
        save(path, image.grid(), &block::physical(path, image)?)
    }
}

fn save(path: &Path, grid: &Grid, voxels: &VoxelData) -> Result<(), IoError> {
    if grid.is_sheared() {
        let reason = "MetaImage holds no axes that are not at right angles: save it as NIfTI, or convert it with --right-angles";
        return Err(IoError::output(path, reason));
    }
    let failed = |e: std::io::Error| IoError::output(path, e.to_string());
    let mut packed = Vec::new();
    block::write(&mut packed, voxels, Packing::Zlib).map_err(failed)?;
    atomic::replace_file(
        path,
        |file| {
            let mut out = BufWriter::new(file);
            out.write_all(header(grid, voxels, packed.len()).as_bytes())?;
            out.write_all(&packed)?;
            out.flush()
        },
        |written| {
            let read = super::read(written, &JobContext::silent()).map_err(|e| e.to_string())?;
            block::compare(&read, grid, voxels)
        },
    )
}

fn header(grid: &Grid, voxels: &VoxelData, packed_bytes: usize) -> String {
    let text = |v: DVec3| format!("{} {} {}", -v.x, -v.y, v.z);
    let axes: Vec<String> = (0..3)
        .map(|d| text(grid.affine.column(d).normalize()))
        .collect();
    let [ni, nj, nk] = grid.dims;
    let [si, sj, sk] = grid.spacing_mm();
    let is_big_endian = if cfg!(target_endian = "big") {
        "True"
    } else {
        "False"
    };
    format!(
        "ObjectType = Image\n\
         NDims = 3\n\
         Comment = Written by Prosector. Not for clinical use.\n\
         BinaryData = True\n\
         BinaryDataByteOrderMSB = {is_big_endian}\n\
         CompressedData = True\n\
         CompressedDataSize = {packed_bytes}\n\
         TransformMatrix = {}\n\
         Offset = {}\n\
         CenterOfRotation = 0 0 0\n\
         ElementSpacing = {si} {sj} {sk}\n\
         DimSize = {ni} {nj} {nk}\n\
         ElementType = {}\n\
         ElementDataFile = LOCAL\n",
        axes.join(" "),
        text(grid.affine.matrix().translation),
        type_name(StoredType::of(voxels)),
    )
}

fn type_name(stored_type: StoredType) -> &'static str {
    match stored_type {
        StoredType::U8 | StoredType::Rgb24 | StoredType::Rgba32 => "MET_UCHAR",
        StoredType::I8 => "MET_CHAR",
        StoredType::U16 => "MET_USHORT",
        StoredType::I16 => "MET_SHORT",
        StoredType::U32 => "MET_UINT",
        StoredType::I32 => "MET_INT",
        StoredType::U64 => "MET_ULONG_LONG",
        StoredType::I64 => "MET_LONG_LONG",
        StoredType::F32 => "MET_FLOAT",
        StoredType::F64 => "MET_DOUBLE",
    }
}
