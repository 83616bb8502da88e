//! Reading a file: header and voxels, which may lie in a file beside it.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::io::IoError;
use crate::io::block::{Block, BlockLayout, Packing};
use crate::map_voxels;
use crate::util::JobContext;
use crate::volume::VoxelData;

use super::header::{self, FrameAxis, Header};

/// Reads header and voxels; frames come one after another.
///
/// # Errors
/// What cannot be read, with its reason.
pub(super) fn read(path: &Path, ctx: &JobContext) -> Result<(Header, Block), IoError> {
    let damaged = |reason: String| IoError::damaged(path, reason);
    let unreadable = |e| IoError::unreadable(path, e);
    let mut file = BufReader::new(File::open(path).map_err(unreadable)?);
    let mut header = header::read(&mut file).map_err(damaged)?;
    let mut data = match &header.data_file {
        Some(name) => {
            let beside = data_file(path, name)?;
            BufReader::new(File::open(&beside).map_err(|e| IoError::unreadable(&beside, e))?)
        }
        None => file,
    };
    for _ in 0..header.line_skip {
        data.read_until(b'\n', &mut Vec::new())
            .map_err(unreadable)?;
    }
    let frames = header.frames.map_or(1, |(_, n)| n);
    let voxels = header.grid.len().checked_mul(frames);
    let layout = BlockLayout {
        stored_type: header.stored_type,
        is_big_endian: header.is_big_endian,
        packing: header.packing,
        voxels: voxels.ok_or_else(|| damaged("its sizes are impossible".to_owned()))?,
    };
    skip(&mut data, &header, &layout).map_err(unreadable)?;
    let length = data.get_ref().metadata().map_err(unreadable)?.len();
    let left = length.saturating_sub(data.stream_position().map_err(unreadable)?);
    let mut stored = layout.read(data, left, ctx).map_err(|e| e.of(path))?;
    if let Some((FrameAxis::First, n)) = header.frames {
        stored = one_after_another(&stored, n);
    }
    let block = Block {
        grid: header.grid,
        voxels: stored,
        frames,
        warnings: std::mem::take(&mut header.warnings),
    };
    Ok((header, block))
}

/// The file that the voxels are in, where they do not follow the header.
pub(super) fn other_file(path: &Path) -> Option<PathBuf> {
    let header = header::read(&mut BufReader::new(File::open(path).ok()?)).ok()?;
    data_file(path, header.data_file.as_deref()?).ok()
}

/// The file of the voxels: one name, in the header's folder.
fn data_file(path: &Path, name: &str) -> Result<PathBuf, IoError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let is_list = name.starts_with("LIST") || name.contains('%');
    if is_list {
        let reason = "its voxels lie in several files; save it as one file";
        return Err(IoError::unsupported(path, reason));
    }
    Ok(folder.join(name))
}

/// Leaves out what stands before the voxels; bytes before packed ones are packed themselves and so none.
fn skip(data: &mut BufReader<File>, header: &Header, layout: &BlockLayout) -> std::io::Result<()> {
    match header.byte_skip {
        Some(0) => Ok(()),
        Some(n) => data
            .seek(SeekFrom::Current(i64::try_from(n).unwrap_or(i64::MAX)))
            .map(drop),
        None if header.packing == Packing::Plain => {
            let bytes = layout.voxels as u64 * layout.stored_type.bytes() as u64;
            let length = data.get_ref().metadata()?.len();
            data.seek(SeekFrom::Start(length.saturating_sub(bytes)))
                .map(drop)
        }
        None => Ok(()),
    }
}

/// Frames that were stored voxel by voxel, one after another.
fn one_after_another(stored: &VoxelData, frames: usize) -> VoxelData {
    map_voxels!(stored, v => {
        let frame = |f: usize| v.iter().skip(f).step_by(frames).copied();
        (0..frames).flat_map(frame).collect()
    })
}
