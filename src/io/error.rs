//! Why a file was refused.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::util::{Cancelled, short_debug};

use super::SeriesInfo;

/// A refusal: what, where, what to do, in one line.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum IoError {
    /// The operating system does not give the file.
    #[error("{}: cannot be read: {}; check the path and its permissions", .path.display(), words(.source))]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// It is not a scan at all.
    #[error("{}: is not a scan: {reason}", .path.display())]
    NotAScan {
        /// The file or folder.
        path: PathBuf,
        /// What it is instead, and what to give.
        reason: String,
    },
    /// It is a scan, but incomplete or contradicting itself.
    #[error("{}: is damaged: {reason}", .path.display())]
    Damaged {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// It is a sound file of a kind that is not read.
    #[error("{}: is not supported: {reason}", .path.display())]
    Unsupported {
        /// The file or folder.
        path: PathBuf,
        /// What kind, and what to do.
        reason: String,
    },
    /// Several image series, and none chosen.
    #[error("{}: holds {} image series, choose one with --series: {}", .path.display(), .series.len(), listing(.series))]
    SeveralSeries {
        /// The file or folder.
        path: PathBuf,
        /// The choice.
        series: Vec<SeriesInfo>,
    },
    /// The chosen series is not there.
    #[error("{}: has no series {wanted}; {}", .path.display(), series_to_choose(.series))]
    NoSuchSeries {
        /// The file or folder.
        path: PathBuf,
        /// The UID asked for.
        wanted: String,
        /// The choice.
        series: Vec<SeriesInfo>,
    },
    /// The chosen frame is not there.
    #[error("{}: has no frame {frame}: give --frame 0 to {}", .path.display(), .frames - 1)]
    NoSuchFrame {
        /// The file or folder.
        path: PathBuf,
        /// The frame asked for.
        frame: usize,
        /// Number of frames, at least 1.
        frames: usize,
    },
    /// The slice whose frames are asked for is not there, or has no frames.
    #[error("{}: has no frames of slice {slice}: {}", .path.display(), frames_to_choose(*.slices, *.frames))]
    NoSuchSequence {
        /// The file or folder.
        path: PathBuf,
        /// The slice asked for.
        slice: usize,
        /// Number of slices, at least 1.
        slices: usize,
        /// Number of frames, at least 1.
        frames: usize,
    },
    /// It can be read, but its values are no labels.
    #[error("{}: is not a label map: {reason}", .path.display())]
    NotLabels {
        /// The file.
        path: PathBuf,
        /// The value that is no label.
        reason: String,
    },
    /// The output cannot be written.
    #[error("{}: cannot be written: {reason}", .path.display())]
    Output {
        /// The target.
        path: PathBuf,
        /// What is in the way, and what to do.
        reason: String,
    },
    /// The job was asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

short_debug! {
    IoError: |error| match error {
        IoError::Unreadable { .. } => "unreadable",
        IoError::NotAScan { .. } => "not a scan",
        IoError::Damaged { .. } => "damaged",
        IoError::Unsupported { .. } => "unsupported",
        IoError::SeveralSeries { .. } => "several series",
        IoError::NoSuchSeries { .. } => "no such series",
        IoError::NoSuchFrame { .. } => "no such frame",
        IoError::NoSuchSequence { .. } => "no such sequence",
        IoError::NotLabels { .. } => "not labels",
        IoError::Output { .. } => "output",
        IoError::Cancelled(_) => "cancelled",
    };
}

impl IoError {
    /// An [`IoError::Unreadable`].
    pub fn unreadable(path: &Path, source: std::io::Error) -> Self {
        let path = path.to_owned();
        Self::Unreadable { path, source }
    }

    /// The [`IoError::NotLabels`] of a file that holds `frames` of them, where one is wanted.
    pub fn several_frames(path: &Path, frames: usize) -> Self {
        let reason =
            format!("it has {frames} frames; save the frame that is wanted as a file of its own");
        Self::not_labels(path, reason)
    }

    /// An [`IoError::NotAScan`].
    pub fn not_a_scan(path: &Path, reason: impl Into<String>) -> Self {
        let (path, reason) = (path.to_owned(), reason.into());
        Self::NotAScan { path, reason }
    }

    /// An [`IoError::Damaged`].
    pub fn damaged(path: &Path, reason: impl Into<String>) -> Self {
        let (path, reason) = (path.to_owned(), reason.into());
        Self::Damaged { path, reason }
    }

    /// An [`IoError::Unsupported`].
    pub fn unsupported(path: &Path, reason: impl Into<String>) -> Self {
        let (path, reason) = (path.to_owned(), reason.into());
        Self::Unsupported { path, reason }
    }

    /// An [`IoError::NotLabels`].
    pub fn not_labels(path: &Path, reason: impl Into<String>) -> Self {
        let (path, reason) = (path.to_owned(), reason.into());
        Self::NotLabels { path, reason }
    }

    /// An [`IoError::Output`].
    pub fn output(path: &Path, reason: impl Into<String>) -> Self {
        let (path, reason) = (path.to_owned(), reason.into());
        Self::Output { path, reason }
    }
}

/// What the operating system says, in words that all systems share where it is something that users meet.
fn words(source: &std::io::Error) -> String {
    match source.kind() {
        ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        _ => source.to_string(),
    }
}

/// What to do about a sequence that is not there.
fn frames_to_choose(slices: usize, frames: usize) -> String {
    match frames {
        1 => "it has one frame only, leave --frames-of-slice out".to_owned(),
        _ => format!("give --frames-of-slice 0 to {}", slices - 1),
    }
}

/// What to do about a series that is not there.
fn series_to_choose(series: &[SeriesInfo]) -> String {
    match series {
        [] => "only DICOM has series, so leave it out".to_owned(),
        _ => format!("it holds: {}", listing(series)),
    }
}

/// The series in one line, for a message.
fn listing(series: &[SeriesInfo]) -> String {
    let one = |s: &SeriesInfo| {
        let [ni, nj, nk] = s.dims;
        let SeriesInfo {
            uid,
            modality,
            description,
            images,
            ..
        } = s;
        format!("{uid} ({modality}, {ni}x{nj}x{nk}, {images} images, {description:?})")
    };
    series.iter().map(one).collect::<Vec<_>>().join("; ")
}
