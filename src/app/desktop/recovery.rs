//! The files that keep unsaved work against a crash.
//!
//! Each open window writes a file of its own, `recovery-ID.json`, and holds a lock, `window-ID.lock`, that the system
//! drops when the window is gone, however it went. A file whose lock is free is left over from a window that ended
//! without saving: whoever takes the lock may offer its work, and nobody else does meanwhile. A file is deleted only
//! when the user said so or what follows it is on disk, never to make room: a new window takes an id without a file.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::io::IoError;
use crate::session::recovery::Snapshot;
use crate::util::short_debug;

/// The most windows and left-overs at once; beyond it the work of a new window is not kept.
const MOST_IDS: usize = 1000;

/// The file that one window writes.
pub struct RecoveryFile {
    path: PathBuf,
    next_turn: AtomicU64,
    /// The latest turn that was done.
    done: Mutex<u64>,
    /// Held, never read: dropping it tells other windows that this one is gone.
    _lock: File,
}

/// The place of a write or removal in the order in which they were decided. Several threads do them: one that comes
/// late must not undo a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn(u64);

short_debug! {
    RecoveryFile: |_| "a recovery file";
    LeftOver: |_| "a recovery file that was left over";
}

impl RecoveryFile {
    /// A file of our own in `folder`, which is made if it is missing. Left-overs are not touched.
    ///
    /// # Errors
    /// What the system says when the folder cannot be used or files there cannot be locked.
    pub fn take(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        for id in 0..MOST_IDS {
            let path = file_of(folder, &id.to_string());
            if path.exists() {
                continue;
            }
            if let Some(lock) = lock(folder, &id.to_string())?
                && !path.exists()
            {
                return Ok(Self {
                    path,
                    next_turn: AtomicU64::new(1),
                    done: Mutex::new(0),
                    _lock: lock,
                });
            }
        }
        Err(io::Error::other("too much unsaved work is kept already"))
    }

    /// The turn of what is decided now.
    pub fn turn(&self) -> Turn {
        Turn(self.next_turn.fetch_add(1, Ordering::Relaxed))
    }

    /// Writes work; an older file stays until the new one is complete. Nothing is done when a later turn was. Takes time.
    ///
    /// # Errors
    /// [`IoError::Output`] with what is in the way.
    pub fn write(&self, turn: Turn, work: &Snapshot) -> Result<(), IoError> {
        let mut done = self.done();
        if turn.0 > *done {
            work.save(&self.path)?;
            *done = turn.0;
        }
        Ok(())
    }

    /// Removes the file, because the work is saved or given up. Nothing is done when a later turn was.
    ///
    /// # Errors
    /// What the system says.
    pub fn remove(&self, turn: Turn) -> io::Result<()> {
        let mut done = self.done();
        if turn.0 > *done {
            remove_if_there(&self.path)?;
            *done = turn.0;
        }
        Ok(())
    }

    fn done(&self) -> MutexGuard<'_, u64> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A left-over file, held so that no other window offers it too. Dropping it leaves the file for the next start.
pub struct LeftOver {
    path: PathBuf,
    _lock: File,
}

/// Work of a window that ended without saving.
#[derive(Debug)]
pub struct FoundWork {
    left_over: LeftOver,
    /// The work.
    pub snapshot: Snapshot,
    /// How long ago it was written, if the system says.
    age: Option<Duration>,
}

impl LeftOver {
    /// All left-overs in `folder` that no other window holds, the oldest first.
    pub fn all(folder: &Path) -> Vec<Self> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut found: Vec<_> = entries
            .filter_map(|entry| {
                let name = entry.file_name();
                let id = name.to_str()?.strip_prefix("recovery-")?;
                let id = id.strip_suffix(".json")?.to_owned();
                let written = entry.metadata().and_then(|m| m.modified()).ok();
                Some((written, id))
            })
            .collect();
        found.sort();
        let held = found.into_iter().filter_map(|(_, id)| {
            // One that cannot be locked belongs to a window that lives, or cannot be told from such.
            let lock = lock(folder, &id).ok()??;
            let path = file_of(folder, &id);
            path.exists().then_some(Self { path, _lock: lock })
        });
        held.collect()
    }

