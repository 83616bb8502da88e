//! What is under way, for the status bar.

use std::time::Instant;

use crate::engine::JobId;
use crate::session::Ticket;
use crate::ui::model::{Job, JobNumber};

use super::worker::WorkId;

/// Who does a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The file thread.
    File(WorkId),
    /// The network thread.
    Network(WorkId),
    /// The engine, for a request of the session.
    Engine(JobId, Ticket),
    /// The engine, for a lesson.
    Lesson(JobId),
}

/// The jobs under way.
#[derive(Debug, Default)]
pub struct Jobs {
    shown: Vec<Job>,
    owners: Vec<Owner>,
    next_number: u64,
}

impl Jobs {
    /// The jobs as the status bar shows them, the oldest first.
    pub fn shown(&self) -> &[Job] {
        &self.shown
    }

    /// Adds a job.
    pub fn add(&mut self, owner: Owner, title: &str, cancellable: bool) {
        self.shown.push(Job {
            number: JobNumber(self.next_number),
            title: title.to_owned(),
            stage: String::new(),
            fraction: None,
            cancellable,
            since: Instant::now(),
        });
        self.owners.push(owner);
        self.next_number += 1;
    }

    /// Takes over a report of progress.
    pub fn progress(&mut self, is_it: impl Fn(Owner) -> bool, fraction: f32, stage: String) {
        if let Some(at) = self.owners.iter().position(|o| is_it(*o)) {
            self.shown[at].fraction = Some(fraction);
            self.shown[at].stage = stage;
        }
    }

    /// Removes a job and gives its owner.
    pub fn remove(&mut self, is_it: impl Fn(Owner) -> bool) -> Option<Owner> {
        let at = self.owners.iter().position(|o| is_it(*o))?;
        self.shown.remove(at);
        Some(self.owners.remove(at))
    }

    /// The owner that fits.
    pub fn find(&self, is_it: impl Fn(Owner) -> bool) -> Option<Owner> {
        self.owners.iter().copied().find(|o| is_it(*o))
    }

    /// The owner of a job in the status bar.
    pub fn owner(&self, number: JobNumber) -> Option<Owner> {
        let at = self.shown.iter().position(|j| j.number == number)?;
        self.owners.get(at).copied()
    }
}

impl Owner {
    /// Whether this is a job of the engine with this id.
    pub fn is_engine(self, id: JobId) -> bool {
        matches!(self, Self::Engine(own, _) | Self::Lesson(own) if own == id)
    }

    /// Whether this is a job of the engine for this ticket.
    pub fn is_for(self, ticket: Ticket) -> bool {
        matches!(self, Self::Engine(_, own) if own == ticket)
    }

    /// Whether this is a job of the network thread with this id.
    pub fn is_network(self, id: WorkId) -> bool {
        self == Self::Network(id)
    }

    /// Whether this is a job of the file thread with this id.
    pub fn is_file(self, id: WorkId) -> bool {
        self == Self::File(id)
    }
}
