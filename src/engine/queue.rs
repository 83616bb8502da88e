//! The order of jobs, and which make others pointless. No threads here.

use std::collections::VecDeque;

use crate::util::CancelToken;

use super::{JobId, Request};

/// What the queue's rules look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// [`Request::Auto`].
    Auto,
    /// [`Request::Prompt`]: a user waits for it, and only the latest matters.
    Prompt,
    /// [`Request::DropCaches`].
    DropCaches,
}

impl Request {
    /// The kind of request.
    pub fn kind(&self) -> RequestKind {
        match self {
            Self::Auto { .. } => RequestKind::Auto,
            Self::Prompt { .. } => RequestKind::Prompt,
            Self::DropCaches => RequestKind::DropCaches,
        }
    }
}

/// What a new job made pointless.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Superseded {
    /// Jobs that left the queue without having run.
    pub dropped: Vec<JobId>,
    /// The running job, which was told to stop and reports its own end.
    pub stopping: Option<JobId>,
}

/// What became of a wish to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelOutcome {
    /// The job waited and was taken out.
    Removed,
    /// The job runs; it was told to stop and reports its own end.
    Stopping,
    /// No such job is here any more.
    Unknown,
}

struct Running {
    id: JobId,
    kind: RequestKind,
    cancel: CancelToken,
}

/// Jobs that wait, and the one that runs.
///
/// Rules: a new prompt supersedes prompts that wait or run (the latest wins). Prompts run before automatic
/// jobs, because a user waits for them; within a kind the order is kept.
#[derive(Default)]
pub struct Queue {
    waiting: VecDeque<(JobId, Request)>,
    running: Option<Running>,
}

impl Queue {
    /// Adds a job and applies the rules.
    pub fn push(&mut self, id: JobId, request: Request) -> Superseded {
        let mut superseded = Superseded::default();
        if request.kind() == RequestKind::Prompt {
            self.waiting.retain(|(waiting, other)| {
                let keeps = other.kind() != RequestKind::Prompt;
                if !keeps {
                    superseded.dropped.push(*waiting);
                }
                keeps
            });
            if let Some(running) = &self.running
                && running.kind == RequestKind::Prompt
            {
                running.cancel.cancel();
                superseded.stopping = Some(running.id);
            }
        }
        self.waiting.push_back((id, request));
        superseded
    }

    /// Takes the next job to run, with the token that stops it.
    ///
    /// # Panics
    /// If the job before was not [finished](Self::finish).
    pub fn take(&mut self) -> Option<(JobId, Request, CancelToken)> {
        assert!(self.running.is_none(), "one job runs at a time");
        let first_of = |kind| self.waiting.iter().position(|(_, r)| r.kind() == kind);
        let at = first_of(RequestKind::DropCaches)
            .or_else(|| first_of(RequestKind::Prompt))
            .or_else(|| first_of(RequestKind::Auto))?;
        let (id, request) = self.waiting.remove(at)?;
        let cancel = CancelToken::default();
        self.running = Some(Running {
            id,
            kind: request.kind(),
            cancel: cancel.clone(),
        });
        Some((id, request, cancel))
    }

    /// The running job has ended.
    pub fn finish(&mut self) {
        self.running = None;
    }

    /// Takes a waiting job out, or tells the running one to stop.
    pub fn cancel(&mut self, id: JobId) -> CancelOutcome {
        if let Some(at) = self.waiting.iter().position(|(waiting, _)| *waiting == id) {
            self.waiting.remove(at);
            return CancelOutcome::Removed;
        }
        match &self.running {
            Some(running) if running.id == id => {
                running.cancel.cancel();
                CancelOutcome::Stopping
            }
            _ => CancelOutcome::Unknown,
        }
    }

    /// Empties the queue and tells the running job to stop.
    pub fn clear(&mut self) {
        self.waiting.clear();
        if let Some(running) = &self.running {
            running.cancel.cancel();
        }
    }

    /// Number of jobs that wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether no job waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
