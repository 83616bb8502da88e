//! What can be seen of a lesson while it goes on.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::models::TeacherAnswers;

use super::gate::CaseScores;

/// Something new to see.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Seen {
    /// A teacher answered on one more scan; before the lesson begins.
    Answered(TeacherAnswers),
    /// It begins: it learns once for each fold, and a last time from all cases where that may be kept.
    Begun {
        /// Parts that are left out in turn; none of a single case.
        folds: usize,
        /// Optimiser steps of each run.
        steps: usize,
    },
    /// A step was made.
    Step {
        /// The run, counted from 0; after those of the folds, the one from all cases.
        run: usize,
        /// Counted from 1.
        step: usize,
        /// The loss of its samples.
        loss: f64,
    },
    /// A fold is over, now or in the run that this one goes on from.
    Fold {
        /// Counted from 0.
        fold: usize,
        /// What the cases that it left out showed.
        cases: Vec<CaseScores>,
    },
}

/// Who is told of what can be seen, on the thread that learns.
#[derive(Clone)]
pub struct Watcher(Arc<dyn Fn(Seen) + Send + Sync>);

impl Watcher {
    /// Tells a function.
    pub fn new(tell: impl Fn(Seen) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Tells something.
    pub fn tell(&self, seen: Seen) {
        (self.0)(seen);
    }
}

impl Default for Watcher {
    /// Nobody watches.
    fn default() -> Self {
        Self::new(|_| {})
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}
