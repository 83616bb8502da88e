//! The name of a journal, and the lock that makes it ours.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::util::short_debug;

/// The folder of the journals, in the window's data folder.
const FOLDER: &str = "journals";
/// The ending of a journal's name.
const ENDING: &str = "journal";
/// Tries to find a name that nobody has.
const TRIES: usize = 100;

/// A journal that is ours as long as this lives, whether its file is there yet or not.
pub struct Claim {
    path: PathBuf,
    /// Held, never read: the system drops it with the process.
    _lock: File,
}

short_debug! {
    Claim: |_| "a journal of ours";
}

/// The folder of the journals; it need not be there.
pub fn folder_in(data_folder: &Path) -> PathBuf {
    data_folder.join(FOLDER)
}

/// The paths of all journals in a folder.
pub fn journals_in(folder: &Path) -> Vec<PathBuf> {
    files_ending(folder, ENDING)
}

fn files_ending(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|e| e == ending))
        .collect()
}

/// The id of a journal, as users name it.
pub fn id_of(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

impl Claim {
    /// A name that nobody has, in a folder that is made if it is missing, for the owner alone.
    ///
    /// # Errors
    /// What the system says when the folder cannot be used or files there cannot be locked.
    pub fn fresh(folder: &Path) -> io::Result<Self> {
        make_folder(folder)?;
        for _ in 0..TRIES {
            let id = format!("{:016x}", rand::random::<u64>());
            let path = folder.join(id).with_extension(ENDING);
            if !path.exists()
                && let Some(claim) = Self::on(&path)?
            {
                return Ok(claim);
            }
        }
        Err(io::Error::other("no name for a journal is free"))
    }

    /// Takes a journal; `None` while another window has it.
    ///
    /// # Errors
    /// What the system says when files there cannot be locked.
    pub fn on(path: &Path) -> io::Result<Option<Self>> {
        let lock_path = lock_of(path);
        let lock = owners_own().create(true).truncate(false).open(&lock_path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Whoever had it may have removed it since it was opened: then this is a lock that nobody else sees.
        let is_the_one = same_file::Handle::from_path(&lock_path)
            .and_then(|there| Ok(there == same_file::Handle::from_file(lock.try_clone()?)?));
        Ok(is_the_one.unwrap_or(false).then(|| Self {
            path: path.to_owned(),
            _lock: lock,
        }))
    }

    /// Whether a window has this journal. Nothing is taken or made.
    pub fn is_held(path: &Path) -> bool {
        let lock = File::open(lock_of(path));
        lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// The journal's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the journal's file, for the owner alone; nobody sees it before [`Self::publish`].
    ///
    /// # Errors
    /// What the system says.
    pub fn create_file(&self) -> io::Result<File> {
        let mut options = owners_own();
        options.read(true).create(true).truncate(true);
        options.open(part_of(&self.path))
    }

    /// Gives the new file the journal's name: its beginning is whole.
    ///
    /// # Errors
    /// What the system says.
    pub fn publish(&self) -> io::Result<()> {
        fs::rename(part_of(&self.path), &self.path)?;
        sync_folder(&self.path)
    }

    /// Opens the journal's file to go on in it.
    ///
    /// # Errors
    /// What the system says.
    pub fn open_file(&self) -> io::Result<File> {
        owners_own().read(true).open(&self.path)
    }

    /// Removes the journal.
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

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.path.exists() {
            // Of no use any more, and ours still. What cannot be removed is removed by the next start.
            let _ = fs::remove_file(part_of(&self.path));
            let _ = fs::remove_file(lock_of(&self.path));
        }
    }
}

/// Removes what windows left that ended before they had a journal.
pub fn remove_stale_locks(folder: &Path) {
    for lock in files_ending(folder, "lock") {
        let journal = lock.with_extension(ENDING);
        if !journal.exists() {
            // Taken and dropped: that removes it, unless a window that is about to begin its journal has it.
            drop(Claim::on(&journal));
        }
    }
}

fn lock_of(journal: &Path) -> PathBuf {
    journal.with_extension("lock")
}

fn part_of(journal: &Path) -> PathBuf {
    journal.with_extension("part")
}

/// Options for files that nobody but the owner may open.
fn owners_own() -> OpenOptions {
    let mut options = File::options();
    options.write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder)?;
    sync_folder(folder)
}

/// Makes the name of a new file or folder last through a power cut.
fn sync_folder(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}
