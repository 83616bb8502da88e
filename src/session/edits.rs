//! Clean-up of one label.

use crate::volume::morphology::{Crop, label_bounds};

use super::change::Delta;
use super::effect::Effects;
use super::{Case, EditCommand, Tools};

impl Case {
    pub(super) fn apply_edit(&mut self, command: EditCommand, tools: Tools, out: &mut Effects) {
        let (EditCommand::FillHoles(value)
        | EditCommand::KeepLargest(value)
        | EditCommand::Clear(value)) = command;
        if self.table.get(value).is_none() || self.is_locked(value, out) || !self.settle(tools, out)
        {
            return;
        }
        let mark = self.mark();
        let (name, delta) = match command {
            EditCommand::FillHoles(_) => ("fill holes", self.fill_holes(value)),
            EditCommand::KeepLargest(_) => ("keep largest island", self.keep_largest(value)),
            EditCommand::Clear(_) => ("clear label", self.erase_label(value)),
        };
        if delta.is_none() {
            out.info(format!("{name}: nothing to change"));
        }
        self.commit(name, mark, delta, out);
    }

    fn fill_holes(&mut self, value: u16) -> Option<Delta> {
        let filled = Crop::of_label(&self.labels, value)?.holes_filled();
        let mut inside = filled.voxels.iter();
        self.rewrite(filled.bounds, |_, old| match inside.next() {
            Some(1) if old == 0 => value,
            _ => old,
        })
    }

    fn keep_largest(&mut self, value: u16) -> Option<Delta> {
        let kept = Crop::of_label(&self.labels, value)?.largest_island();
        let mut inside = kept.voxels.iter();
        self.rewrite(kept.bounds, |_, old| match inside.next() {
            Some(0) if old == value => 0,
            _ => old,
        })
    }

    /// Takes all voxels from a label.
    pub(super) fn erase_label(&mut self, value: u16) -> Option<Delta> {
        let bounds = label_bounds(&self.labels, value)?;
        self.rewrite(bounds, |_, old| if old == value { 0 } else { old })
    }
}
