//! The files of earlier versions: `recovery-ID.json` in the data folder, guarded by `window-ID.lock`.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::util::short_debug;

/// A file of an earlier version, held so that no other window takes it.
pub struct SnapshotLock {
    path: PathBuf,
    /// Held, never read.
    _lock: File,
}

short_debug! {
    SnapshotLock: |_| "a recovery file of an earlier version";
}

/// The files of earlier versions in a data folder.
pub fn snapshots_in(data_folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(data_folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths.filter(|path| id_of(path).is_some()).collect()
}

fn id_of(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix("recovery-")?.strip_suffix(".json")
}

impl SnapshotLock {
    /// Takes a file; `None` while a window of an earlier version, or another start, holds it. Lock files stay: those
    /// versions never delete them.
    ///
    /// # Errors
    /// What the system says when files there cannot be locked.
    pub fn on(path: &Path) -> io::Result<Option<Self>> {
        let id = id_of(path).unwrap_or_default();
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.with_file_name(format!("window-{id}.lock")))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self {
                path: path.to_owned(),
                _lock: lock,
            })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the file.
    ///
    /// # Errors
    /// What the system says.
    pub fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
