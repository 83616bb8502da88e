//! Finding the DICOM files in a folder and reading their headers.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use walkdir::WalkDir;

use super::header::{self, Instance};
use crate::io::{IoError, Quoted, Warning};
use crate::util::JobContext;

/// Share of the whole job that headers take.
pub(super) const HEADER_SHARE: f32 = 0.3;

/// The DICOM objects of a folder.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Every object, in the order of the file names.
    pub instances: Vec<Instance>,
    /// What to tell about files that could not be used.
    pub warnings: Vec<Warning>,
    /// Number of files looked at.
    pub files: usize,
}

/// Reads the headers of all DICOM files in `folder`, at any depth. Other files are left alone.
///
/// # Errors
/// The folder cannot be read, or the job was cancelled.
pub(super) fn read_folder(folder: &Path, ctx: &JobContext) -> Result<Found, IoError> {
    let paths = files_in(folder, ctx)?;
    let done = AtomicUsize::new(0);
    let read = |path: &PathBuf| {
        let fraction = done.fetch_add(1, Ordering::Relaxed) as f32 / paths.len() as f32;
        ctx.step(fraction * HEADER_SHARE, "reading headers")?;
        Ok(header::read(path))
    };
    let results: Vec<_> = paths.par_iter().map(read).collect::<Result<_, IoError>>()?;
    let mut found = Found {
        files: paths.len(),
        ..Found::default()
    };
    let mut unreadable: Vec<String> = Vec::new();
    let mut gzipped: Vec<&PathBuf> = Vec::new();
    for (path, result) in paths.iter().zip(results) {
        match result {
            Ok(header::Found::Object(instance)) => found.instances.push(*instance),
            Ok(header::Found::Gzipped) => gzipped.push(path),
            Ok(header::Found::Foreign) => {}
            Err(e) => unreadable.push(e.to_string()),
        }
    }
    if found.instances.is_empty() {
        unreadable.extend(read_gzipped(&gzipped, &mut found, ctx)?);
    } else if !gzipped.is_empty() {
        found.warnings.push(Warning::GzippedFiles {
            files: gzipped.len(),
        });
    }
    if let Some(first) = unreadable.first() {
        found.warnings.push(Warning::UnreadableFiles {
            files: unreadable.len(),
            first: Quoted(first.clone()),
        });
    }
    drop_copies(&mut found);
    Ok(found)
}

/// Reads the headers of gzipped files; gives what is to be told of those that cannot be read.
fn read_gzipped(
    paths: &[&PathBuf],
    found: &mut Found,
    ctx: &JobContext,
) -> Result<Vec<String>, IoError> {
    let read = |path: &&PathBuf| {
        ctx.step(HEADER_SHARE, "unpacking")?;
        Ok(header::read_object(path, true))
    };
    let results: Vec<_> = paths.par_iter().map(read).collect::<Result<_, IoError>>()?;
    let mut unreadable = Vec::new();
    for result in results {
        match result {
            Ok(instance) => found.instances.push(instance),
            Err(e) => unreadable.push(e.to_string()),
        }
    }
    Ok(unreadable)
}

/// All files below a folder, sorted by name.
fn files_in(folder: &Path, ctx: &JobContext) -> Result<Vec<PathBuf>, IoError> {
    fs::read_dir(folder).map_err(|e| IoError::unreadable(folder, e))?;
    let mut paths = Vec::new();
    // Entries that cannot be read, and links that lead in a circle, are passed over.
    let entries = WalkDir::new(folder).follow_links(true).sort_by_file_name();
    for entry in entries.into_iter().flatten() {
        ctx.check()?;
        if entry.file_type().is_file() {
            paths.push(entry.into_path());
        }
    }
    Ok(paths)
}

/// Keeps one of several byte-identical copies of an object.
fn drop_copies(found: &mut Found) {
    let mut kept: Vec<Instance> = Vec::with_capacity(found.instances.len());
    let mut by_uid: HashMap<String, Vec<usize>> = HashMap::new();
    let mut copies = 0;
    for instance in found.instances.drain(..) {
        let same_uid = by_uid.entry(instance.sop_instance.clone()).or_default();
        let is_copy = !instance.sop_instance.is_empty()
            && same_uid.iter().any(|&i| is_same_file(&kept[i], &instance));
        if is_copy {
            copies += 1;
            continue;
        }
        same_uid.push(kept.len());
        kept.push(instance);
    }
    found.instances = kept;
    if copies > 0 {
        found
            .warnings
            .push(Warning::CopiesOfFiles { files: copies });
    }
}

fn is_same_file(a: &Instance, b: &Instance) -> bool {
    a.file_bytes == b.file_bytes
        && match (fs::read(&a.path), fs::read(&b.path)) {
            (Ok(a), Ok(b)) => a == b,
            _ => false,
        }
}
