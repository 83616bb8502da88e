//! Where fetched images go: a file each, whole or not at all, and only those that were asked for.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::NetworkError;
use super::meta::{LONGEST, Meta};
use super::query::{Image, check_uid};
use crate::io::{IoError, atomic};
use crate::util::JobContext;

/// The folder that images come into, and those that are waited for.
pub(super) struct Inbox<'a> {
    folder: &'a Path,
    /// SOPInstanceUID and SOPClassUID.
    missing: BTreeMap<String, String>,
    total: usize,
    ctx: &'a JobContext,
}

impl<'a> Inbox<'a> {
    /// Waits for those images whose files are not in the folder.
    pub fn new(
        folder: &'a Path,
        images: Vec<Image>,
        ctx: &'a JobContext,
    ) -> Result<Self, NetworkError> {
        let mut missing = BTreeMap::new();
        let mut total = 0;
        for image in images {
            check_uid(&image.uid)?;
            total += 1;
            if !file_of(folder, &image.uid).exists() {
                missing.insert(image.uid, image.class);
            }
        }
        fs::create_dir_all(folder).map_err(|e| IoError::output(folder, e.to_string()))?;
        atomic::remove_abandoned(folder);
        Ok(Self {
            folder,
            missing,
            total,
            ctx,
        })
    }

    /// Images that are waited for: SOPInstanceUID and SOPClassUID.
    pub fn missing(&self) -> &BTreeMap<String, String> {
        &self.missing
    }

    /// All images of the series, those that are there included.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Whether an image is waited for.
    pub fn wants(&self, uid: &str) -> bool {
        self.missing.contains_key(uid)
    }

    /// Keeps an image that is waited for: `write` writes its file. Nothing is left of a file that is not whole.
    ///
    /// # Errors
    /// What `write` refuses, a file that is another image or cannot be kept; cancelled.
    pub fn keep(
        &mut self,
        uid: &str,
        write: impl FnOnce(&mut File) -> Result<(), NetworkError>,
    ) -> Result<(), NetworkError> {
        let done = self.total - self.missing.len();
        let part = done as f32 / self.total as f32;
        let stage = format!("image {} of {}", done + 1, self.total);
        self.ctx.step(part, &stage)?;
        let mut refused = None;
        let kept = atomic::replace_file(
            &file_of(self.folder, uid),
            |file| {
                write(file).map_err(|e| {
                    refused = Some(e);
                    io::Error::other("the image did not come whole")
                })
            },
            |written| check_image(written, uid),
        );
        match (refused, kept) {
            (Some(why), _) => return Err(why),
            (None, kept) => kept?,
        }
        self.missing.remove(uid);
        Ok(())
    }
}

fn file_of(folder: &Path, uid: &str) -> PathBuf {
    folder.join(format!("{uid}.dcm"))
}

/// Whether a file is the image of this UID.
fn check_image(path: &Path, uid: &str) -> Result<(), String> {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|f| f.take(LONGEST as u64).read_to_end(&mut head));
    read.map_err(|e| e.to_string())?;
    let meta = Meta::of(&head).ok_or("it is no DICOM file")?;
    match meta.uid == uid {
        true => Ok(()),
        false => Err("it is another image than was asked for".to_owned()),
    }
}
