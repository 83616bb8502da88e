//! Undo and redo.
//!
//! Every step stays in the list. What it changed is held in memory within a byte budget; beyond that it is read back from
//! the journal ([`Archive`]). Without a journal the oldest steps are forgotten instead.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use super::journal::{Archive, Begin, Record, Status, StepId};
use super::step::Step;
use super::target::TargetRecord;

/// A step in the list, and what it changed unless that is on disk only.
#[derive(Debug, Clone)]
struct Entry {
    id: StepId,
    name: Cow<'static, str>,
    changes_target: bool,
    /// What the next step may be joined by.
    merge: Option<u16>,
    held: Option<Arc<Step>>,
    /// Bytes that `held` takes.
    bytes: usize,
}

impl Entry {
    fn new(step: Arc<Step>) -> Self {
        Self {
            id: step.id,
            name: step.name.clone(),
            changes_target: step.target.is_some(),
            merge: step.merge,
            bytes: step.bytes(),
            held: Some(step),
        }
    }
}

/// The steps that can be undone and redone.
#[derive(Debug, Clone)]
pub struct History {
    undo: VecDeque<Entry>,
    redo: Vec<Entry>,
    budget_bytes: usize,
    used_bytes: usize,
    archive: Option<Arc<dyn Archive>>,
    noted: Option<Status>,
}

impl History {
    /// What the history of a scan may hold in memory unless told otherwise: 256 MiB.
    pub const DEFAULT_BUDGET_BYTES: usize = 256 << 20;

    /// No steps yet. All that comes is told to the archive.
    pub(in crate::session) fn new(budget_bytes: usize, archive: Option<Arc<dyn Archive>>) -> Self {
        Self {
            undo: VecDeque::new(),
            redo: Vec::new(),
            budget_bytes,
            used_bytes: 0,
            archive,
            noted: None,
        }
    }

    /// The name of the step that undo takes back, for "Undo {name}"; `None` when there is none.
    pub fn undo_name(&self) -> Option<&str> {
        self.undo.back().map(|s| s.name.as_ref())
    }

    /// The name of the step that redo does again.
    pub fn redo_name(&self) -> Option<&str> {
        self.redo.last().map(|s| s.name.as_ref())
    }

    /// The steps that can be undone and are held in memory, the oldest first.
    pub(in crate::session) fn held(&self) -> impl Iterator<Item = &Step> {
        self.undo.iter().filter_map(|s| s.held.as_deref())
    }

    /// Number of steps that can be undone: the position in [`Self::names`].
    pub fn undo_len(&self) -> usize {
        self.undo.len()
    }

    /// Number of steps that can be redone.
    pub fn redo_len(&self) -> usize {
        self.redo.len()
    }

    /// The name of the step at a place of the list, from 0: first those that can be undone, then those that can be
    /// redone, each in the order of work.
    pub fn name_at(&self, place: usize) -> Option<&str> {
        let undone = || {
            let from_the_end = place - self.undo.len() + 1;
            self.redo.get(self.redo.len().checked_sub(from_the_end)?)
        };
        let entry = self.undo.get(place).or_else(undone)?;
        Some(entry.name.as_ref())
    }

    /// Bytes held in memory by all steps.
    pub fn used_bytes(&self) -> usize {
        self.used_bytes
    }

    /// Bytes that may be held in memory; only a newest step that is larger on its own goes beyond, and steps that are not
    /// on disk yet.
    pub fn budget_bytes(&self) -> usize {
        self.budget_bytes
    }

    pub(in crate::session) fn archive(&self) -> Option<&Arc<dyn Archive>> {
        self.archive.as_ref()
    }

    /// From now on all that comes is told to this archive, which holds the steps so far.
    pub(in crate::session) fn continue_in(
        &mut self,
        archive: Option<Arc<dyn Archive>>,
        budget_bytes: usize,
    ) {
        self.archive = archive;
        self.budget_bytes = budget_bytes;
        self.make_room();
    }

    /// Another budget.
    pub(in crate::session) fn set_budget(&mut self, bytes: usize) {
        self.budget_bytes = bytes;
        self.make_room();
    }

    fn tell(&self, record: impl FnOnce() -> Record) {
        if let Some(archive) = &self.archive {
            archive.append(record());
        }
    }

    /// Tells the journal what the work begins with.
    pub(in crate::session) fn tell_begin(&self, begin: impl FnOnce() -> Begin) {
        self.tell(|| Record::begin(begin()));
    }

    /// Tells the journal something that is no step.
    pub(in crate::session) fn tell_record(&self, record: impl FnOnce() -> Record) {
        self.tell(record);
    }

    /// Tells the journal what is no step but part of the work, if it is not what it was.
    pub(in crate::session) fn tell_status(&mut self, status: impl FnOnce() -> Status) {
        if self.archive.is_some() {
            let status = status();
            if self.noted.as_ref() != Some(&status) {
                self.tell(|| Record::status(status.clone()));
                self.noted = Some(status);
            }
        }
    }

    /// Adds a step and forgets what had been undone.
    pub(in crate::session) fn push(&mut self, step: Step) {
        let step = Arc::new(self.merged(&step).unwrap_or(step));
        self.tell(|| Record::step(Arc::clone(&step)));
        self.put(step);
    }

