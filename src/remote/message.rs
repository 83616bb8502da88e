//! What is said after the greeting: [`Welcome`] by who serves, then [`Ask`]s there and [`Tell`]s back, in any order.

use serde::{Deserialize, Serialize};

use super::coding::answer::{FoundForm, PromptedForm};
use super::coding::asked::AskedForm;
use super::coding::lesson::{CaseForm, LessonForm};
use super::coding::scan::ScanForm;

/// What is served. The card is its TOML, as beside weights.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Welcome {
    pub(super) card: String,
    /// What computes, in words.
    pub(super) device: String,
}

/// What who serves is asked. Scans and jobs have numbers that who asks gives them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Ask {
    /// A scan follows, piece by piece.
    Scan { scan: u64, form: ScanForm },
    /// The next piece of a scan, which is the only part.
    Piece { scan: u64 },
    /// Find structures without a prompt; the first scan is the image, the others its other channels.
    Auto {
        job: u64,
        scans: Vec<u64>,
        structures: Option<Vec<String>>,
    },
    /// Segment what is pointed at, or only preview it.
    Prompt {
        job: u64,
        scan: u64,
        asked: AskedForm,
        is_preview: bool,
    },
    /// A scan is a case of the next lesson; its labels are the only part, as runs. It is forgotten with the lesson.
    Case { scan: u64, case: CaseForm },
    /// Teach from the cases that came so far.
    Teach { job: u64, lesson: LessonForm },
    /// Stop a job.
    Cancel { job: u64 },
    /// Forget scans.
    Forget { scans: Vec<u64> },
    /// Forget all scans, and what is cached of them.
    ForgetAll,
}

/// What who serves tells.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Tell {
    /// Still here.
    Beat,
    /// A job is under way.
    Progress {
        job: u64,
        fraction: f32,
        stage: String,
    },
    /// The end of a job: what was found without a prompt.
    Found { job: u64, result: FoundForm },
    /// The end of a job: the target of prompts.
    Prompted { job: u64, result: PromptedForm },
    /// The end of a job: what a prompt would give, as a mask that is the only part.
    Previewed { job: u64 },
    /// How a lesson goes on, which is the only part.
    Seen { job: u64 },
    /// The end of a job: what a lesson came to, and behind that its adapter, where there is one.
    Taught { job: u64 },
    /// The end of a job: one of its scans is not there, or not any more.
    Missing { job: u64 },
    /// The end of a job: why it could not be done.
    Failed { job: u64, reason: String },
    /// The end of a job: it was cancelled.
    Cancelled { job: u64 },
}

impl Tell {
    /// The job that it tells of.
    pub(super) fn job(&self) -> Option<u64> {
        match self {
            Self::Beat => None,
            Self::Progress { job, .. }
            | Self::Found { job, .. }
            | Self::Prompted { job, .. }
            | Self::Previewed { job }
            | Self::Seen { job }
            | Self::Taught { job }
            | Self::Missing { job }
            | Self::Failed { job, .. }
            | Self::Cancelled { job } => Some(*job),
        }
    }
}
