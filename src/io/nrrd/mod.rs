//! NRRD: scans and label maps, in and out, with the names and colours of 3D Slicer's segmentations (`.seg.nrrd`).
//!
//! Reading and writing are ours, as no crate for it is kept. The format: <https://teem.sourceforge.net/nrrd/format.html>;
//! the keys of segments: Slicer's `vtkMRMLSegmentationStorageNode`.

mod header;
mod read;
mod segments;
mod write;

use std::path::Path;

use crate::util::JobContext;

use super::format::{Format, Opened};
use super::{IoError, OpenOptions};

/// NRRD.
pub(super) static FORMAT: Format = Format {
    name: "NRRD",
    endings: &[".nrrd"],
    recognises: |_, head| head.starts_with(b"NRRD00"),
    inspect,
    open_labels: Some(segments::open_labels),
    other_file: read::other_file,
    save: Some(&write::Nrrd),
    ..Format::NONE
};

fn inspect(path: &Path, options: &OpenOptions, ctx: &JobContext) -> Result<Opened, IoError> {
    let (_, block) = read::read(path, ctx)?;
    block.into_scan(path, options)
}
