//! Why something inside a file is refused, before it is known which file to name.

use std::path::Path;

use crate::io::IoError;

/// A reason that can be kept and told more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The file contradicts itself or is incomplete.
    Damaged(String),
    /// The file is sound, but of a kind that is not read.
    Unsupported(String),
}

impl Refusal {
    pub fn damaged(reason: impl Into<String>) -> Self {
        Self::Damaged(reason.into())
    }

    pub fn unsupported(reason: impl Into<String>) -> Self {
        Self::Unsupported(reason.into())
    }

    /// The error that names the file or folder.
    pub fn at(self, path: &Path) -> IoError {
        match self {
            Self::Damaged(reason) => IoError::damaged(path, reason),
            Self::Unsupported(reason) => IoError::unsupported(path, reason),
        }
    }
}
