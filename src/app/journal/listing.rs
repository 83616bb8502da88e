//! All unsaved work of a user, for a list; nothing is taken.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::session::ScanSource;
use crate::session::journal::{Replay, Summary};
use crate::session::recovery::Snapshot;
use crate::util::short_debug;
use crate::volume::{LabelLayers, LabelTable};

use super::claim::{self, Claim};
use super::snapshots::{self, SnapshotLock};

/// One file of unsaved work.
pub struct KeptWork {
    /// Names it.
    pub id: String,
    /// Its size.
    pub bytes: u64,
    /// Whether a window that is open works on it.
    pub is_in_use: bool,
    /// What is in it, or why that cannot be read.
    pub kept: Result<Kept, String>,
    path: PathBuf,
    is_journal: bool,
}

/// What a file of unsaved work holds.
#[derive(Clone)]
pub struct Kept {
    /// The scan that it was drawn on.
    pub source: ScanSource,
    /// Steps in force.
    pub steps: usize,
    /// The name of the last of them.
    pub last_step: Option<String>,
    /// Whether the user's file has all of it.
    pub is_saved: bool,
}

short_debug! {
    KeptWork: |work| format_args!("{} bytes of work", work.bytes);
    Kept: |kept| format_args!("{} steps", kept.steps);
}

/// All unsaved work in a data folder, by id.
pub fn list(data_folder: &Path) -> Vec<KeptWork> {
    let journals = claim::journals_in(&claim::folder_in(data_folder));
    let journals = journals.into_iter().map(|path| KeptWork {
        is_in_use: Claim::is_held(&path),
        kept: read(&path).and_then(|bytes| of_journal(&bytes)),
        ..KeptWork::at(path, true)
    });
    let snapshots = snapshots::snapshots_in(data_folder);
    let snapshots = snapshots.into_iter().map(|path| KeptWork {
        is_in_use: matches!(SnapshotLock::on(&path), Ok(None)),
        kept: load(&path).map(of_snapshot),
        ..KeptWork::at(path, false)
    });
    let mut all: Vec<KeptWork> = journals.chain(snapshots).collect();
    all.sort_by(|a, b| a.id.cmp(&b.id));
    all
}

impl KeptWork {
    fn at(path: PathBuf, is_journal: bool) -> Self {
        Self {
            id: claim::id_of(&path),
            bytes: fs::metadata(&path).map_or(0, |m| m.len()),
            is_in_use: false,
            kept: Err(String::new()),
            path,
            is_journal,
        }
    }

    /// Its labels as after the last step that is whole, and whether a part in the middle could not be read.
    ///
    /// # Errors
    /// One line for the user.
    pub fn labels(&self) -> Result<(LabelLayers, LabelTable, bool), String> {
        if !self.is_journal {
            let snapshot = load(&self.path)?;
            let labels = Arc::unwrap_or_clone(snapshot.labels);
            return Ok((labels.into(), snapshot.table, false));
        }
        let replay = Replay::of(read(&self.path)?, 0).map_err(|e| e.to_string())?;
        Ok((replay.layers, replay.table, replay.is_damaged))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|e| e.to_string())
}

fn load(path: &Path) -> Result<Snapshot, String> {
    Snapshot::load(path).map_err(|e| e.to_string())
}

fn of_journal(bytes: &[u8]) -> Result<Kept, String> {
    let summary = Summary::of(bytes).map_err(|e| e.to_string())?;
    Ok(Kept {
        source: summary.source,
        steps: summary.steps,
        last_step: summary.last_step,
        is_saved: summary.is_saved,
    })
}

fn of_snapshot(snapshot: Snapshot) -> Kept {
    Kept {
        source: snapshot.source,
        steps: 0,
        last_step: None,
        is_saved: false,
    }
}
