//! What goes into the engine and what comes out.

use std::sync::Arc;

use crate::models::{AutoResult, ComputeDevice, ModelCard, PromptedResult, ScanKey};
use crate::prompt::PromptSet;
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
    /// Forget what is cached of scans.
    DropCaches,
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
        /// Wall time of the job.
        seconds: f64,
    },
    /// A prompted job ended well.
    FinishedPrompt {
        /// The job.
        id: JobId,
        /// The target.
        result: PromptedResult,
        /// Wall time of the job.
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
