//! Results never replace what is read.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::IoError;
use super::format::FORMATS;

/// Refuses a result that would replace a file that is read: one of `inputs`, the other file of a pair of header and voxels, or any file
/// that lies in a folder among them, by whatever link or spelling it is named. A new file beside them is fine.
///
/// # Errors
/// [`IoError::Output`] with the file that would be lost.
pub fn check_keeps(target: &Path, inputs: &[impl AsRef<Path>]) -> Result<(), IoError> {
    if let Some(beside) = FORMATS.iter().find_map(|f| (f.written_beside)(target)) {
        check_keeps(&beside, inputs)?;
    }
    if !target.is_file() {
        return Ok(());
    }
    let mut inputs = inputs.iter().map(AsRef::as_ref);
    let lost = inputs.find_map(|input| same_among(input, target));
    lost.map_or(Ok(()), |file| {
        Err(IoError::output(
            target,
            format!(
                "it is a file that is read, and would be lost ({}); give the result another name",
                file.display()
            ),
        ))
    })
}

/// Refuses two results of one name, of which the first would be lost.
///
/// # Errors
/// [`IoError::Output`] with the name.
pub fn check_distinct(results: &[&Path]) -> Result<(), IoError> {
    for (n, result) in results.iter().enumerate() {
        if results[..n]
            .iter()
            .any(|other| is_same_place(other, result))
        {
            return Err(IoError::output(
                result,
                "two results would be written to it; give each a name of its own",
            ));
        }
    }
    Ok(())
}

/// The file of an input that `target` is.
fn same_among(input: &Path, target: &Path) -> Option<PathBuf> {
    if input.is_dir() {
        let entries = WalkDir::new(input).follow_links(true).into_iter().flatten();
        let mut files = entries.filter(|entry| entry.file_type().is_file());
        let found = files.find(|entry| is_same_file(entry.path(), target));
        return found.map(walkdir::DirEntry::into_path);
    }
    let other = FORMATS.iter().find_map(|format| (format.other_file)(input));
    let mut files = std::iter::once(input.to_owned()).chain(other);
    files.find(|file| is_same_file(file, target))
}

/// Whether two names lead to one file. Files that may not be opened are told apart by their full paths.
fn is_same_file(a: &Path, b: &Path) -> bool {
    // Opening what is no file, a pipe say, could wait for ever.
    if !a.is_file() || !b.is_file() {
        return false;
    }
    same_file::is_same_file(a, b).unwrap_or_else(|_| {
        let full = [a, b].map(|path| path.canonicalize().ok());
        full[0].is_some() && full[0] == full[1]
    })
}

/// Whether two names, of files that need not exist yet, are of one file.
fn is_same_place(a: &Path, b: &Path) -> bool {
    let place = |path: &Path| {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        Some(folder.canonicalize().ok()?.join(path.file_name()?))
    };
    let places = [place(a), place(b)];
    is_same_file(a, b) || (places[0].is_some() && places[0] == places[1])
}
