//! What windows left behind that ended without saving.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::session::ScanSource;
use crate::session::journal::{MARK, Replay, ReplayError, Summary, is_mark};
use crate::session::recovery::Snapshot;
use crate::util::short_debug;

use super::claim::{self, Claim};
use super::snapshots::{self, SnapshotLock};

/// The most files that are put aside because they cannot be read.
const MOST_ASIDE: usize = 1000;

/// A file of unsaved work, held so that no other window offers it too. Dropping it leaves it for the next start.
#[derive(Debug)]
pub struct LeftOver(Held);

#[derive(Debug)]
enum Held {
    Journal(Claim),
    /// Of an earlier version.
    Snapshot(SnapshotLock),
}

/// Why a file gives no work.
struct Unusable {
    reason: String,
    /// It never will: offering it at every start helps nobody.
    is_for_good: bool,
}

/// Work of a window that ended without saving.
pub struct FoundWork {
    left_over: LeftOver,
    /// The scan that it belongs to.
    pub source: ScanSource,
    contents: String,
    /// How long ago it was written, if the system says.
    age: Option<Duration>,
}

short_debug! {
    FoundWork: |_| "work that was left over";
}

/// The work itself.
#[derive(Debug)]
pub enum Work {
    /// With all its steps.
    Steps(Box<Replay>),
    /// As it was last, from an earlier version.
    Labels(Box<Snapshot>),
}

impl LeftOver {
    /// All left-overs that no other window holds, the oldest first.
    pub fn all(data_folder: &Path) -> Vec<Self> {
        let folder = claim::folder_in(data_folder);
        claim::remove_stale_locks(&folder);
        let snapshots = snapshots::snapshots_in(data_folder);
        let mut paths: Vec<(Option<SystemTime>, PathBuf, bool)> = claim::journals_in(&folder)
            .into_iter()
            .map(|path| (written(&path), path, true))
            .chain(
                snapshots
                    .into_iter()
                    .map(|path| (written(&path), path, false)),
            )
            .collect();
        paths.sort();
        // One that cannot be locked belongs to a window that lives, or cannot be told from such.
        let held = paths.into_iter().filter_map(|(_, path, is_journal)| {
            let held = match is_journal {
                true => Held::Journal(Claim::on(&path).ok()??),
                false => Held::Snapshot(SnapshotLock::on(&path).ok()??),
            };
            path.exists().then_some(Self(held))
        });
        held.collect()
    }

    fn path(&self) -> &Path {
        match &self.0 {
            Held::Journal(claim) => claim.path(),
            Held::Snapshot(lock) => lock.path(),
        }
    }

    /// Looks at the work; `None` when it was saved after all, or none was begun: then nothing is left of it. A file in
    /// which nothing can be read is put aside, not deleted, and one of another version stays for that; the reason is told.
    ///
    /// # Errors
    /// One line for the user.
    pub fn look(self) -> Result<Option<FoundWork>, String> {
        let age = written(self.path()).and_then(|at| SystemTime::now().duration_since(at).ok());
        let looked = match &self.0 {
            Held::Journal(claim) => look_at_journal(claim),
            Held::Snapshot(lock) => Snapshot::load(lock.path())
                .map(|snapshot| Some(about_snapshot(snapshot)))
                .map_err(|error| Unusable::for_good(error.to_string())),
        };
        match looked {
            Ok(Some((source, contents))) => Ok(Some(FoundWork {
                left_over: self,
                source,
                contents,
                age,
            })),
            Ok(None) => {
                if let Err(error) = self.remove() {
                    tracing::warn!(kind = ?error.kind(), "a journal could not be removed");
                }
                Ok(None)
            }
            Err(unusable) => {
                if unusable.is_for_good {
                    self.put_aside();
                }
                Err(unusable.reason)
            }
        }
    }

    fn remove(&self) -> io::Result<()> {
        match &self.0 {
            Held::Journal(claim) => claim.remove(),
            Held::Snapshot(lock) => lock.remove(),
        }
    }

