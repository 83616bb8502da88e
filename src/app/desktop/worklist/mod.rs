//! The worklist of an annotation project in the window: its cases are opened one after another, and saved under the
//! reader's name.

mod ahead;
mod clock;
mod flow;
mod ranking;
mod read;
mod thumbnails;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::project::{Entry, Measure, Project, Role, is_plain_name};
use crate::session::settings::Settings;
use crate::ui::model::Worklist as Shown;
use crate::util::short_debug;

use super::worker::Worker;

pub use read::{CaseRead, CaseSaved, ProjectRead};

use ahead::{Ahead, FoundAhead, Organs};
use clock::Clock;
use ranking::Ranking;
use thumbnails::Thumbnails;

/// The project that is open in the window, if one is.
pub struct Worklist {
    /// Reads the case that comes next while this one is worked on.
    ahead: Worker<Option<Box<CaseRead>>>,
    found: FoundAhead,
    thumbnails: Thumbnails,
    ranking: Ranking,
    open: Option<Open>,
}

struct Open {
    project: Arc<Project>,
    shown: Shown,
    current: Option<Current>,
    /// The case that comes next, once it was read.
    ahead: Ahead,
}

/// The case that is worked on.
struct Current {
    /// The reader's label map of it.
    labels: PathBuf,
    role: Role,
    clock: Clock,
    used: Used,
    /// Steps of editing that were written down.
    saved_steps: usize,
}

/// How often the model was asked since the last save.
#[derive(Debug, Clone, Copy, Default)]
struct Used {
    automatic: usize,
    prompted: usize,
}

short_debug! {
    Worklist: |worklist| format_args!("a worklist, open: {}", worklist.open.is_some());
}

impl Worklist {
    /// No project; `waker` is called when a case was read ahead.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new(waker: impl Fn() + Clone + Send + Sync + 'static) -> std::io::Result<Self> {
        Ok(Self {
            ahead: Worker::start("next case", waker.clone())?,
            found: FoundAhead::new(),
            thumbnails: Thumbnails::new(waker.clone())?,
            ranking: Ranking::new(waker)?,
            open: None,
        })
    }

    /// What is shown of it.
    pub fn shown(&self) -> Option<&Shown> {
        self.open.as_ref().map(|open| &open.shown)
    }

    /// Whether a case is being read or looked at ahead or ranked, or a picture of one is made.
    pub fn is_reading(&self) -> bool {
        let is_ahead = |open: &Open| {
            let looks = matches!(open.ahead, Ahead::Read(_, Organs::Asked(_)));
            looks || matches!(open.ahead, Ahead::Reading)
        };
        let is_looking = self.thumbnails.is_running() || self.ranking.is_running();
        is_looking || self.open.as_ref().is_some_and(is_ahead)
    }

    /// The reader's label map of the case that is worked on.
    pub fn labels_path(&self) -> Option<&Path> {
        Some(&self.open.as_ref()?.current.as_ref()?.labels)
    }

    /// The user did something just now: time spent on the case.
    pub fn active(&mut self) {
        if let Some(current) = self.current_mut() {
            current.clock.active(Instant::now());
        }
    }

    /// The model was asked for organs.
    pub fn asked_automatic(&mut self) {
        if let Some(current) = self.current_mut() {
            current.used.automatic += 1;
        }
    }

    /// The model was asked for the target of prompts.
    pub fn asked_prompted(&mut self) {
        if let Some(current) = self.current_mut() {
            current.used.prompted += 1;
        }
    }

    /// Another scan is about to be shown, which is none of its cases.
    pub fn leave_case(&mut self) {
        if let Some(open) = &mut self.open {
            open.current = None;
            open.shown.current = None;
        }
    }

    fn current_mut(&mut self) -> Option<&mut Current> {
        self.open.as_mut()?.current.as_mut()
    }
}

impl Open {
    /// From now on this case is worked on.
    fn begin(&mut self, id: String, labels: PathBuf, role: Role) {
        self.shown.current = Some(id);
        self.current = Some(Current {
            labels,
            role,
            clock: Clock::default(),
            used: Used::default(),
            saved_steps: 0,
        });
    }

    /// The case that comes after the current one in the list, beginning anew at its end, or the first one by a measure; `None`
    /// when nothing is left.
    fn next_case(&self, by: Option<Measure>) -> Option<&str> {
        let mut entries: Vec<&Entry> = self.shown.entries.iter().collect();
        if let Some(measure) = by {
            measure.sort(&mut entries, |e| &e.rank);
        }
        let is_current = |e: &Entry| Some(&e.id) == self.shown.current.as_ref();
        let at = entries.iter().position(|e| is_current(e));
        let from = at.filter(|_| by.is_none()).map_or(0, |at| at + 1);
        let (before, after) = entries.split_at(from);
        let is_next = |e: &&&Entry| e.is_left() && !is_current(e);
        let next = after.iter().chain(before).find(is_next);
        next.map(|e| e.id.as_str())
    }

    fn entry(&self, id: &str) -> Option<&Entry> {
        self.shown.entries.iter().find(|e| e.id == id)
    }
}

impl Used {
    /// What stands in the audit table, which is the same in every language of the window.
    fn text(self) -> String {
        let parts = [(self.automatic, "automatic"), (self.prompted, "prompted")];
        let told = parts.iter().filter(|(n, _)| *n > 0);
        let told: Vec<String> = told.map(|(n, what)| format!("{n} {what}")).collect();
        told.join(", ")
    }
}

/// Under whose name cases are read: as last time, else the system's name of the user where it can be one.
fn reader_of(settings: &Settings) -> String {
    let of_system = || {
        let names = ["USER", "USERNAME"].into_iter();
        let mut found = names.filter_map(|variable| std::env::var(variable).ok());
        found.find(|name| is_plain_name(name))
    };
    let reader = settings.reader.clone().or_else(of_system);
    reader.unwrap_or_else(|| "reader".to_owned())
}
