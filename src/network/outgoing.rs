//! What is sent: DICOM files as they are.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::NetworkError;
use super::meta::{LONGEST, Meta};
use super::query::check_uid;
use crate::io::IoError;

/// A file that is to be sent.
pub(super) struct Outgoing {
    pub path: PathBuf,
    /// SOPClassUID.
    pub class: String,
    /// SOPInstanceUID.
    pub uid: String,
    /// Transfer syntax.
    pub syntax: String,
    /// Where the data set begins.
    data_at: u64,
}

impl Outgoing {
    /// What a file is, without reading all of it.
    pub fn read(path: &Path) -> Result<Self, NetworkError> {
        let unreadable = |e| IoError::unreadable(path, e);
        let file = File::open(path).map_err(unreadable)?;
        let mut head = Vec::new();
        let read = file.take(LONGEST as u64).read_to_end(&mut head);
        read.map_err(unreadable)?;
        let meta = Meta::of(&head).ok_or_else(|| {
            IoError::not_a_scan(path, "it is no DICOM file; a PACS takes nothing else")
        })?;
        check_uid(&meta.uid).map_err(|e| IoError::damaged(path, e.to_string()))?;
        Ok(Self {
            path: path.to_owned(),
            class: meta.class,
            uid: meta.uid,
            syntax: meta.syntax,
            data_at: meta.data_at as u64,
        })
    }

    /// The whole file, and its length in bytes.
    pub fn file(&self) -> Result<(File, u64), NetworkError> {
        let unreadable = |e| IoError::unreadable(&self.path, e);
        let file = File::open(&self.path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        Ok((file, length))
    }

    /// The data set in its own transfer syntax.
    pub fn data(&self) -> Result<impl Read, NetworkError> {
        let (mut file, _) = self.file()?;
        let sought = file.seek(SeekFrom::Start(self.data_at));
        sought.map_err(|e| IoError::unreadable(&self.path, e))?;
        Ok(BufReader::with_capacity(1 << 16, file))
    }

    /// For messages.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }
}

/// The files that are meant: files as they are, and of folders the DICOM files below.
///
/// # Errors
/// A path that is not there, a folder without DICOM files.
pub fn dicom_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, NetworkError> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        for entry in WalkDir::new(path).sort_by_file_name() {
            let entry = entry.map_err(|e| IoError::unreadable(path, e.into()))?;
            if entry.file_type().is_file() && Outgoing::read(entry.path()).is_ok() {
                files.push(entry.into_path());
            }
        }
        if files.len() == before {
            return Err(IoError::not_a_scan(path, "there are no DICOM files in it").into());
        }
    }
    Ok(files)
}
