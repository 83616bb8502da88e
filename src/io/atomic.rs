//! Atomic writing: a file is either the old one or the complete, checked new one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::IoError;

/// Writes a file beside `target` under a temporary name, syncs it, lets `verify` look at it, and
/// renames it over `target`. On any failure the old file stays and nothing new is left behind.
///
/// `verify` gets the temporary path and refuses with a reason.
///
/// # Errors
/// [`IoError::Output`] with what is in the way.
pub fn replace_file(
    target: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
    verify: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<(), IoError> {
    let failed = |e: io::Error| IoError::output(target, explain(&e));
    let real_target = followed(target);
    let mut file = temporary_beside(&real_target).map_err(failed)?;
    write(file.as_file_mut()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    verify(file.path()).map_err(|reason| {
        IoError::output(
            target,
            format!("what was written does not read back ({reason}); check the disk and try again"),
        )
    })?;
    file.persist(&real_target).map_err(|e| failed(e.error))?;
    sync_folder(&real_target).map_err(failed)
}

/// Writes a text as [`replace_file`] does, and compares it.
///
/// # Errors
/// As there.
pub fn replace_text(target: &Path, text: &str) -> Result<(), IoError> {
    replace_file(
        target,
        |file| file.write_all(text.as_bytes()),
        |written| match fs::read(written) {
            Ok(read) if read == text.as_bytes() => Ok(()),
            Ok(_) => Err("a character differs".into()),
            Err(e) => Err(e.to_string()),
        },
    )
}

/// Whether `target` could be replaced, asked before long work starts: its folder exists and can be
/// written to, and the target is no folder and not write-protected.
///
/// # Errors
/// [`IoError::Output`] with what is in the way.
pub fn check_target(target: &Path) -> Result<(), IoError> {
    let real_target = followed(target);
    let folder = folder_of(&real_target);
    let refuse = |reason: String| Err(IoError::output(target, reason));
    let at = folder.display();
    match fs::metadata(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return refuse(format!("the folder {at} does not exist; create it first"));
        }
        Err(e) => return refuse(format!("the folder {at} cannot be used: {e}")),
        Ok(m) if !m.is_dir() => return refuse(format!("{at} is a file, not a folder")),
        // An administrator can write to read-only folders; the marking is honoured all the same.
        Ok(m) if m.permissions().readonly() => {
            return refuse(format!("the folder {at} is read-only; choose another"));
        }
        Ok(_) => {}
    }
    if let Ok(m) = fs::metadata(&real_target) {
        if m.is_dir() {
            return refuse("it is a folder; give a file name".into());
        }
        if m.permissions().readonly() {
            return refuse("the file is write-protected; choose another name".into());
        }
    }
    match temporary_beside(&real_target) {
        Ok(_) => Ok(()),
        Err(e) => refuse(explain(&e)),
    }
}

/// Makes a folder with files in it: `fill` writes into a folder beside `target` of a temporary name, which is renamed when
/// it is filled. On any failure nothing is left.
///
/// # Errors
/// [`IoError::Output`] where `target` is a file or a folder with something in it, or cannot be made; what `fill` refuses.
pub fn make_folder<T, E: From<IoError>>(
    target: &Path,
    fill: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<T, E> {
    let failed = |e: io::Error| IoError::output(target, explain(&e));
    let refuse = |reason: &str| Err(IoError::output(target, reason).into());
    match fs::read_dir(target).map(Iterator::count) {
        Ok(1..) => return refuse("the folder is not empty; give a new one"),
        Ok(_) => {}
        Err(_) if target.exists() => return refuse("it is a file; give a new folder"),
        Err(_) => {}
    }
    let prefix = own_prefix();
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(PART);
    let partial = builder.tempdir_in(folder_of(target)).map_err(failed)?;
    let filled = fill(partial.path())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // A temporary folder is its owner's alone; what it becomes is a folder like others.
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(partial.path(), open).map_err(failed)?;
    }
    if target.is_dir() {
        fs::remove_dir(target).map_err(failed)?;
    }
    fs::rename(partial.path(), target).map_err(failed)?;
    // It is not there under this name any more.
    let _ = partial.keep();
    sync_folder(target).map_err(failed)?;
    Ok(filled)
}

/// The folder a file is in.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Where a link leads, so that the file is replaced and not the link.
fn followed(target: &Path) -> PathBuf {
    let is_link = fs::symlink_metadata(target).is_ok_and(|m| m.is_symlink());
    is_link
        .then(|| fs::canonicalize(target).ok())
        .flatten()
        .unwrap_or_else(|| target.to_owned())
}

/// How the names of temporary files begin and end; between them stand the process and something random.
const PREFIX: &str = ".prosector-";
const PART: &str = ".part";

fn own_prefix() -> String {
    format!("{PREFIX}{}-", std::process::id())
}

/// Removes from a folder the temporary files of programs of this computer that are no more, or, where the system does
/// not list its processes, those that nobody has written to for an hour. Those of other programs stay.
pub fn remove_abandoned(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_abandoned = name.to_str().is_some_and(|name| {
            let process = name.strip_prefix(PREFIX).filter(|_| name.ends_with(PART));
            let process = process.and_then(|rest| rest.split_once('-')?.0.parse().ok());
            process.is_some_and(|process| is_gone(process, &entry))
        });
        if is_abandoned {
            // What cannot be removed is in nobody's way.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether a process is no more, as far as that can be told by it and by the age of its file.
fn is_gone(process: u32, file: &fs::DirEntry) -> bool {
    let processes = Path::new("/proc");
    if processes.join("self").exists() {
        return !processes.join(process.to_string()).exists();
    }
    let modified = file.metadata().and_then(|m| m.modified()).ok();
    let age = modified.and_then(|time| time.elapsed().ok());
    age.is_some_and(|age| age.as_secs() > 3600)
}

/// An empty temporary file in the target's folder, with the permissions the target has or would get.
fn temporary_beside(target: &Path) -> io::Result<NamedTempFile> {
    let prefix = own_prefix();
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(PART);
    let permissions = fs::metadata(target).ok().map(|m| m.permissions());
    #[cfg(unix)]
    let permissions = permissions.or_else(|| {
        use std::os::unix::fs::PermissionsExt;
        Some(fs::Permissions::from_mode(0o666))
    });
    if let Some(permissions) = permissions {
        builder.permissions(permissions);
    }
    builder.tempfile_in(folder_of(target))
}

/// The operating system's reason, with what to do.
fn explain(e: &io::Error) -> String {
    match e.kind() {
        io::ErrorKind::StorageFull => "the disk is full; free some space".into(),
        io::ErrorKind::NotFound => "the folder does not exist; create it first".into(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "the folder is read-only; choose another".into()
        }
        _ => format!("{e}; check the folder and the disk"),
    }
}

/// Makes the rename itself last through a power cut.
fn sync_folder(target: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder_of(target))?.sync_all()?;
    }
    Ok(())
}
