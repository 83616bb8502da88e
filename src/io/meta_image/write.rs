//! Writing `.mha`, header and zlib voxels in one file, and `.mhd`, with the voxels in a `.zraw` beside it.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

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
    if let Some(beside) = voxels_beside(path) {
        return save_pair(path, &beside, (grid, voxels), &packed);
    }
    atomic::replace_file(
        path,
        |file| {
            let mut out = BufWriter::new(file);
            out.write_all(header(grid, voxels, packed.len(), "LOCAL").as_bytes())?;
            out.write_all(&packed)?;
            out.flush()
        },
        |written| {
            let read = super::read(written, &JobContext::silent()).map_err(|e| e.to_string())?;
            block::compare(&read, grid, voxels)
        },
    )
}

/// The file of voxels of a header file (`.mhd`).
pub(super) fn voxels_beside(path: &Path) -> Option<PathBuf> {
    let ending = path.extension()?.to_string_lossy();
    let is_header = ending.eq_ignore_ascii_case("mhd");
    is_header.then(|| path.with_extension("zraw"))
}

/// Writes voxels and header, each to a temporary file; neither old file goes before both new ones are read back.
fn save_pair(
    path: &Path,
    beside: &Path,
    (grid, voxels): (&Grid, &VoxelData),
    packed: &[u8],
) -> Result<(), IoError> {
    let name = beside.file_name().unwrap_or_default().to_string_lossy();
    let text = header(grid, voxels, packed.len(), &name);
    let write_header = |data: &Path| {
        let verify = |written: &Path| {
            let ctx = JobContext::silent();
            let read = super::read_with(written, Some(data), &ctx).map_err(|e| e.to_string())?;
            block::compare(&read, grid, voxels)
        };
        atomic::replace_file(path, |file| file.write_all(text.as_bytes()), verify)
    };
    atomic::replace_file(
        beside,
        |file| file.write_all(packed),
        |data| write_header(data).map_err(|e| e.to_string()),
    )
}

fn header(grid: &Grid, voxels: &VoxelData, packed_bytes: usize, place: &str) -> String {
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
         ElementDataFile = {place}\n",
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
