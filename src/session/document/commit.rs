//! How a change becomes a step of the history: mark, change, commit; and how steps are undone and done again.

use std::borrow::Cow;

use crate::session::effect::{Effect, Effects};
use crate::volume::measurement::Measurement;
use crate::volume::{LabelTable, LayerId};

use super::Document;
use super::journal::StepId;
use super::proposal::Proposal;
use super::step::{Change, Delta, Step};
use super::target::{Target, TargetRecord};

/// The state before a change.
pub(in crate::session) struct Mark {
    pub table: LabelTable,
    target: TargetRecord,
    measurements: Vec<Measurement>,
}

impl Document {
    /// Remembers the state before a change.
    pub(in crate::session) fn mark(&self) -> Mark {
        Mark {
            table: self.table.clone(),
            target: self.target.record(),
            measurements: self.measurements.clone(),
        }
    }

    /// Makes the change since `mark` one step of the history, and tells about it. Voxels in `deltas` are
    /// already changed. Nothing changed: no step.
    pub(in crate::session) fn commit(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        mark: Mark,
        deltas: Vec<Delta>,
        out: &mut Effects,
    ) {
        self.commit_merging(name, None, mark, deltas, out);
    }

    /// As [`Self::commit`]; steps that follow each other with the same key become one.
    pub(super) fn commit_merging(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        merge: Option<u16>,
        mark: Mark,
        deltas: Vec<Delta>,
        out: &mut Effects,
    ) {
        let before = mark.target;
        let after = self.target.record();
        after.announce(&before, out);
        let table_changed = mark.table != self.table;
        if table_changed {
            self.announce_table(&mark.table, out);
        }
        for delta in &deltas {
            delta.count(&mut self.counts, false);
            out.push(Effect::LabelsChanged(delta.bounds));
        }
        let measures = mark.measurements != self.measurements;
        if deltas.is_empty() && !table_changed && !measures && before == after {
            return;
        }
        let revision_before = self.revision;
        if !deltas.is_empty() || measures || !same_content(&mark.table, &self.table) {
            self.revision = self.number();
        }
        self.history.push(Step {
            id: StepId::fresh(),
            name: name.into(),
            deltas,
            table: table_changed.then(|| Change {
                before: mark.table,
                after: self.table.clone(),
            }),
            target: (before != after).then_some(Change { before, after }),
            measurements: measures.then(|| Change {
                before: mark.measurements,
                after: self.measurements.clone(),
            }),
            revision: Change {
                before: revision_before,
                after: self.revision,
            },
            merge,
        });
    }

    fn announce_table(&self, before: &LabelTable, out: &mut Effects) {
        out.push(Effect::TableChanged);
        if !ids(before).eq(ids(&self.table)) {
            // Which voxels are drawn is another question now.
            out.push(Effect::LabelsChanged(self.grid().bounds()));
        }
    }

    /// Puts table and target back to a mark, for a change that is not made after all.
    pub(in crate::session) fn reset_to(&mut self, mark: Mark, out: &mut Effects) {
        self.measurements = mark.measurements;
        let made = self.target.record();
        let made_table = std::mem::replace(&mut self.table, mark.table);
        if made_table != self.table {
            self.layers.follow(&self.table);
            self.announce_table(&made_table, out);
        }
        if made != mark.target {
            mark.target.announce(&made, out);
            self.restore_target(mark.target);
        }
    }

    /// Goes to where so many steps are in force, and returns the target as it is there where a step says; told as one
    /// change.
    pub(in crate::session) fn go_to(
        &mut self,
        wanted: usize,
        out: &mut Effects,
    ) -> Option<TargetRecord> {
        let here = self.history.undo_len();
        let mut target = None;
        while self.history.undo_len() != wanted {
            let back = self.history.undo_len() > wanted;
            match self.history.move_over(back) {
                Ok(Some(step)) => {
                    self.take_over(&step, back, out);
                    target = step.target.as_ref().map(|t| t.to(back).clone()).or(target);
                }
                Ok(None) => break,
                Err(reason) => {
                    out.refuse(reason);
                    break;
                }
            }
        }
        if self.history.undo_len() != here {
            self.history.tell_position();
        }
        target
    }

    /// Sets labels, table and revision to what they are before (`back`) or after a step.
    fn take_over(&mut self, step: &Step, back: bool, out: &mut Effects) {
        let before = step.table.as_ref().map(|_| self.table.clone());
        let (layers, table) = (&mut self.layers, &mut self.table);
        step.bring(layers, table, &mut self.measurements, back);
        for delta in &step.deltas {
            delta.count(&mut self.counts, back);
            out.push(Effect::LabelsChanged(delta.bounds));
        }
        if let Some(before) = before {
            self.announce_table(&before, out);
        }
        self.revision = *step.revision.to(back);
    }

    /// Sets what the model works towards.
    pub(in crate::session) fn restore_target(&mut self, record: TargetRecord) {
        let standing = self.target.proposal.take();
        let proposal = record.proposal.map(|packed| match standing {
            Some(p) if p.packed.id == packed.id => p,
            _ => Proposal::unpack(packed, *self.grid()),
        });
        self.target = Target {
            layer: record.layer,
            active: record.active,
            prompts: record.prompts,
            given_before_box: record.given_before_box,
            proposal,
        };
    }
}

fn ids(table: &LabelTable) -> impl Iterator<Item = LayerId> {
    table.layers().iter().map(|layer| layer.id)
}

/// Whether two tables are saved alike: values, names, layers, colours, opacities and groups.
fn same_content(a: &LabelTable, b: &LabelTable) -> bool {
    let labels = |t: &LabelTable| {
        let labels = t.labels().iter();
        labels
            .map(|l| {
                let look = (l.color, l.opacity_percent, l.group.clone());
                (l.value, l.name.clone(), l.layer, look)
            })
            .collect::<Vec<_>>()
    };
    let layers = |t: &LabelTable| {
        let layers = t.layers().iter();
        layers.map(|l| (l.id, l.name.clone())).collect::<Vec<_>>()
    };
    labels(a) == labels(b) && layers(a) == layers(b)
}
