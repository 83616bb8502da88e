//! A stage on a scan.

use crate::models::ModelError;
use crate::models::nnunet::stage::Stage;

use super::prepare::{Prepared, ReaderScan};
use super::progress::Progress;
use super::sinks::LabelSink;
use super::windows::{Blending, Networks};

/// Labels of the scan in the reader's axes; `previous` are those that the stage before found.
///
/// # Errors
/// Images that are missing, a device that fails, a job that was stopped.
pub fn run_stage(
    networks: &Networks<'_>,
    scan: ReaderScan,
    previous: Option<Vec<u16>>,
    blending: Blending,
    progress: Progress<'_>,
) -> Result<Vec<u16>, ModelError> {
    progress.step(0.0, "preparing the scan")?;
    let prepared = Prepared::of(networks.stage, scan, previous)?;
    let mut labels = label_sink(networks.stage, &prepared);
    let windows = progress.between(0.05, 0.95);
    networks.blended(&prepared.input, blending, windows, &mut |block| {
        labels.take(block);
        Ok(())
    })?;
    labels_of(&prepared, labels, progress.between(0.95, 1.0))
}

/// What makes labels of the network's logits.
pub fn label_sink(stage: &Stage, prepared: &Prepared) -> LabelSink {
    let back = prepared.change.inverse();
    LabelSink::new(stage.outputs.heads(), back, stage.resample_logits)
}

/// The label of each voxel of the scan, in the reader's axes.
///
/// # Errors
/// A job that was stopped.
pub fn labels_of(
    prepared: &Prepared,
    labels: LabelSink,
    progress: Progress<'_>,
) -> Result<Vec<u16>, ModelError> {
    let labels = labels.finish(|done| progress.step(done, "writing the labels"))?;
    Ok(prepared.on_scan(&labels))
}
