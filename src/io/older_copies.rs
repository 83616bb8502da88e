//! The versions of a file from before it was saved over, beside it: `labels.older-1.nii.gz` is the newest of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::atomic::folder_of;
use super::{IoError, format};

/// Saves a file with `save`, and keeps as many versions from before as `most`, this one included. Where saving fails, the
/// versions are as they were.
///
/// # Errors
/// What `save` says; [`IoError::Output`] when the version that is there cannot be kept: then it is not saved over.
pub fn keeping_older<T>(
    target: &Path,
    most: usize,
    save: impl FnOnce() -> Result<T, IoError>,
) -> Result<T, IoError> {
    let failed = |error: io::Error| {
        IoError::output(
            target,
            format!(
                "the older version beside it cannot be kept ({error}); save under another name"
            ),
        )
    };
    let previous = match most {
        0 => None,
        _ => held(target).map_err(failed)?,
    };
    let saved = save()?;
    if let Some(previous) = previous {
        shift_in(target, most, previous).map_err(failed)?;
    }
    Ok(saved)
}

/// What is there, under a name of its own; `None` where nothing is.
fn held(target: &Path) -> io::Result<Option<TempPath>> {
    if !target.is_file() {
        return Ok(None);
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".prosector-").suffix(".older");
    let path = builder.tempfile_in(folder_of(target))?.into_temp_path();
    // A copy, because not every file system has links, and a link would follow what writes into the file.
    fs::copy(target, &path)?;
    // What it is a copy of is about to go.
    fs::OpenOptions::new().write(true).open(&path)?.sync_all()?;
    Ok(Some(path))
}

/// Makes a version the newest of the older ones; the oldest beyond `most` goes.
fn shift_in(target: &Path, most: usize, previous: TempPath) -> io::Result<()> {
    for number in (1..most).rev() {
        let from = numbered(target, number);
        if from.is_file() {
            fs::rename(from, numbered(target, number + 1))?;
        }
    }
    previous.persist(numbered(target, 1)).map_err(|e| e.error)
}

/// The name of an older version, 1 the newest.
fn numbered(target: &Path, number: usize) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let (stem, ending) = format::split_ending(&name);
    target.with_file_name(format!("{stem}.older-{number}{ending}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str, most: usize) {
        let save = || fs::write(path, text).map_err(|e| IoError::output(path, e.to_string()));
        keeping_older(path, most, save).expect("saved");
    }

    fn read(folder: &Path, name: &str) -> Option<String> {
        fs::read_to_string(folder.join(name)).ok()
    }

    #[test]
    fn older_versions_are_numbered_and_the_oldest_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.b.nii.gz");
        for text in ["one", "two", "three", "four"] {
            write(&path, text, 2);
        }
        let found = |name: &str| read(folder.path(), name);
        assert_eq!(found("a.b.nii.gz").as_deref(), Some("four"));
        assert_eq!(found("a.b.older-1.nii.gz").as_deref(), Some("three"));
        assert_eq!(found("a.b.older-2.nii.gz").as_deref(), Some("two"));
        let files = fs::read_dir(folder.path()).expect("readable").count();
        assert_eq!(files, 3, "nothing else is left");
    }

    #[test]
    fn nothing_is_kept_unless_asked_and_nothing_moves_when_saving_fails() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("labels.nrrd");
        write(&path, "one", 0);
        write(&path, "two", 0);
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 1);
        write(&path, "three", 3);
        let refused = keeping_older(&path, 3, || {
            Err::<(), _>(IoError::output(&path, "full".to_owned()))
        });
        assert!(refused.is_err());
        assert_eq!(read(folder.path(), "labels.nrrd").as_deref(), Some("three"));
        assert_eq!(
            read(folder.path(), "labels.older-1.nrrd").as_deref(),
            Some("two")
        );
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 2);
    }
}
