//! Which labels no voxel may be taken from or given to.

use crate::volume::LabelTable;

/// Locked labels, by value.
pub(in crate::session) struct Locks(Vec<bool>);

impl Locks {
    /// The labels that are locked in the table.
    pub fn of(table: &LabelTable) -> Self {
        let mut locked = vec![false; usize::from(u16::MAX) + 1];
        for label in table.labels().iter().filter(|l| l.locked) {
            locked[usize::from(label.value)] = true;
        }
        Self(locked)
    }

    /// As [`Locks::of`], and labels that are not shown too.
    pub fn of_locked_or_hidden(table: &LabelTable) -> Self {
        let mut locks = Self::of(table);
        for label in table.labels().iter().filter(|l| !table.is_shown(l)) {
            locks.add(label.value);
        }
        locks
    }

    /// Locks one more.
    pub fn add(&mut self, value: u16) {
        self.0[usize::from(value)] = true;
    }

    pub fn holds(&self, value: u16) -> bool {
        self.0[usize::from(value)]
    }

    /// Whether a voxel may change from one label to the other.
    pub fn allow(&self, from: u16, to: u16) -> bool {
        !self.holds(from) && !self.holds(to)
    }
}
