//! A stage, or several after each other, on a scan.

use crate::models::ModelError;
use crate::models::nnunet::arrays::resampling::labels_of_logits;
use crate::models::nnunet::stage::Stage;

use super::prepare::{Prepared, ReaderScan};
use super::progress::Progress;
use super::windows::{Blending, Logits, Networks};

/// Labels of the scan in the reader's axes.
///
/// # Errors
/// Images that are missing, a device that fails, a job that was stopped.
pub fn run_stage(
    networks: &Networks<'_>,
    scan: &ReaderScan,
    previous: Option<&[u16]>,
    blending: Blending,
    progress: Progress<'_>,
) -> Result<Vec<u16>, ModelError> {
    progress.step(0.0, "preparing the scan")?;
    let prepared = Prepared::of(networks.stage, scan, previous)?;
    let logits = networks.logits(&prepared.input, blending, progress.between(0.05, 0.9))?;
    labels_of(
        networks.stage,
        &prepared,
        &logits,
        progress.between(0.9, 1.0),
    )
}

/// The label of each voxel of the scan, in the reader's axes.
///
/// # Errors
/// A job that was stopped.
pub fn labels_of(
    stage: &Stage,
    prepared: &Prepared,
    logits: &Logits,
    progress: Progress<'_>,
) -> Result<Vec<u16>, ModelError> {
    let back = prepared.change.inverse();
    let check = |done: f32| progress.step(done, "writing the labels");
    let heads = stage.outputs.heads();
    let labels = labels_of_logits(&logits.values, &heads, &back, stage.resample_logits, check)?;
    Ok(prepared.on_scan(&labels))
}
