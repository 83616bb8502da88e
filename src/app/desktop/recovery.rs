//! Where unsaved work is kept against a crash. Each open window has a slot of its own, held by a file lock
//! that the system drops when the window is gone, however it went.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::session::recovery::Snapshot;

/// More windows than this at once have no recovery.
const SLOTS: usize = 16;

/// A window's place for its recovery file.
#[derive(Debug)]
pub struct RecoverySlot {
    file: PathBuf,
    later: PathBuf,
    /// Held, never read: dropping it gives the slot free.
    _lock: File,
}

/// Work of a session that ended without saving.
#[derive(Debug)]
pub struct FoundWork {
    /// The file it is in.
    pub file: PathBuf,
    /// The work.
    pub snapshot: Snapshot,
    /// How long ago it was written, if the system says.
    pub age: Option<Duration>,
}

impl RecoverySlot {
    /// Takes the first free slot in `folder`, which is made if it is missing.
    ///
    /// # Errors
    /// What the system says when the folder cannot be used, or all slots are taken.
    pub fn take(folder: &Path) -> std::io::Result<Self> {
        fs::create_dir_all(folder)?;
        for slot in 0..SLOTS {
            let lock = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(folder.join(format!("window-{slot}.lock")))?;
            if lock.try_lock().is_ok() {
                return Ok(Self {
                    file: folder.join(format!("recovery-{slot}.json")),
                    later: folder.join(format!("recovery-{slot}-later.json")),
                    _lock: lock,
                });
            }
        }
        Err(std::io::Error::other("too many windows are open"))
    }

    /// The file that this window writes.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Work that an earlier window with this slot left behind. A file that cannot be read is no work; it is
    /// put aside, not deleted, and the reason is told.
    ///
    /// # Errors
    /// One line for the user.
    pub fn found(&self) -> Result<Option<FoundWork>, String> {
        for file in [&self.file, &self.later] {
            if !file.exists() {
                continue;
            }
            let written = fs::metadata(file).and_then(|m| m.modified()).ok();
            return match Snapshot::load(file) {
                Ok(snapshot) => Ok(Some(FoundWork {
                    file: file.clone(),
                    snapshot,
                    age: written.and_then(|at| SystemTime::now().duration_since(at).ok()),
                })),
                Err(error) => {
                    let aside = file.with_extension("unreadable");
                    let put_aside = fs::rename(file, &aside);
                    tracing::warn!(?put_aside, "a recovery file cannot be read");
                    Err(error.to_string())
                }
            };
        }
        Ok(None)
    }

    /// Keeps found work for the next start, out of the way of this window's own file.
    ///
    /// # Errors
    /// What the system says.
    pub fn keep_for_later(&self, found: &FoundWork) -> std::io::Result<()> {
        if found.file == self.later {
            return Ok(());
        }
        fs::rename(&found.file, &self.later)
    }
}

impl FoundWork {
    /// The work in words, such as "ct.nii.gz, 3 labels, 12 minutes ago".
    pub fn description(&self) -> String {
        let labels = match self.snapshot.table.labels().len() {
            1 => "1 label".to_owned(),
            n => format!("{n} labels"),
        };
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
        format!("{}, {labels}{age}", self.snapshot.source.title())
    }
}
