//! What a journal holds in short, for lists and questions: read from the beginnings of its records only.

use std::path::PathBuf;

use crate::session::ScanSource;
use crate::util::short_debug;

use super::bytes::{Coded, Input, Nonsense};
use super::coding::{self, Kind, StepHead};
use super::frame::Records;
use super::{ReplayError, replay};

/// What a journal holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Summary {
    /// The scan that it was drawn on.
    pub source: ScanSource,
    /// How many steps are in force: what undo can take back.
    pub steps: usize,
    /// The name of the last of them.
    pub last_step: Option<String>,
    /// The file that the labels were saved to last.
    pub labels_path: Option<PathBuf>,
    /// Whether that file has all of it, and nothing waits to be decided.
    pub is_saved: bool,
    /// Whether a part in the middle cannot be read, and with it all that follows.
    pub is_damaged: bool,
}

short_debug! {
    Summary: |summary| format_args!("{} steps on {:?}", summary.steps, summary.source);
}

/// The list of steps so far, as far as it matters here.
struct Tally {
    steps: Vec<StepHead>,
    in_force: usize,
    revision: u64,
    saved: Option<u64>,
    /// Whether a proposal stands.
    stands: bool,
}

impl Summary {
    /// Of a journal's bytes.
    ///
    /// # Errors
    /// There is not even a beginning.
    pub fn of(bytes: &[u8]) -> Result<Self, ReplayError> {
        let mut records = Records::of(bytes).ok_or_else(|| replay::refusal(bytes))?;
        let (_, payload) = records.next().ok_or(ReplayError::Empty)?;
        let begin = replay::begin_of(payload).map_err(|Nonsense| ReplayError::Empty)?;
        let mut tally = Tally {
            steps: Vec::new(),
            in_force: 0,
            revision: begin.revision,
            saved: begin.is_saved.then_some(begin.revision),
            stands: false,
        };
        let mut summary = Self {
            source: begin.source,
            steps: 0,
            last_step: None,
            labels_path: begin.labels_path,
            is_saved: false,
            is_damaged: false,
        };
        let is_legible = records
            .by_ref()
            .all(|(_, payload)| summary.take(payload, &mut tally).is_ok());
        summary.is_damaged = !is_legible || records.is_damaged();
        summary.steps = tally.in_force;
        summary.last_step = tally.steps[..tally.in_force].last().map(|s| s.name.clone());
        let has_all = tally.saved == Some(tally.revision) && !tally.stands;
        summary.is_saved = has_all && !summary.is_damaged;
        Ok(summary)
    }

    fn take(&mut self, payload: &[u8], tally: &mut Tally) -> Result<(), Nonsense> {
        let mut input = Input(payload);
        match Kind::read(&mut input)? {
            Kind::Begin => return Err(Nonsense),
            Kind::Proposal => {}
            Kind::Step => tally.put(StepHead::read(&mut input)?),
            Kind::Amended => tally.replace(StepHead::read(&mut input)?)?,
            Kind::Position => tally.go_to(usize::read(&mut input)?)?,
            Kind::Saved => {
                let (revision, path) = coding::read_saved(&mut input)?;
                tally.saved = Some(revision);
                self.labels_path = Some(path.into());
            }
            Kind::Status => self.source = coding::read_status(&mut input)?.source,
        }
        Ok(())
    }
}

impl Tally {
    fn put(&mut self, step: StepHead) {
        self.steps.truncate(self.in_force);
        self.steps.pop_if(|last| last.id == step.id);
        self.steps.push(step);
        self.in_force = self.steps.len();
        self.cross(self.in_force - 1, false);
    }

    fn replace(&mut self, step: StepHead) -> Result<(), Nonsense> {
        let known = self.steps.iter_mut().rfind(|known| known.id == step.id);
        let known = known.ok_or(Nonsense)?;
        self.stands = step.stands.as_ref().map_or(self.stands, |s| s.after);
        *known = step;
        Ok(())
    }

    fn go_to(&mut self, position: usize) -> Result<(), Nonsense> {
        if position > self.steps.len() {
            return Err(Nonsense);
        }
        let here = self.in_force;
        for step in here..position {
            self.cross(step, false);
        }
        for step in (position..here).rev() {
            self.cross(step, true);
        }
        self.in_force = position;
        Ok(())
    }

    /// Undoes (`back`) or does a step of the list.
    fn cross(&mut self, step: usize, back: bool) {
        let step = &self.steps[step];
        self.revision = *step.revision.to(back);
        self.stands = step.stands.as_ref().map_or(self.stands, |s| *s.to(back));
    }
}
