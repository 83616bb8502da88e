//! A zip of DICOM files, opened as the folder that it is of.
//!
//! Its files are unpacked into a temporary folder of the user's alone, which goes when the scan is read. They are numbered
//! there: no name in the archive is a path that anything is written to. What unpacks to far more than the archive is
//! refused by what really comes, whatever the archive claims.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use tempfile::TempDir;
use zip::ZipArchive;

use super::format::{Format, Opened};
use super::sniff::head_of;
use super::{IoError, LabelTarget, Labels, OpenOptions, dicom};
use crate::util::JobContext;

/// Archives are not suspected that unpack to no more than this, in bytes; others if they unpack to more than this many
/// times their size.
const UNSUSPECTED_BYTES: u64 = 64 << 20;
const MAX_PACKING: u64 = 200;

/// More files than any study has.
const MAX_FILES: usize = 200_000;

/// The first bytes of every archive with a file in it.
const MAGIC: [u8; 4] = *b"PK\x03\x04";

/// A zip archive.
pub(super) static FORMAT: Format = Format {
    name: "zip archive",
    recognises: |_, head| head.starts_with(&MAGIC),
    inspect,
    open_labels: Some(open_labels),
    has_series: true,
    ..Format::NONE
};

fn inspect(path: &Path, options: &OpenOptions, ctx: &JobContext) -> Result<Opened, IoError> {
    let folder = unpacked(path, ctx)?;
    let opened = (dicom::FORMAT.inspect)(folder.path(), options, ctx);
    let (mut info, image) = opened.map_err(|e| of_archive(e, path))?;
    for labels in &mut info.labels {
        // What was unpacked goes; the object is found again by its UID.
        labels.path = path.to_owned();
    }
    Ok((info, image))
}

/// Reads the only labels of an archive.
fn open_labels(
    path: &Path,
    target: Option<&LabelTarget>,
    ctx: &JobContext,
) -> Result<Labels, IoError> {
    let folder = unpacked(path, ctx)?;
    let opened = dicom::open_labels(folder.path(), None, target, ctx);
    opened.map_err(|e| of_archive(e, path))
}

/// Reads the labels of an object of an archive, by its SOPInstanceUID.
///
/// # Errors
/// It is not there any more, and all that is wrong with archives and labels.
pub(super) fn open_object(
    path: &Path,
    uid: &str,
    target: Option<&LabelTarget>,
    ctx: &JobContext,
) -> Result<Labels, IoError> {
    let folder = unpacked(path, ctx)?;
    let opened = dicom::open_labels(folder.path(), Some(uid), target, ctx);
    opened.map_err(|e| of_archive(e, path))
}

/// Whether a file is a zip archive.
pub(super) fn is_one(path: &Path) -> bool {
    head_of(path).is_ok_and(|head| head.starts_with(&MAGIC))
}

/// A refusal of the unpacked folder as one of the archive.
fn of_archive(error: IoError, archive: &Path) -> IoError {
    let path = archive.to_owned();
    match error {
        IoError::NotAScan { .. } => IoError::not_a_scan(
            archive,
            "the zip archive holds no DICOM files; unpack it, and give the scan in it",
        ),
        IoError::Damaged { reason, .. } => IoError::Damaged { path, reason },
        IoError::NotLabels { reason, .. } => IoError::NotLabels { path, reason },
        IoError::Unsupported { reason, .. } => IoError::Unsupported { path, reason },
        IoError::SeveralSeries { series, .. } => IoError::SeveralSeries { path, series },
        IoError::NoSuchSeries { wanted, series, .. } => IoError::NoSuchSeries {
            path,
            wanted,
            series,
        },
        IoError::NoSuchFrame { frame, frames, .. } => IoError::NoSuchFrame {
            path,
            frame,
            frames,
        },
        other => other,
    }
}

/// The archive's files in a new folder, which goes with the value.
fn unpacked(path: &Path, ctx: &JobContext) -> Result<TempDir, IoError> {
    let damaged = |reason: String| {
        let reason = format!("the zip archive {reason}; copy or download it again");
        IoError::damaged(path, reason)
    };
    let file = File::open(path).map_err(|e| IoError::unreadable(path, e))?;
    let bytes = file
        .metadata()
        .map_err(|e| IoError::unreadable(path, e))?
        .len();
    let mut archive = ZipArchive::new(BufReader::new(file))
        .map_err(|e| damaged(format!("cannot be read ({e})")))?;
    if archive.len() > MAX_FILES {
        return Err(damaged(format!("claims {} files", archive.len())));
    }
    let failed = |e: io::Error| {
        let reason =
            format!("there is no room to unpack it ({e}); free some space, or unpack it elsewhere");
        IoError::unsupported(path, reason)
    };
    let folder = tempfile::Builder::new().prefix("prosector-").tempdir();
    let folder = folder.map_err(failed)?;
    let mut left = UNSUSPECTED_BYTES.max(bytes.saturating_mul(MAX_PACKING));
    let files = archive.len();
    for n in 0..files {
        ctx.step(n as f32 / files as f32, "unpacking")?;
        let entry = archive.by_index(n).map_err(|e| match e {
            zip::result::ZipError::UnsupportedArchive(what) => IoError::unsupported(
                path,
                format!("a file in the zip archive cannot be unpacked ({what}); unpack it by hand"),
            ),
            other => damaged(format!("cannot be unpacked ({other})")),
        })?;
        if !entry.is_file() {
            continue;
        }
        let mut to = File::create(folder.path().join(format!("{n:06}"))).map_err(failed)?;
        let mut from = entry.take(left + 1);
        let copied = copy(&mut from, &mut to, &failed, &damaged)?;
        if copied > left {
            return Err(damaged("unpacks to far more than a scan does".to_owned()));
        }
        left -= copied;
    }
    Ok(folder)
}

/// Copies all; what cannot be read is the archive's fault, what cannot be written the disk's.
fn copy(
    from: &mut impl Read,
    to: &mut impl io::Write,
    failed: &impl Fn(io::Error) -> IoError,
    damaged: &impl Fn(String) -> IoError,
) -> Result<u64, IoError> {
    let mut piece = vec![0; 1 << 16];
    let mut copied = 0;
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(copied),
            Ok(n) => {
                to.write_all(&piece[..n]).map_err(failed)?;
                copied += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(damaged(format!("cannot be unpacked ({e})"))),
        }
    }
}
