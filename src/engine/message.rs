//! What goes into the engine and what comes out.

use std::sync::Arc;

use crate::models::{
    AutoResult, ComputeDevice, ModelCard, ModelError, PromptedResult, ScanKey, Segmenter,
};
use crate::prompt::PromptSet;
use crate::util::JobContext;
use crate::volume::{ImageVolume, Mask};

/// Names a submitted request in events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u64);

/// What the engine is asked to do.
#[derive(Debug, Clone)]
pub enum Request {
    /// Find the model's structures without a prompt.
    Auto {
        /// Identifies the scan for caches.
        scan: ScanKey,
        /// The scan.
        image: Arc<ImageVolume>,
        /// Only these (names of the model card); `None`: all.
        structures: Option<Vec<String>>,
    },
    /// Segment what is pointed at.
    Prompt {
        /// Identifies the scan for caches.
        scan: ScanKey,
        /// The scan.
        image: Arc<ImageVolume>,
        /// Clicks and box on the scan's grid.
        prompts: PromptSet,
        /// The target so far, on the scan's grid; refined, not merged.
        prior: Option<Arc<Mask>>,
    },
    /// Work that nobody waits for, such as teaching or computing ahead. Everything else goes first.
    Background {
        /// What to do.
        task: Task,
    },
    /// Forget what is cached of scans.
    DropCaches,
}

type Work = dyn Fn(&dyn Segmenter, &JobContext) -> Result<(), ModelError> + Send + Sync;

/// Work with the loaded model on the engine's thread. It polls its context often: clicks wait until it does.
#[derive(Clone)]
pub struct Task(Arc<Work>);

impl Task {
    /// A task that does `work`; what it makes goes where `work` sends it.
    pub fn new(
        work: impl Fn(&dyn Segmenter, &JobContext) -> Result<(), ModelError> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(work))
    }

    pub(super) fn run(&self, model: &dyn Segmenter, ctx: &JobContext) -> Result<(), ModelError> {
        (self.0)(model, ctx)
    }
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Task")
    }
}

/// What happened in the engine.
#[derive(Debug, Clone)]
pub enum Event {
    /// The model is open.
    ModelReady {
        /// What it is.
        card: Box<ModelCard>,
        /// Where it computes.
        device: ComputeDevice,
    },
    /// The model could not be opened; every job will fail.
    ModelFailed {
        /// One line for the user.
        message: String,
    },
    /// A job left the queue.
    Started {
        /// The job.
        id: JobId,
    },
    /// A job is under way; at most every 50 ms.
    Progress {
        /// The job.
        id: JobId,
        /// Part done, 0..=1.
        fraction: f32,
        /// What it is doing.
        stage: String,
    },
    /// An automatic job ended well.
    FinishedAuto {
        /// The job.
        id: JobId,
        /// What was found.
        result: AutoResult,
        /// Wall time of the job, with what went before it meanwhile.
        seconds: f64,
    },
    /// A prompted job ended well.
    FinishedPrompt {
        /// The job.
        id: JobId,
        /// The target.
        result: PromptedResult,
        /// Wall time of the job, with what went before it meanwhile.
        seconds: f64,
    },
    /// A background job ended well.
    FinishedBackground {
        /// The job.
        id: JobId,
        /// Wall time of the job, with what went before it meanwhile.
        seconds: f64,
    },
    /// The job ended without a result.
    Failed {
        /// The job.
        id: JobId,
        /// One line for the user.
        message: String,
    },
    /// The job was cancelled or superseded.
    Cancelled {
        /// The job.
        id: JobId,
    },
}