    /// The last step with what this one changed on top, where the two are one to the user, whether it is in memory or not.
    /// One that cannot be read stays as it is.
    fn merged(&self, step: &Step) -> Option<Step> {
        let merge = step.merge?;
        let is_joined = |last: &&Entry| last.merge == Some(merge) && last.name == step.name;
        let last = self.undo.back().filter(is_joined)?;
        let mut merged = Arc::unwrap_or_clone(self.read(last).ok()?);
        if let (Some(old), Some(new)) = (&mut merged.table, &step.table) {
            old.after.clone_from(&new.after);
        }
        merged.revision.after = step.revision.after;
        Some(merged)
    }

    /// As [`Self::push`], for a step that is told and merged already: it replaces the last one if that has its id.
    pub(in crate::session) fn put(&mut self, step: Arc<Step>) {
        let replaced = self.undo.pop_back_if(|last| last.id == step.id);
        for gone in self.redo.drain(..).chain(replaced) {
            self.used_bytes -= gone.bytes;
        }
        let entry = Entry::new(step);
        self.used_bytes += entry.bytes;
        self.undo.push_back(entry);
        self.make_room();
    }

    /// Puts a step in the place of the one with its id; `false` when there is none.
    pub(in crate::session) fn replace(&mut self, step: Arc<Step>) -> bool {
        let Some(known) = self.undo.iter_mut().rev().find(|e| e.id == step.id) else {
            return false;
        };
        let entry = Entry::new(step);
        self.used_bytes += entry.bytes;
        self.used_bytes -= known.bytes;
        *known = entry;
        self.make_room();
        true
    }

    fn make_room(&mut self) {
        if self.used_bytes <= self.budget_bytes {
            return;
        }
        match self.archive.clone() {
            Some(archive) => self.release(archive.as_ref()),
            None => self.forget_oldest(),
        }
    }

    /// Lets go of what steps on disk changed: the oldest first, the newest of undo last.
    fn release(&mut self, archive: &dyn Archive) {
        let newest = self.undo.len().saturating_sub(1);
        let undo = self.undo.iter_mut().take(newest);
        let redo = self.redo.iter_mut();
        for entry in undo.chain(redo).filter(|e| e.held.is_some()) {
            if self.used_bytes <= self.budget_bytes {
                return;
            }
            if archive.holds(entry.id) {
                entry.held = None;
                self.used_bytes -= std::mem::take(&mut entry.bytes);
            }
        }
    }

    fn forget_oldest(&mut self) {
        while self.used_bytes > self.budget_bytes && self.undo.len() + self.redo.len() > 1 {
            // Redo is emptied before the newest step of undo goes.
            let oldest = if self.undo.len() > 1 || self.redo.is_empty() {
                self.undo.pop_front()
            } else {
                Some(self.redo.remove(0))
            };
            match oldest {
                Some(step) => self.used_bytes -= step.bytes,
                None => break,
            }
        }
    }

    /// Moves the last step to redo (`back`), or the last undone one to undo, and returns it; `None` when there is none.
    ///
    /// # Errors
    /// The step is on disk only and cannot be read; nothing has moved. One line for the user.
    pub(in crate::session) fn move_over(
        &mut self,
        back: bool,
    ) -> Result<Option<Arc<Step>>, String> {
        let entry = if back {
            self.undo.back()
        } else {
            self.redo.last()
        };
        let Some(entry) = entry else {
            return Ok(None);
        };
        let step = self.read(entry)?;
        let entry = Entry::new(Arc::clone(&step));
        self.used_bytes += entry.bytes;
        let moved = if back {
            self.redo.push(entry);
            self.undo.pop_back()
        } else {
            self.undo.push_back(entry);
            self.redo.pop()
        };
        self.used_bytes -= moved.map_or(0, |e| e.bytes);
        self.make_room();
        Ok(Some(step))
    }

    fn read(&self, entry: &Entry) -> Result<Arc<Step>, String> {
        match (&entry.held, &self.archive) {
            (Some(step), _) => Ok(Arc::clone(step)),
            (None, Some(archive)) => archive.read(entry.id),
            (None, None) => Err(format!("the step \"{}\" is not kept any more", entry.name)),
        }
    }

    /// Tells the journal how many steps are in force now.
    pub(in crate::session) fn tell_position(&self) {
        self.tell(|| Record::position(self.undo.len()));
    }

    /// Gives a result to the step that asked for it: the last one that changed the target, if it left the
    /// target at these prompts. Returns whether there was one.
    pub(in crate::session) fn amend_target(&mut self, after: TargetRecord) -> bool {
        let Some(entry) = self.undo.iter().rev().find(|e| e.changes_target) else {
            return false;
        };
        let Ok(mut step) = self.read(entry) else {
            return false;
        };
        let Some(change) = &mut Arc::make_mut(&mut step).target else {
            return false;
        };
        if change.after.prompts != after.prompts || change.after.active != after.active {
            return false;
        }
        change.after = after;
        self.tell(|| Record::amended(Arc::clone(&step)));
        self.replace(step)
    }
}
