//! What a run of teaching leaves beside its output until it is done, so that it can go on after a kill: checkpoints of
//! increments, the scores of the folds, what a teacher answered, and what a frozen encoder made of slices. No pixels.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use crate::io::atomic::replace_file;
use crate::models::TaughtBy;
use crate::models::checksum::checksum;

use super::super::TrainError;
use super::super::checkpoint::{failed, write_text};
use super::gate::CaseScores;

const IDENTITY: &str = "teaching.toml";

/// Which run it is.
#[derive(Serialize, Deserialize, PartialEq)]
pub(super) struct Identity {
    pub base_sha256: String,
    pub method: String,
    pub steps: usize,
    pub folds: usize,
    /// Of scans and labels, and of which are left out together.
    pub cases_sha256: String,
    /// Whose answers are learnt too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<TaughtBy>,
}

#[derive(Serialize, Deserialize)]
struct FoldScores {
    cases: Vec<CaseScores>,
}

/// Whether a run goes on from what an earlier one left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// It begins anew.
    Never,
    /// Where that was the same run.
    WherePossible,
    /// It is refused where there is nothing to go on from.
    Required,
}

/// The folder of a run.
pub(super) struct State {
    folder: PathBuf,
}

impl State {
    /// Begins anew, or goes on from what is there.
    ///
    /// # Errors
    /// Nothing to go on from, the state of another run, a folder that cannot be written.
    pub fn open(out: &Path, identity: &Identity, resume: Resume) -> Result<Self, TrainError> {
        let folder = folder_of(out);
        let path = folder.join(IDENTITY);
        match (resume, found(&path, identity)) {
            (Resume::Never, _) => {}
            (Resume::WherePossible | Resume::Required, Ok(())) => return Ok(Self { folder }),
            (Resume::WherePossible, Err(_)) => {}
            (Resume::Required, Err(reason)) => return Err(failed(&path, reason)),
        }
        if path.exists() {
            std::fs::remove_dir_all(&folder).map_err(|e| failed(&folder, e))?;
        }
        std::fs::create_dir_all(&folder).map_err(|e| failed(&folder, e))?;
        let text = toml::to_string(identity).map_err(|e| failed(&path, e))?;
        write_text(&path, &text)?;
        Ok(Self { folder })
    }

    /// Where a training run keeps its checkpoints.
    pub fn run(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where what a frozen encoder made of the cases is kept, to be read in every run.
    pub fn encoded(&self) -> PathBuf {
        self.folder.join("encoded")
    }

    /// The scores of a fold that was done before.
    pub fn scores(&self, fold: usize) -> Option<Vec<CaseScores>> {
        let text = std::fs::read_to_string(self.scores_path(fold)).ok()?;
        toml::from_str(&text).ok().map(|f: FoldScores| f.cases)
    }

    /// Keeps the scores of a fold; its checkpoints are not needed any more.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn keep_scores(&self, fold: usize, cases: Vec<CaseScores>) -> Result<(), TrainError> {
        let path = self.scores_path(fold);
        let text = toml::to_string(&FoldScores { cases }).map_err(|e| failed(&path, e))?;
        write_text(&path, &text)
    }

    /// What a teacher answered on a case in an earlier run, where that is of so many voxels.
    pub fn answer(&self, case: usize, voxels: usize) -> Option<Vec<u8>> {
        let file = std::fs::File::open(self.answer_path(case)).ok()?;
        let mut percent = Vec::with_capacity(voxels);
        // One more than there may be, so that a longer one is noticed.
        let most = voxels as u64 + 1;
        GzDecoder::new(file)
            .take(most)
            .read_to_end(&mut percent)
            .ok()?;
        Some(percent).filter(|p| p.len() == voxels && p.iter().all(|&p| p <= 100))
    }

    /// Keeps what a teacher answered on a case, in percent of each voxel.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn keep_answer(&self, case: usize, percent: &[u8]) -> Result<(), TrainError> {
        let write = |file: &mut std::fs::File| {
            let mut packed = GzEncoder::new(file, Compression::fast());
            packed.write_all(percent)?;
            packed.finish().map(|_| ())
        };
        Ok(replace_file(&self.answer_path(case), write, |_| Ok(()))?)
    }

    fn answer_path(&self, case: usize) -> PathBuf {
        self.folder.join(format!("answer_{case}.gz"))
    }

    fn scores_path(&self, fold: usize) -> PathBuf {
        self.folder.join(format!("fold_{fold}.toml"))
    }

    /// Removes all of it. What stays behind does no harm.
    pub fn remove(self) {
        if std::fs::remove_dir_all(&self.folder).is_err() {
            tracing::warn!("the state of a finished teaching could not be removed");
        }
    }
}

/// The folder beside an adapter that is being taught.
fn folder_of(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".teaching");
    out.with_file_name(name)
}

/// Why a run cannot go on from what is at a path.
fn found(path: &Path, identity: &Identity) -> Result<(), String> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| format!("there is none to go on from ({e}); start without --resume"))?;
    let found: Identity = toml::from_str(&text).map_err(|e| e.message().to_owned())?;
    if found == *identity {
        return Ok(());
    }
    Err("it is of other cases, another model, another method or another teacher; start without --resume".to_owned())
}

/// A checksum of numbers.
pub(super) fn digest(parts: impl Iterator<Item = u64>) -> String {
    let bytes: Vec<u8> = parts.flat_map(u64::to_le_bytes).collect();
    checksum(&bytes)
}
