//! How a long job tells how far it is, and hears that it is no longer wanted.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Asks a job to stop; cloned freely, checked by the job between steps.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Asks the job to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the job was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The job was asked to stop and did; not an error to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

type Report = Arc<dyn Fn(f32, &str) + Send + Sync>;

/// What a long job is given: where to report progress, and whether to go on.
#[derive(Clone)]
pub struct JobContext {
    cancel: CancelToken,
    report: Report,
}

impl JobContext {
    /// A context that reports to `report(fraction 0..=1, stage)` and stops on `cancel`.
    pub fn new(cancel: CancelToken, report: impl Fn(f32, &str) + Send + Sync + 'static) -> Self {
        Self {
            cancel,
            report: Arc::new(report),
        }
    }

    /// A context that reports nowhere and is never cancelled.
    pub fn silent() -> Self {
        Self::new(CancelToken::default(), |_, _| {})
    }

    /// Reports the fraction done and the stage, or stops a cancelled job.
    pub fn step(&self, fraction: f32, stage: &str) -> Result<(), Cancelled> {
        self.check()?;
        (self.report)(fraction.clamp(0.0, 1.0), stage);
        Ok(())
    }

    /// Stops a cancelled job.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.cancel.is_cancelled() {
            return Err(Cancelled);
        }
        Ok(())
    }
}

impl fmt::Debug for JobContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobContext")
            .field("cancel", &self.cancel)
            .finish_non_exhaustive()
    }
}
