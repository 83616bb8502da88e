//! Places at a case and locks, both taken by creating a file: on every file system, shares too, that succeeds once.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::ProjectError;
use crate::io::IoError;

/// Takes one of `places` places in a folder for a reader, who may have one already.
///
/// # Errors
/// All of them are taken by others.
pub(super) fn take_place(folder: &Path, reader: &str, places: usize) -> Result<(), ProjectError> {
    let mut others = Vec::new();
    for n in 1..=places {
        let path = folder.join(format!("place-{n}"));
        match create(&path, reader) {
            Ok(()) => return Ok(()),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                let owner = fs::read_to_string(&path).map_err(|e| IoError::unreadable(&path, e))?;
                if owner.trim() == reader {
                    return Ok(());
                }
                others.push(owner.trim().to_owned());
            }
            Err(e) => return Err(IoError::output(&path, e.to_string()).into()),
        }
    }
    let case = folder.file_name().unwrap_or_default().to_string_lossy();
    let whose = others.join(", ");
    Err(ProjectError::refused(format!(
        "{case}: has its {places} reader(s) already ({whose}); ask for another case, or raise readers_per_case"
    )))
}

/// Who has places in a folder.
pub(super) fn owners(folder: &Path, places: usize) -> Vec<String> {
    let read = |n: usize| fs::read_to_string(folder.join(format!("place-{n}"))).ok();
    let owners = (1..=places).filter_map(read);
    owners.map(|owner| owner.trim().to_owned()).collect()
}

/// Held while the files of one reading are written; gone when it is dropped.
pub(super) struct Lock(PathBuf);

impl Lock {
    /// Takes the lock of a reading.
    ///
    /// # Errors
    /// Another program, perhaps on another computer, is at it.
    pub fn take(path: PathBuf) -> Result<Self, ProjectError> {
        let mark = format!("{} {}", std::process::id(), host());
        for _ in 0..2 {
            match create(&path, &mark) {
                Ok(()) => return Ok(Self(path)),
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                    if !is_left_behind(&path) {
                        break;
                    }
                    // Whoever else finds it left behind removes it too; creating it anew succeeds once.
                    let _ = fs::remove_file(&path);
                }
                Err(e) => return Err(IoError::output(&path, e.to_string()).into()),
            }
        }
        Err(ProjectError::refused(format!(
            "{}: another program is writing this reading; try again, and if none is, delete that file",
            path.display()
        )))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // If it stays, it is found left behind.
        let _ = fs::remove_file(&self.0);
    }
}

/// Writing takes seconds: a lock of an hour, or of a process of this computer that is no more, is left behind.
fn is_left_behind(path: &Path) -> bool {
    let modified = fs::metadata(path).and_then(|m| m.modified());
    let age = modified.ok().and_then(|time| time.elapsed().ok());
    let is_old = age.is_some_and(|age| age.as_secs() > 3600);
    let mark = fs::read_to_string(path).unwrap_or_default();
    let is_dead = mark.split_once(' ').is_some_and(|(process, at)| {
        // Where the system lists its processes.
        let processes = Path::new("/proc");
        let is_here = at == host() && processes.join("self").exists();
        is_here && process.parse::<u32>().is_ok() && !processes.join(process).exists()
    });
    is_old || is_dead
}

/// The computer's name; empty where the system does not say it there.
fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// Creates a file with its text in it at once, unless there is one.
fn create(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".prosector-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Others on a share read who is at a case; the user's mask is applied to it.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map(drop).map_err(|e| e.error)
}
