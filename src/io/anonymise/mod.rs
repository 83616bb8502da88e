//! Copies of scans that say nothing of the patient, with an account of what was changed.
//!
//! What each format does is its own (`dicom/anonymise/`, `nifti/anonymise.rs`); here are files and folders, the names that
//! outputs get, and the account. A folder is written under a temporary name and renamed when every file in it was read
//! back and compared, so that nothing of it is there before all of it is.

mod ledger;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::atomic::{self, folder_of};
use super::sniff::sniff;
use super::{IoError, check_keeps};
use crate::util::JobContext;

pub use ledger::{Change, Doubt, Ledger};

/// Where a copy goes.
pub(super) enum Target<'a> {
    /// To this file.
    File(&'a Path),
    /// Into this folder, under a name that says nothing.
    Folder(&'a Path),
}

impl Target<'_> {
    /// The file to write: in a folder one of the patient that is at work, in a folder each for `levels`; folders are made.
    pub(super) fn place(
        &self,
        ledger: &mut Ledger,
        levels: &[&str],
        ending: &str,
    ) -> Result<PathBuf, IoError> {
        let folder = match self {
            Self::File(path) => return Ok((*path).to_owned()),
            Self::Folder(folder) => folder,
        };
        let place = folder.join(ledger.name(levels, ending));
        let parent = folder_of(&place);
        fs::create_dir_all(parent).map_err(|e| IoError::output(parent, e.to_string()))?;
        Ok(place)
    }
}

/// Why a copy was not made.
pub(super) enum Failure {
    /// The source cannot be read to its end.
    Source(IoError),
    /// The target cannot be written.
    Target(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Target(error)
    }
}

/// As [`atomic::replace_file`] for what is read while it is written; what `write` gives, `verify` gets.
///
/// # Errors
/// As there, and what keeps the source from being read.
pub(super) fn replace_from<T>(
    target: &Path,
    write: impl FnOnce(&mut File) -> Result<T, Failure>,
    verify: impl FnOnce(&Path, &T) -> Result<(), String>,
) -> Result<(), IoError> {
    let mut refused = None;
    let written = std::cell::OnceCell::new();
    let outcome = atomic::replace_file(
        target,
        |file| match write(file) {
            Ok(value) => {
                // It is written once.
                let _ = written.set(value);
                file.flush()
            }
            Err(Failure::Target(error)) => Err(error),
            Err(Failure::Source(error)) => {
                refused = Some(error);
                Err(io::Error::other("the source cannot be read"))
            }
        },
        |file| match written.get() {
            Some(value) => verify(file, value),
            None => Err("nothing was written".into()),
        },
    );
    match refused {
        Some(error) => Err(error),
        None => outcome,
    }
}

/// Copies a DICOM or NIfTI file, or a folder of them, without what tells the patient.
///
/// # Errors
/// Nothing to copy, files that cannot be read or cleaned, and outputs that cannot be written or do not read back. Nothing
/// is written then.
pub fn anonymise(input: &Path, output: &Path, ctx: &JobContext) -> Result<Ledger, IoError> {
    let is_folder = fs::metadata(input)
        .map_err(|e| IoError::unreadable(input, e))?
        .is_dir();
    let mut ledger = Ledger::default();
    if is_folder {
        folder(input, output, &mut ledger, ctx)?;
    } else {
        file(input, output, &mut ledger)?;
    }
    Ok(ledger)
}

fn file(input: &Path, output: &Path, ledger: &mut Ledger) -> Result<(), IoError> {
    atomic::check_target(output)?;
    check_keeps(output, &[input])?;
    let format = sniff(input)?;
    let clean = format.anonymise.ok_or_else(|| {
        let name = format.name;
        let reason = format!(
            "{name} files are not anonymised; `prosector convert` to NIfTI keeps nothing but voxels and position"
        );
        IoError::unsupported(input, reason)
    })?;
    match clean(input, &Target::File(output), ledger)? {
        None => {
            ledger.files += 1;
            Ok(())
        }
        Some(reason) => Err(IoError::unsupported(input, reason.of_one_file())),
    }
}

fn folder(
    input: &Path,
    output: &Path,
    ledger: &mut Ledger,
    ctx: &JobContext,
) -> Result<(), IoError> {
    let full = |path: &Path| path.canonicalize().ok();
    let is_inside = full(folder_of(output)).zip(full(input));
    if is_inside.is_some_and(|(above, read)| above.starts_with(read)) {
        let reason = "it would lie inside the folder that is read; choose another place";
        return Err(IoError::output(output, reason));
    }
    let files = files_in(input);
    atomic::make_folder(output, |folder| {
        for (n, path) in files.iter().enumerate() {
            ctx.step(n as f32 / files.len() as f32, "anonymising")?;
            let Some(clean) = cleaner_of(path)? else {
                ledger.doubt(Doubt::Foreign);
                continue;
            };
            match clean(path, &Target::Folder(folder), ledger)? {
                None => ledger.files += 1,
                Some(reason) => ledger.doubt(reason),
            }
        }
        match ledger.files {
            0 => Err(IoError::not_a_scan(
                input,
                format!(
                    "none of its {} files is a DICOM or NIfTI scan that can be anonymised",
                    files.len()
                ),
            )),
            _ => Ok(()),
        }
    })
}

/// All files below a folder, by name. Hidden ones are read too: they may be scans.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = WalkDir::new(folder).follow_links(true).sort_by_file_name();
    let files = entries.into_iter().flatten();
    let files = files.filter(|e| e.file_type().is_file());
    files.map(walkdir::DirEntry::into_path).collect()
}

/// How a file in a folder is cleaned; `None` for what is no scan, and the voxels of a pair, which go with their header.
fn cleaner_of(path: &Path) -> Result<Option<super::format::Anonymise>, IoError> {
    if super::nifti::is_voxels_of_pair(path) {
        return Ok(None);
    }
    match sniff(path) {
        Ok(format) => Ok(format.anonymise),
        Err(IoError::NotAScan { .. }) => Ok(None),
        // A gzipped DICOM file is only read in a folder.
        Err(IoError::Unsupported { .. }) if super::sniff::is_gzipped_dicom_file(path) => {
            Ok(super::dicom::FORMAT.anonymise)
        }
        Err(error) => Err(error),
    }
}
