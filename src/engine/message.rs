//! What goes into the engine and what comes out.

use std::error::Error;
use std::sync::Arc;

use crate::models::{AutoResult, ComputeDevice, ModelCard, PromptedResult, ScanKey, Segmenter};
use crate::prompt::Asked;
use crate::util::JobContext;
use crate::volume::ImageVolume;
use crate::volume::morphology::Crop;

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
        /// Other images of its grid, where the model takes several.
        others: Vec<Arc<ImageVolume>>,
        /// Only these (names of the model card); `None`: all.
        structures: Option<Vec<String>>,
    },
    /// Segment what is pointed at.
    Prompt {
        /// Identifies the scan for caches.
        scan: ScanKey,
        /// The scan.
        image: Arc<ImageVolume>,
        /// What is asked, on the scan's grid.
        asked: Asked,
    },
    /// What a prompt would find that nobody has made yet. Everything else goes first, and what comes later is answered as if
    /// this had never been asked.
    Preview {
        /// Identifies the scan for caches.
        scan: ScanKey,
        /// The scan.
        image: Arc<ImageVolume>,
        /// What would be asked, on the scan's grid.
        asked: Asked,
    },
    /// Work that nobody waits for, such as computing ahead. What a user waits for goes first.
    Background {
        /// What to do.
        task: Task,
    },
    /// Training, which takes hours. Everything else goes first.
    Training {
        /// What to do.
        task: Task,
    },
    /// Forget what is cached of scans.
    DropCaches,
}

/// Why a job ended without a result.
pub(super) type Failure = Box<dyn Error + Send + Sync>;
type WithModel = dyn Fn(&dyn Segmenter, &JobContext) -> Result<(), Failure> + Send + Sync;
type WithoutModel = dyn Fn(&JobContext) -> Result<(), Failure> + Send + Sync;

/// Work on the engine's thread. It polls its context often: clicks wait until it does. What it makes goes where the work
/// sends it.
#[derive(Clone)]
pub struct Task(Work);

#[derive(Clone)]
enum Work {
    WithModel(Arc<WithModel>),
    WithoutModel(Arc<WithoutModel>),
}

impl Task {
    /// Work with the loaded model.
    pub fn new<E: Error + Send + Sync + 'static>(
        work: impl Fn(&dyn Segmenter, &JobContext) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        Self(Work::WithModel(Arc::new(move |model, ctx| {
            Ok(work(model, ctx)?)
        })))
    }

    /// Work that the loaded model is not needed for, such as training another.
    pub fn without_model<E: Error + Send + Sync + 'static>(
        work: impl Fn(&JobContext) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        Self(Work::WithoutModel(Arc::new(move |ctx| Ok(work(ctx)?))))
    }

    /// Does it; `model` says why there is none.
    pub(super) fn run(
        &self,
        model: Result<&dyn Segmenter, String>,
        ctx: &JobContext,
    ) -> Result<(), Failure> {
        match &self.0 {
            Work::WithModel(work) => work(model?, ctx),
            Work::WithoutModel(work) => work(ctx),
        }
    }
}

impl Request {
    /// Whether it can be done by an engine that has a model, and by no other.
    pub(super) fn needs_model(&self) -> bool {
        match self {
            Self::Background { task } | Self::Training { task } => {
                matches!(task.0, Work::WithModel(_))
            }
            Self::Auto { .. } | Self::Prompt { .. } | Self::Preview { .. } | Self::DropCaches => {
                true
            }
        }
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
    /// A preview ended well.
    FinishedPreview {
        /// The job.
        id: JobId,
        /// What would be found, if anything.
        region: Option<Crop>,
    },
    /// A task ended well.
    FinishedTask {
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
