//! Checkpoint files as their authors publish them, and how their tensors reach our modules.
//!
//! A [`TensorFile`] is a file on disk, a [`WeightMap`] a choice of its tensors under the names that a network
//! expects, and a [`Loader`] hands them to modules and keeps account of what was missing, misshapen or left over.

mod burnpack;
mod export;
mod fill;
mod loader;
mod pickle_globals;
mod plain_values;
mod tensor_file;
mod weight_map;

pub use burnpack::{Precision, write_burnpack};
pub use export::export;
pub use fill::{Missing, fill};
pub(crate) use loader::normal;
pub use loader::{Init, Loader, ParamEntry, Scope};
pub use plain_values::{pickled_values, plain_values};
pub use tensor_file::{HostTensor, TensorFile};
pub use weight_map::WeightMap;

use std::path::{Path, PathBuf};

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file cannot be read, or is not what its name says.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The tensors are not those of the network.
    #[error("the tensors do not fit {network}: {}", summary(problems))]
    Misfit {
        /// What they were loaded into.
        network: String,
        /// One line for each tensor that is missing, misshapen, damaged or unexpected.
        problems: Vec<String>,
    },
}

impl CheckpointError {
    /// What is wrong with tensors or settings for a network.
    pub(crate) fn misfit(network: &str, problem: impl Into<String>) -> Self {
        Self::Misfit {
            network: network.to_owned(),
            problems: vec![problem.into()],
        }
    }

    pub(crate) fn file(path: &Path, reason: impl Into<String>) -> Self {
        Self::File {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}

/// The first few problems and how many more there are, so that a message stays one line.
fn summary(problems: &[String]) -> String {
    const SHOWN: usize = 6;
    let mut text = problems
        .iter()
        .take(SHOWN)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join("; ");
    if problems.len() > SHOWN {
        text.push_str(&format!("; and {} more", problems.len() - SHOWN));
    }
    text
}