    /// Reads the work. A file that cannot be read is no work; it is put aside, not deleted, and the reason is told.
    ///
    /// # Errors
    /// One line for the user.
    pub fn read(self) -> Result<FoundWork, String> {
        let written = fs::metadata(&self.path).and_then(|m| m.modified()).ok();
        match Snapshot::load(&self.path) {
            Ok(snapshot) => Ok(FoundWork {
                left_over: self,
                snapshot,
                age: written.and_then(|at| SystemTime::now().duration_since(at).ok()),
            }),
            Err(error) => {
                self.put_aside();
                Err(error.to_string())
            }
        }
    }

    fn put_aside(&self) {
        let free = (0..MOST_IDS)
            .map(|n| self.path.with_extension(format!("unreadable-{n}")))
            .find(|aside| !aside.exists());
        if let Some(aside) = free
            && let Err(error) = fs::rename(&self.path, aside)
        {
            tracing::warn!(kind = ?error.kind(), "a recovery file that cannot be read stays");
        }
    }
}

impl FoundWork {
    /// Deletes the file: the user does not want the work, or what follows it is on disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn delete(self) -> io::Result<()> {
        remove_if_there(&self.left_over.path)
    }

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

fn file_of(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("recovery-{id}.json"))
}

/// The lock of an id; `None` while another window holds it. Lock files are never deleted: a window that is about to
/// lock one would then hold a file that nobody else sees.
fn lock(folder: &Path, id: &str) -> io::Result<Option<File>> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join(format!("window-{id}.lock")))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::ScanSource;
    use crate::volume::{Grid, LabelMap, LabelTable};

    fn work(label: u16) -> Snapshot {
        let affine = crate::geometry::Affine::from_spacing([1.0; 3], [0.0; 3]);
        let mut labels = LabelMap::empty(Grid::new([3, 3, 3], affine));
        labels.voxels[5] = label;
        Snapshot {
            source: ScanSource::Sample,
            labels: labels.into(),
            table: LabelTable::default(),
            active: None,
            labels_path: None,
        }
    }

    fn label_of(file: &RecoveryFile) -> Option<u16> {
        let found = Snapshot::load(&file.path).ok()?;
        Some(found.labels.voxels[5])
    }

    #[test]
    fn what_comes_late_does_not_undo_what_was_decided_later() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = RecoveryFile::take(folder.path()).expect("a file");
        let [first, second, third, fourth] = [(); 4].map(|()| file.turn());
        file.write(second, &work(2)).expect("written");
        file.write(first, &work(1)).expect("nothing to do");
        assert_eq!(label_of(&file), Some(2));
        file.remove(fourth).expect("removed");
        file.write(third, &work(3)).expect("nothing to do");
        assert_eq!(label_of(&file), None);
    }

    #[test]
    fn files_of_windows_that_live_are_not_left_over_and_left_over_ones_are_not_reused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let lives = RecoveryFile::take(folder.path()).expect("a file");
        let crashes = RecoveryFile::take(folder.path()).expect("a file");
        lives.write(lives.turn(), &work(1)).expect("written");
        crashes.write(crashes.turn(), &work(2)).expect("written");
        assert!(LeftOver::all(folder.path()).is_empty());
        drop(crashes);
        let mut found = LeftOver::all(folder.path());
        assert_eq!(found.len(), 1);
        assert!(
            LeftOver::all(folder.path()).is_empty(),
            "one window asks about it"
        );
        let fresh = RecoveryFile::take(folder.path()).expect("a file");
        fresh.write(fresh.turn(), &work(3)).expect("written");
        let found = found.remove(0).read().expect("whole");
        assert_eq!(found.snapshot, work(2));
        drop(found);
        assert_eq!(LeftOver::all(folder.path()).len(), 1, "later");
    }

    #[test]
    fn files_that_cannot_be_read_are_put_aside_each_by_itself() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for content in ["one", "two"] {
            fs::write(folder.path().join("recovery-0-later.json"), content).expect("written");
            let found = LeftOver::all(folder.path()).remove(0);
            assert!(found.read().is_err());
            assert!(LeftOver::all(folder.path()).is_empty());
        }
        for (n, content) in ["one", "two"].into_iter().enumerate() {
            let aside = folder
                .path()
                .join(format!("recovery-0-later.unreadable-{n}"));
            assert_eq!(fs::read_to_string(aside).ok().as_deref(), Some(content));
        }
    }
}
