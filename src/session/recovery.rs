//! Unsaved labels as earlier versions kept them: a snapshot in a file of JSON. What is found of them is still given back;
//! now a [`super::journal`] keeps every step.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use crate::geometry::Affine;
use crate::io::IoError;
use crate::util::short_debug;
use crate::volume::{Grid, Label, LabelMap, LabelTable, Run};

use super::ScanSource;

/// The version of the file's layout.
const VERSION: u32 = 1;

/// Unsaved work, and the scan it belongs to.
#[derive(Clone, PartialEq)]
pub struct Snapshot {
    /// The scan to open first.
    pub source: ScanSource,
    /// The labels.
    pub labels: Arc<LabelMap>,
    /// Their names.
    pub table: LabelTable,
    /// The active label.
    pub active: Option<u16>,
    /// The file that Save writes to, if there is one.
    pub labels_path: Option<PathBuf>,
}

/// A [`Snapshot`] as it is written.
#[derive(Deserialize)]
struct SnapshotFile {
    version: u32,
    source: ScanSource,
    dims: [usize; 3],
    affine: [[f64; 4]; 4],
    labels: Vec<LabelEntry>,
    active: Option<u16>,
    labels_path: Option<PathBuf>,
    /// For each run of labelled voxels: background voxels before it, its length, its value.
    runs: Vec<[u64; 3]>,
}

#[derive(Deserialize)]
struct LabelEntry {
    value: u16,
    name: String,
    color: [u8; 3],
    visible: bool,
    locked: bool,
}

short_debug! {
    Snapshot: |snapshot| format_args!("{:?} of {:?}", snapshot.labels, snapshot.source);
}

impl Snapshot {
    /// Reads a snapshot.
    ///
    /// # Errors
    /// The file cannot be read or is no complete snapshot of a version that is known.
    pub fn load(path: &Path) -> Result<Self, IoError> {
        let bytes = std::fs::read(path).map_err(|e| IoError::unreadable(path, e))?;
        Self::from_bytes(&bytes).map_err(|reason| IoError::damaged(path, reason))
    }

    /// Reads a file's content.
    ///
    /// # Errors
    /// What is wrong with the content, and what to do.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let unusable = |what: &str| format!("{what}; the recovery file cannot be used, delete it");
        let file: SnapshotFile =
            serde_json::from_slice(bytes).map_err(|e| unusable(&e.to_string()))?;
        if file.version != VERSION {
            return Err(unusable("it was written by another version of Prosector"));
        }
        let affine = Affine::from_rows(&file.affine).map_err(|e| unusable(&e.to_string()))?;
        let labels = decode(Grid::new(file.dims, affine), &file.runs)
            .ok_or_else(|| unusable("its label runs do not fit the volume"))?;
        let mut table = LabelTable::default();
        for entry in file.labels {
            table.insert(entry.into_label());
        }
        Ok(Self {
            source: file.source,
            labels: Arc::new(labels),
            table,
            active: file.active,
            labels_path: file.labels_path,
        })
    }
}

impl ScanSource {
    /// The source with a path that can be written as text.
    pub(super) fn into_text(self) -> Self {
        match self {
            Self::File {
                path,
                series,
                frame,
                frames_of_slice,
                modality,
            } => Self::File {
                path: as_text(&path),
                series,
                frame,
                frames_of_slice,
                modality,
            },
            Self::Sample => Self::Sample,
        }
    }
}

/// The path in Unicode. A rare name that is none loses its odd characters; the work is kept all the same.
pub(super) fn as_text(path: &Path) -> PathBuf {
    PathBuf::from(path.to_string_lossy().into_owned())
}

impl LabelEntry {
    fn into_label(self) -> Label {
        Label {
            visible: self.visible,
            locked: self.locked,
            ..Label::new(self.value, self.name, self.color)
        }
    }
}

/// The labels of these runs; `None` when they do not fit the grid.
fn decode(grid: Grid, runs: &[[u64; 3]]) -> Option<LabelMap> {
    let mut labels = try_empty(grid)?;
    let mut at = 0usize;
    for &[gap, count, value] in runs {
        let run = Run {
            start: at.checked_add(usize::try_from(gap).ok()?)?,
            len: u32::try_from(count).ok()?,
            value: u16::try_from(value).ok()?,
        };
        at = run.start.checked_add(run.len as usize)?;
        labels.voxels.get_mut(run.start..at)?.fill(run.value);
    }
    Some(labels)
}

/// Labels without any; `None` when they do not fit into memory.
pub(super) fn try_empty(grid: Grid) -> Option<LabelMap> {
    let len = grid
        .dims
        .iter()
        .try_fold(1usize, |n, &d| n.checked_mul(d))?;
    let mut voxels = Vec::new();
    voxels.try_reserve_exact(len).ok()?;
    voxels.resize(len, 0u16);
    Some(LabelMap { grid, voxels })
}
