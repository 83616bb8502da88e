//! How a long job tells how far it is, hears that it is no longer wanted, and lets what is more urgent go first.

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

    fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() {
            return Err(Cancelled);
        }
        Ok(())
    }
}

/// The job was asked to stop and did; not an error to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

type Report = Arc<dyn Fn(f32, &str) + Send + Sync>;
type GiveWay = Arc<dyn Fn() + Send + Sync>;

/// What a long job is given: where to report progress, whether to go on, and what goes first.
///
/// A job polls it between its pieces, and holds no lock there: other jobs may run on its thread meanwhile.
#[derive(Clone)]
pub struct JobContext {
    cancel: CancelToken,
    report: Report,
    give_way: Option<GiveWay>,
}

impl JobContext {
    /// A context that reports to `report(fraction 0..=1, stage)` and stops on `cancel`.
    pub fn new(cancel: CancelToken, report: impl Fn(f32, &str) + Send + Sync + 'static) -> Self {
        Self {
            cancel,
            report: Arc::new(report),
            give_way: None,
        }
    }

    /// A context that reports nowhere and is never cancelled.
    pub fn silent() -> Self {
        Self::new(CancelToken::default(), |_, _| {})
    }

    /// The context of a job that lets others go first: `give_way` does their work, wherever the job polls.
    #[must_use]
    pub fn giving_way(self, give_way: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            give_way: Some(Arc::new(give_way)),
            ..self
        }
    }

    /// The same for a part of the job that says nothing of its own progress.
    #[must_use]
    pub fn unreported(&self) -> Self {
        Self {
            report: Arc::new(|_, _| {}),
            ..self.clone()
        }
    }

    /// Reports the fraction done and the stage, or stops a cancelled job.
    ///
    /// # Errors
    /// Cancelled.
    pub fn step(&self, fraction: f32, stage: &str) -> Result<(), Cancelled> {
        self.check()?;
        (self.report)(fraction.clamp(0.0, 1.0), stage);
        Ok(())
    }

    /// Stops a cancelled job.
    ///
    /// # Errors
    /// Cancelled, before or while others went first.
    pub fn check(&self) -> Result<(), Cancelled> {
        self.cancel.check()?;
        match &self.give_way {
            Some(give_way) => {
                give_way();
                self.cancel.check()
            }
            None => Ok(()),
        }
    }
}

impl fmt::Debug for JobContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobContext")
            .field("cancel", &self.cancel)
            .finish_non_exhaustive()
    }
}
