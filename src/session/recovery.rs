//! Recovery after a crash: unsaved labels in a small file, at most 30 seconds old.
//!
//! The application asks [`Case::recovery_due`] when [`Case::recovery_due_in`] says so. When it says so, the application takes
//! [`Case::recovery_snapshot`] (cheap), sends [`super::ScanCommand::RecoveryTaken`], and writes
//! [`Snapshot::save`] on a background thread; [`super::ScanCommand::RecoveryFailed`] when that fails. It deletes the
//! file when the work was saved or given up. A file that is left over means a crash: [`Snapshot::load`], open
//! [`Snapshot::source`], then [`super::ScanCommand::Restore`].

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::geometry::Affine;
use crate::io::{IoError, atomic};
use crate::util::short_debug;
use crate::volume::{Grid, Label, LabelMap, LabelTable, Run, Runs};

use super::{Case, ScanSource};

/// Time between two snapshots of changing labels; leaves 10 s to write one.
pub const INTERVAL: Duration = Duration::from_secs(20);

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
#[derive(Serialize, Deserialize)]
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

#[derive(Serialize, Deserialize)]
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

impl Case {
    /// Whether a recovery snapshot should be taken now: there is unsaved work that the last one does not
    /// hold, and the last one is older than [`INTERVAL`].
    pub fn recovery_due(&self, now: Instant) -> bool {
        self.recovery_due_in(now) == Some(Duration::ZERO)
    }

    /// The time until a recovery snapshot should be taken; `None` while the last one holds all unsaved work, and during
    /// a stroke, whose end is an event.
    pub fn recovery_due_in(&self, now: Instant) -> Option<Duration> {
        if self.revision == self.saved_revision || self.stroke.is_some() {
            return None;
        }
        match self.recovery_taken {
            None => Some(Duration::ZERO),
            Some((revision, _)) if revision == self.revision => None,
            Some((_, at)) => Some(INTERVAL.saturating_sub(now.saturating_duration_since(at))),
        }
    }

    /// The work so far. Cheap: shares the voxels.
    pub fn recovery_snapshot(&self) -> Snapshot {
        Snapshot {
            source: self.source().clone(),
            labels: self.labels.clone(),
            table: self.table.clone(),
            active: self.target.active,
            labels_path: self.labels_path.clone(),
        }
    }
}

impl Snapshot {
    /// Writes the snapshot to a file; an older one stays until the new one is complete. Takes time.
    ///
    /// # Errors
    /// [`IoError::Output`] with what is in the way.
    pub fn save(&self, path: &Path) -> Result<(), IoError> {
        let bytes = self.to_bytes();
        let reads_back = |written: &Path| {
            let found = std::fs::read(written).map_err(|e| e.to_string())?;
            if found == bytes {
                Ok(())
            } else {
                Err("other bytes than written".to_owned())
            }
        };
        atomic::replace_file(path, |file| file.write_all(&bytes), reads_back)
    }

    /// Reads a snapshot.
    ///
    /// # Errors
    /// The file cannot be read or is no complete snapshot of a version that is known.
    pub fn load(path: &Path) -> Result<Self, IoError> {
        let bytes = std::fs::read(path).map_err(|e| IoError::unreadable(path, e))?;
        Self::from_bytes(&bytes).map_err(|reason| IoError::damaged(path, reason))
    }

    /// The file's content: JSON with run-length coded labels.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut end = 0;
        let runs = Runs::of_nonzero(&self.labels.voxels)
            .iter()
            .map(|run| {
                let gap = run.start - end;
                end = run.range().end;
                [gap as u64, u64::from(run.len), u64::from(run.value)]
            })
            .collect();
        let file = SnapshotFile {
            version: VERSION,
            source: self.source.clone().into_text(),
            dims: self.labels.grid.dims,
            affine: self.labels.grid.affine.to_rows(),
            labels: self.table.labels().iter().map(LabelEntry::of).collect(),
            active: self.active,
            labels_path: self.labels_path.as_deref().map(as_text),
            runs,
        };
        serde_json::to_vec(&file).expect("numbers and valid text can be written as JSON")
    }

    /// Reads what [`Self::to_bytes`] gave.
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
    fn into_text(self) -> Self {
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
fn as_text(path: &Path) -> PathBuf {
    PathBuf::from(path.to_string_lossy().into_owned())
}

impl LabelEntry {
    fn of(label: &Label) -> Self {
        Self {
            value: label.value,
            name: label.name.clone(),
            color: label.color,
            visible: label.visible,
            locked: label.locked,
        }
    }

    fn into_label(self) -> Label {
        Label {
            value: self.value,
            name: self.name,
            color: self.color,
            visible: self.visible,
            locked: self.locked,
        }
    }
}

/// The labels of these runs; `None` when they do not fit the grid.
fn decode(grid: Grid, runs: &[[u64; 3]]) -> Option<LabelMap> {
    let len = grid
        .dims
        .iter()
        .try_fold(1usize, |n, &d| n.checked_mul(d))?;
    let mut voxels = Vec::new();
    voxels.try_reserve_exact(len).ok()?;
    voxels.resize(len, 0u16);
    let mut at = 0usize;
    for &[gap, count, value] in runs {
        let run = Run {
            start: at.checked_add(usize::try_from(gap).ok()?)?,
            len: u32::try_from(count).ok()?,
            value: u16::try_from(value).ok()?,
        };
        at = run.start.checked_add(run.len as usize)?;
        voxels.get_mut(run.start..at)?.fill(run.value);
    }
    Some(LabelMap { grid, voxels })
}
