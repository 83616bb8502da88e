//! Undo and redo with a byte budget.

use std::collections::VecDeque;

use crate::volume::LabelTable;

use super::change::{Delta, TargetRecord};

/// A value before and after a step.
#[derive(Debug, Clone)]
pub(super) struct Change<T> {
    pub before: T,
    pub after: T,
}

impl<T> Change<T> {
    /// The value that undo (`back`) or redo sets.
    pub fn to(&self, back: bool) -> &T {
        if back { &self.before } else { &self.after }
    }
}

/// One step of the history; parts that did not change are `None`.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub name: &'static str,
    pub labels: Option<Delta>,
    pub table: Option<Change<LabelTable>>,
    pub target: Option<Change<TargetRecord>>,
    pub revision: Change<u64>,
    /// Steps that follow each other with the same key are one step.
    pub merge: Option<u16>,
}

impl Step {
    fn bytes(&self) -> usize {
        let table = |t: &LabelTable| {
            let names: usize = t.labels().iter().map(|l| l.name.len()).sum();
            names + size_of_val(t.labels())
        };
        size_of::<Self>()
            + self.labels.as_ref().map_or(0, |d| d.runs.bytes())
            + self
                .table
                .as_ref()
                .map_or(0, |c| table(&c.before) + table(&c.after))
            + self
                .target
                .as_ref()
                .map_or(0, |c| c.before.bytes() + c.after.bytes())
    }
}

/// The steps that can be undone and redone.
#[derive(Debug)]
pub struct History {
    undo: VecDeque<Step>,
    redo: Vec<Step>,
    budget_bytes: usize,
    used_bytes: usize,
}

impl History {
    /// What the history of a scan may hold unless told otherwise: 256 MiB.
    pub const DEFAULT_BUDGET_BYTES: usize = 256 << 20;

    pub(super) fn new(budget_bytes: usize) -> Self {
        Self {
            undo: VecDeque::new(),
            redo: Vec::new(),
            budget_bytes,
            used_bytes: 0,
        }
    }

    /// The name of the step that undo takes back, for "Undo {name}"; `None` when there is none.
    pub fn undo_name(&self) -> Option<&'static str> {
        self.undo.back().map(|s| s.name)
    }

    /// The name of the step that redo does again.
    pub fn redo_name(&self) -> Option<&'static str> {
        self.redo.last().map(|s| s.name)
    }

    /// Number of steps that can be undone.
    pub fn undo_len(&self) -> usize {
        self.undo.len()
    }

    /// Number of steps that can be redone.
    pub fn redo_len(&self) -> usize {
        self.redo.len()
    }

    /// Bytes held by all steps.
    pub fn used_bytes(&self) -> usize {
        self.used_bytes
    }

    /// Bytes that may be held; only a newest step that is larger on its own goes beyond.
    pub fn budget_bytes(&self) -> usize {
        self.budget_bytes
    }

    /// Adds a step and forgets what had been undone.
    pub(super) fn push(&mut self, step: Step) {
        for undone in self.redo.drain(..) {
            self.used_bytes -= undone.bytes();
        }
        match self.undo.back_mut() {
            Some(last) if step.merge.is_some() && last.merge == step.merge => {
                self.used_bytes -= last.bytes();
                if let (Some(old), Some(new)) = (&mut last.table, step.table) {
                    old.after = new.after;
                }
                last.revision.after = step.revision.after;
                self.used_bytes += last.bytes();
            }
            _ => {
                self.used_bytes += step.bytes();
                self.undo.push_back(step);
            }
        }
        self.forget_oldest();
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
                Some(step) => self.used_bytes -= step.bytes(),
                None => break,
            }
        }
    }

    /// Moves the last step to redo and returns it.
    pub(super) fn step_back(&mut self) -> Option<&Step> {
        self.redo.push(self.undo.pop_back()?);
        self.redo.last()
    }

    /// Moves the last undone step back and returns it.
    pub(super) fn step_forward(&mut self) -> Option<&Step> {
        self.undo.push_back(self.redo.pop()?);
        self.undo.back()
    }

    /// Gives a result to the step that asked for it: the last one that changed the target, if it left the
    /// target at these prompts. Returns whether there was one.
    pub(super) fn amend_target(&mut self, after: TargetRecord) -> bool {
        let Some(change) = self.undo.iter_mut().rev().find_map(|s| s.target.as_mut()) else {
            return false;
        };
        if change.after.prompts != after.prompts || change.after.active != after.active {
            return false;
        }
        self.used_bytes -= change.after.bytes();
        self.used_bytes += after.bytes();
        change.after = after;
        self.forget_oldest();
        true
    }
}