    fn put_aside(&self) {
        let free = (0..MOST_ASIDE)
            .map(|n| self.path().with_extension(format!("unreadable-{n}")))
            .find(|aside| !aside.exists());
        if let Some(aside) = free
            && let Err(error) = fs::rename(self.path(), aside)
        {
            tracing::warn!(kind = ?error.kind(), "unsaved work that cannot be read stays");
        }
    }
}

impl Unusable {
    fn for_good(reason: String) -> Self {
        let is_for_good = true;
        Self {
            reason,
            is_for_good,
        }
    }

    /// A journal's.
    fn of(error: ReplayError) -> Self {
        Self {
            is_for_good: error != ReplayError::OtherVersion,
            reason: format!("unsaved work cannot be read: {error}"),
        }
    }
}

fn written(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|m| m.modified()).ok()
}

fn look_at_journal(claim: &Claim) -> Result<Option<(ScanSource, String)>, Unusable> {
    let bytes = fs::read(claim.path()).map_err(|error| Unusable {
        reason: format!("unsaved work cannot be read now: {error}"),
        is_for_good: false,
    })?;
    // Its window ended before anything was written.
    if bytes.len() <= MARK.len() && is_mark(&bytes) {
        return Ok(None);
    }
    let summary = Summary::of(&bytes).map_err(Unusable::of)?;
    let has_file = summary.labels_path.as_ref().is_some_and(|p| p.exists());
    if summary.is_saved && (has_file || summary.steps == 0) {
        return Ok(None);
    }
    let contents = match (&summary.last_step, summary.steps) {
        (Some(last), 1) => format!("1 step: {last}"),
        (Some(last), steps) => format!("{steps} steps, the last: {last}"),
        (None, _) => "labels without a step".to_owned(),
    };
    Ok(Some((summary.source, contents)))
}

fn about_snapshot(snapshot: Snapshot) -> (ScanSource, String) {
    let contents = match snapshot.table.labels().len() {
        1 => "1 label".to_owned(),
        n => format!("{n} labels"),
    };
    (snapshot.source, contents)
}

impl FoundWork {
    /// Reads all of it; the history holds at most `budget_bytes` of the steps in memory. Takes time.
    ///
    /// # Errors
    /// One line for the user.
    pub fn read(&self, budget_bytes: usize) -> Result<Work, String> {
        let path = self.left_over.path();
        match &self.left_over.0 {
            Held::Journal(_) => {
                let bytes = fs::read(path).map_err(|e| e.to_string())?;
                let replay = Replay::of(bytes, budget_bytes).map_err(|e| e.to_string())?;
                Ok(Work::Steps(Box::new(replay)))
            }
            Held::Snapshot(_) => {
                let snapshot = Snapshot::load(path).map_err(|e| e.to_string())?;
                Ok(Work::Labels(Box::new(snapshot)))
            }
        }
    }

    /// The journal, to go on in; `None` for a file of an earlier version.
    pub fn into_claim(self) -> Option<Claim> {
        match self.left_over.0 {
            Held::Journal(claim) => Some(claim),
            Held::Snapshot(_) => None,
        }
    }

    /// Deletes the file: the user does not want the work, or what follows it is on disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn delete(self) -> io::Result<()> {
        self.left_over.remove()
    }

    /// The work in words, such as "ct.nii.gz, 3 steps, the last: brush, 12 minutes ago".
    pub fn description(&self) -> String {
        let age = self.age.map_or_else(String::new, |age| {
            let minutes = age.as_secs() / 60;
            match minutes {
                0 => ", less than a minute ago".to_owned(),
                1 => ", a minute ago".to_owned(),
                2..120 => format!(", {minutes} minutes ago"),
                120..2880 => format!(", {} hours ago", minutes / 60),
                _ => format!(", {} days ago", minutes / 1440),
            }
        });
        format!("{}, {}{age}", self.source.title(), self.contents)
    }
}
