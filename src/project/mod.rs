//! Annotation projects: which cases there are, who reads them, how far they are, how well readers agree.
//!
//! A project is a TOML file beside the patients' folders and a folder of small files of the same name (`store.rs`): one a
//! case, and one a case and reader with that reader's label map beside it. Paths are relative to the TOML file. Nobody
//! writes a file of somebody else, so that two people on a share, or two branches under git, do not meet; a file is
//! written beside the old one and renamed, and places at a case are taken by creating a file, which succeeds once
//! (`claim.rs`).

mod adjudication;
mod agreement;
mod claim;
mod clock;
mod consensus;
mod files;
mod ranking;
mod sources;
mod store;
mod template;

pub use agreement::{PairAgreement, agreement, kappa};
pub use clock::now;
pub use consensus::{Consensus, Method, consensus};
pub use files::{CaseFile, Event, LabelRule, ProjectFile, ReadingFile, State};
pub use ranking::{Between, Measure, Number, Rank, RankSources, WhyNot, disagreement};
pub use sources::{FoundCase, cases_in};
pub use store::{Entry, Next, Project, Reading, Role, Saved};
pub use template::missing_labels;

use std::path::{Path, PathBuf};

use crate::io::IoError;

/// Why something about a project is refused: what, where, what to do, in one line.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// A file of the project cannot be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A file of the project does not say what it should.
    #[error("{}: is not as a project's file should be: {reason}; mend it, or take an older copy", .path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// The line and what is wrong there.
        reason: String,
    },
    /// Anything else that the user can put right.
    #[error("{0}")]
    Refused(String),
}

impl ProjectError {
    pub(crate) fn broken(path: &Path, reason: impl ToString) -> Self {
        let reason = reason.to_string();
        let lines: Vec<&str> = reason.lines().map(str::trim).collect();
        Self::Broken {
            path: path.to_owned(),
            reason: lines.join(" "),
        }
    }

    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }
}

/// Whether a name can be that of a case or a reader: it becomes the name of files on every system.
pub fn is_plain_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    !name.is_empty() && name.len() <= 64 && name.chars().all(is_plain) && !name.starts_with('.')
}
