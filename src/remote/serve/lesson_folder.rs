//! The folder of a lesson, among the system's temporary files.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::TempDir;

/// What the names of such folders begin with.
const PREFIX: &str = "prosector-lesson-";
/// The file in it that its server has locked.
const LOCK: &str = "held";

/// A folder for its owner alone, which goes when this is dropped.
pub(super) struct LessonFolder {
    /// Held, never read; some systems remove no file that is open, so it goes first.
    _lock: File,
    folder: TempDir,
}

impl LessonFolder {
    /// A new one.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn fresh() -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir()?;
        let lock = File::create_new(folder.path().join(LOCK))?;
        lock.try_lock()?;
        Ok(Self {
            _lock: lock,
            folder,
        })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes what servers left that were killed in a lesson. What cannot be removed is another's, or stays.
pub(super) fn remove_abandoned() {
    let entries = fs::read_dir(std::env::temp_dir());
    for entry in entries.into_iter().flatten().flatten() {
        let path = entry.path();
        let is_lesson = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if is_lesson && is_abandoned(&path) && fs::remove_dir_all(&path).is_err() {
            tracing::warn!("what a killed server left of a lesson could not be removed");
        }
    }
}

/// Whether nobody holds it any more.
fn is_abandoned(folder: &Path) -> bool {
    let lock = File::open(folder.join(LOCK));
    lock.is_ok_and(|lock| lock.try_lock().is_ok())
}
