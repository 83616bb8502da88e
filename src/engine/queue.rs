//! The order of jobs, and which make others pointless. No threads here.

use std::cmp::Reverse;
use std::collections::VecDeque;

use crate::util::CancelToken;

use super::{JobId, Request};

/// Who asks, where several share an engine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Asker(pub u64);

/// Which jobs go before which, the last first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Nobody has asked for it, and only the latest matters.
    Preview,
    /// Takes hours.
    Training,
    /// Nobody waits for it, as for what is computed ahead.
    Background,
    /// A user waits for it and does something else meanwhile.
    Automatic,
    /// A user waits for it with the mouse in hand, and only the latest matters.
    Prompt,
    /// Is done at once.
    Upkeep,
}

impl Request {
    /// What the request goes before.
    pub fn priority(&self) -> Priority {
        match self {
            Self::Training { .. } => Priority::Training,
            Self::Background { .. } => Priority::Background,
            Self::Auto { .. } => Priority::Automatic,
            Self::Prompt { .. } => Priority::Prompt,
            Self::Preview { .. } => Priority::Preview,
            Self::DropCaches => Priority::Upkeep,
        }
    }
}

impl Priority {
    /// Whether a new job makes others pointless, waiting or running.
    fn supersedes(self, other: Self) -> bool {
        match self {
            Self::Prompt => matches!(other, Self::Prompt | Self::Preview),
            Self::Preview => other == Self::Preview,
            _ => false,
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
    /// The job runs, or gives way in the middle of its work; it was told to stop and reports its own end.
    Stopping,
    /// No such job is here any more.
    Unknown,
}

struct Waiting {
    id: JobId,
    asker: Asker,
    request: Request,
}

struct Running {
    id: JobId,
    asker: Asker,
    priority: Priority,
    cancel: CancelToken,
}

/// Jobs that wait, the one that runs, and those that give way to it in the middle of their work.
///
/// Rules: a new prompt supersedes prompts that wait or run (the latest wins), and previews; a new preview supersedes
/// previews; neither supersedes what another asked. Jobs of a higher [`Priority`] run before others, those under way
/// included; within a priority the order is kept.
#[derive(Default)]
pub struct Queue {
    waiting: VecDeque<Waiting>,
    /// In the order in which they began: the last one runs, and each of the others gives way to the next.
    running: Vec<Running>,
}

impl Queue {
    /// Adds a job and applies the rules.
    pub fn push(&mut self, id: JobId, request: Request) -> Superseded {
        self.push_of(Asker::default(), id, request)
    }

    /// As [`Self::push`], for one of several who ask.
    pub fn push_of(&mut self, asker: Asker, id: JobId, request: Request) -> Superseded {
        let mut superseded = Superseded::default();
        let priority = request.priority();
        self.waiting.retain(|waiting| {
            let is_own = waiting.asker == asker;
            let keeps = !is_own || !priority.supersedes(waiting.request.priority());
            if !keeps {
                superseded.dropped.push(waiting.id);
            }
            keeps
        });
        let own = self.running.iter().filter(|r| r.asker == asker);
        for pointless in own.filter(|r| priority.supersedes(r.priority)) {
            pointless.cancel.cancel();
            superseded.stopping = Some(pointless.id);
        }
        self.waiting.push_back(Waiting { id, asker, request });
        superseded
    }

    /// Takes the next job to run, with the token that stops it; `None` where none waits that goes before the one that
    /// runs. The one that runs gives way until the job is [finished](Self::finish).
    pub fn take(&mut self) -> Option<(JobId, Request, CancelToken)> {
        let priority_of = |at: usize| self.waiting[at].request.priority();
        let at = (0..self.waiting.len()).max_by_key(|&at| (priority_of(at), Reverse(at)))?;
        let priority = priority_of(at);
        if self.running.last().is_some_and(|r| r.priority >= priority) {
            return None;
        }
        let Waiting { id, asker, request } = self.waiting.remove(at)?;
        let cancel = CancelToken::default();
        self.running.push(Running {
            id,
            asker,
            priority,
            cancel: cancel.clone(),
        });
        Some((id, request, cancel))
    }

    /// The running job has ended; the one that gave way to it goes on.
    pub fn finish(&mut self) {
        self.running.pop();
    }

    /// Takes a waiting job out, or tells one that has begun to stop.
    pub fn cancel(&mut self, id: JobId) -> CancelOutcome {
        if let Some(at) = self.waiting.iter().position(|waiting| waiting.id == id) {
            self.waiting.remove(at);
            return CancelOutcome::Removed;
        }
        match self.running.iter().find(|r| r.id == id) {
            Some(running) => {
                running.cancel.cancel();
                CancelOutcome::Stopping
            }
            None => CancelOutcome::Unknown,
        }
    }

    /// Empties the queue and tells all jobs that have begun to stop.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.stop_begun();
    }

    /// Tells all jobs that have begun to stop.
    pub(super) fn stop_begun(&self) {
        for running in &self.running {
            running.cancel.cancel();
        }
    }

    /// Number of jobs that wait and have not begun.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether no job waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
