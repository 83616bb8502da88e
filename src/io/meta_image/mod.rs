//! MetaImage (`.mha`, `.mhd` with a file of voxels): scans and label maps, in and out; it has no room for names.
//!
//! Reading and writing are ours, as no crate for it is kept; the oracle is ITK's MetaIO.

mod header;
mod write;

use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::util::JobContext;
use crate::volume::LabelTable;

use super::block::{Block, BlockLayout, Packing};
use super::format::{Format, Opened};
use super::{IoError, LabelTarget, Labels, OpenOptions};

use header::Place;

/// MetaImage.
pub(super) static FORMAT: Format = Format {
    name: "MetaImage",
    endings: &[".mha", ".mhd"],
    recognises: |_, head| header::looks_like_one(head),
    inspect,
    open_labels: Some(open_labels),
    other_file,
    written_beside: write::voxels_beside,
    save: Some(&write::MetaImage),
    ..Format::NONE
};

fn inspect(path: &Path, options: &OpenOptions, ctx: &JobContext) -> Result<Opened, IoError> {
    read(path, ctx)?.into_scan(path, options)
}

fn open_labels(path: &Path, _: Option<&LabelTarget>, ctx: &JobContext) -> Result<Labels, IoError> {
    read(path, ctx)?.into_labels(path, LabelTable::default())
}

/// The file that the voxels are in, where they do not follow the header.
fn other_file(path: &Path) -> Option<PathBuf> {
    let header = header::read(&mut BufReader::new(File::open(path).ok()?)).ok()?;
    match header.place {
        Place::Here => None,
        Place::Beside(name) => Some(path.parent()?.join(name)),
    }
}

/// Reads header and voxels.
///
/// # Errors
/// What cannot be read, with its reason.
fn read(path: &Path, ctx: &JobContext) -> Result<Block, IoError> {
    read_with(path, None, ctx)
}

/// The same, with the voxels from `instead` of the file that the header names.
fn read_with(path: &Path, instead: Option<&Path>, ctx: &JobContext) -> Result<Block, IoError> {
    let damaged = |reason: String| IoError::damaged(path, reason);
    let unreadable = |e| IoError::unreadable(path, e);
    let mut file = BufReader::new(File::open(path).map_err(unreadable)?);
    let header = header::read(&mut file).map_err(damaged)?;
    let mut data = match &header.place {
        Place::Here => file,
        Place::Beside(name) => {
            let named = path.parent().unwrap_or(Path::new("")).join(name);
            let beside = instead.map_or(named, Path::to_owned);
            BufReader::new(File::open(&beside).map_err(|e| IoError::unreadable(&beside, e))?)
        }
    };
    let voxels = header.grid.len().checked_mul(header.frames);
    let layout = BlockLayout {
        stored_type: header.stored_type,
        is_big_endian: header.is_big_endian,
        packing: header.packing,
        voxels: voxels.ok_or_else(|| damaged("its sizes are impossible".to_owned()))?,
    };
    let length = data.get_ref().metadata().map_err(unreadable)?.len();
    let skipped = match header.header_bytes {
        Some(bytes) => data.seek(SeekFrom::Current(i64::try_from(bytes).unwrap_or(i64::MAX))),
        None if header.packing == Packing::Plain => {
            let bytes = layout.voxels as u64 * layout.stored_type.bytes() as u64;
            data.seek(SeekFrom::Start(length.saturating_sub(bytes)))
        }
        None => data.stream_position(),
    };
    let left = length.saturating_sub(skipped.map_err(unreadable)?);
    let stored = layout.read(data, left, ctx).map_err(|e| e.of(path))?;
    Ok(Block {
        grid: header.grid,
        voxels: stored,
        frames: header.frames,
        warnings: header.warnings,
    })
}
