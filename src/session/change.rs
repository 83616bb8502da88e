//! How a change becomes a step of the history: mark, change, commit.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::geometry::VoxelBox;
use crate::prompt::PromptSet;
use crate::volume::{LabelTable, Run, Runs};

use super::effect::{Effect, Effects};
use super::history::{Change, Step};
use super::journal::{Begin, Status, StepId};
use super::proposal::{PackedProposal, Proposal};
use super::{Case, HistoryCommand};

/// Changed label voxels: value before and after, run-length coded, inside a box.
#[derive(Debug, Clone)]
pub(super) struct Delta {
    pub bounds: VoxelBox,
    pub runs: Runs<(u16, u16)>,
}

/// What the model works towards: the active label, the prompts for it, and the standing proposal.
#[derive(Debug, Default)]
pub(super) struct Target {
    pub active: Option<u16>,
    pub prompts: PromptSet,
    /// Number of clicks when the box was set, to know which prompt came last.
    pub clicks_before_box: usize,
    pub proposal: Option<Proposal>,
}

/// A [`Target`] as the history keeps it.
#[derive(Debug, Clone)]
pub(super) struct TargetRecord {
    pub active: Option<u16>,
    pub prompts: PromptSet,
    pub clicks_before_box: usize,
    pub proposal: Option<Arc<PackedProposal>>,
}

impl PartialEq for TargetRecord {
    fn eq(&self, other: &Self) -> bool {
        self.active == other.active
            && self.prompts == other.prompts
            && same_proposal(self.proposal.as_ref(), other.proposal.as_ref())
    }
}

fn same_proposal(a: Option<&Arc<PackedProposal>>, b: Option<&Arc<PackedProposal>>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => a.id == b.id,
        _ => false,
    }
}

impl TargetRecord {
    pub fn bytes(&self) -> usize {
        size_of_val(self.prompts.clicks.as_slice())
            + self.proposal.as_ref().map_or(0, |p| p.bytes())
    }
}

impl Target {
    pub fn record(&self) -> TargetRecord {
        TargetRecord {
            active: self.active,
            prompts: self.prompts.clone(),
            clicks_before_box: self.clicks_before_box,
            proposal: self.proposal.as_ref().map(|p| p.packed.clone()),
        }
    }

    /// Drops prompts and proposal.
    pub fn clear(&mut self) {
        self.prompts = PromptSet::default();
        self.clicks_before_box = 0;
        self.proposal = None;
    }
}

/// The state before a change.
pub(super) struct Mark {
    pub table: LabelTable,
    target: TargetRecord,
}

/// Which labels no voxel may be taken from or given to.
pub(super) struct Locks(Vec<bool>);

impl Locks {
    pub fn of(table: &LabelTable) -> Self {
        let mut locked = vec![false; usize::from(u16::MAX) + 1];
        for label in table.labels().iter().filter(|l| l.locked) {
            locked[usize::from(label.value)] = true;
        }
        Self(locked)
    }

    /// As [`Locks::of`], and hidden labels too.
    pub fn of_locked_or_hidden(table: &LabelTable) -> Self {
        let mut locks = Self::of(table);
        for label in table.labels().iter().filter(|l| !l.visible) {
            locks.0[usize::from(label.value)] = true;
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

impl Case {
    /// Remembers the state before a change.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            table: self.table.clone(),
            target: self.target.record(),
        }
    }

    /// Gives each voxel the value that `rule(proposed value, old value, voxels)` says, as far as locks allow; the proposed
    /// value is 0 where no run lies. The rule is asked once for each run of voxels that have both in common, and told its
    /// length. So a large organ costs a pass over memory, not a decision a voxel. Returns what changed.
    pub(super) fn rewrite_proposed(
        &mut self,
        proposed: &Runs<u16>,
        mut rule: impl FnMut(u16, u16, usize) -> u16,
    ) -> Option<Delta> {
        let locks = Locks::of(&self.table);
        let labels = Arc::make_mut(&mut self.labels);
        let mut runs = Runs::default();
        let mut rewrite_segment = |segment: Range<usize>, proposed: u16| {
            let mut start = segment.start;
            while start < segment.end {
                let len = equal_prefix(&labels.voxels[start..segment.end]);
                let old = labels.voxels[start];
                let new = rule(proposed, old, len);
                if new != old && locks.allow(old, new) {
                    labels.voxels[start..start + len].fill(new);
                    let (len, value) = (len as u32, (old, new));
                    runs.push_run(Run { start, len, value });
                }
                start += len;
            }
        };
        let mut at = 0;
        for run in proposed.iter() {
            rewrite_segment(at..run.start, 0);
            rewrite_segment(run.range(), run.value);
            at = run.range().end;
        }
        rewrite_segment(at..labels.grid.len(), 0);
        runs.shrink();
        let bounds = box_of_runs(runs.iter().map(Run::range), self.grid().dims)?;
        Some(Delta { bounds, runs })
    }

    /// Makes the change since `mark` one step of the history, and tells about it. Voxels in `labels` are
    /// already changed. Nothing changed: no step.
    pub(super) fn commit(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        mark: Mark,
        labels: Option<Delta>,
        out: &mut Effects,
    ) {
        self.commit_merging(name, None, mark, labels, out);
    }

    /// As [`Case::commit`]; steps that follow each other with the same key become one.
    pub(super) fn commit_merging(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        merge: Option<u16>,
        mark: Mark,
        labels: Option<Delta>,
        out: &mut Effects,
    ) {
        let before = mark.target;
        let after = self.target.record();
        announce(&before, &after, out);
        let table_changed = mark.table != self.table;
        if table_changed {
            out.push(Effect::TableChanged);
        }
        if let Some(delta) = &labels {
            count(&mut self.counts, delta, false);
            out.push(Effect::LabelsChanged(delta.bounds));
        }
        if labels.is_none() && !table_changed && before == after {
            return;
        }
        let revision_before = self.revision;
        if labels.is_some() || !same_content(&mark.table, &self.table) {
            self.revision = self.number();
        }
        self.history.push(Step {
            id: StepId::fresh(),
            name: name.into(),
            labels,
            table: table_changed.then(|| Change {
                before: mark.table,
                after: self.table.clone(),
            }),
            target: (before != after).then_some(Change { before, after }),
            revision: Change {
                before: revision_before,
                after: self.revision,
            },
            merge,
        });
    }

    /// Puts table and active label back to a mark, for a change that is not made after all.
    pub(super) fn reset_to(&mut self, mark: Mark, out: &mut Effects) {
        if mark.table != self.table || mark.target.active != self.target.active {
            out.push(Effect::TableChanged);
        }
        self.table = mark.table;
        self.target.active = mark.target.active;
    }

    /// Undo, redo, and jumps: any number of steps back or forward, told as one change.
    pub(super) fn apply_history(&mut self, command: HistoryCommand, out: &mut Effects) {
        let (here, redo) = (self.history.undo_len(), self.history.redo_len());
        let wanted = match command {
            HistoryCommand::Undo => here.saturating_sub(1),
            HistoryCommand::Redo => here + redo.min(1),
            HistoryCommand::JumpTo(position) => position.min(here + redo),
        };
        let target_before = self.target.record();
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
        if self.history.undo_len() == here {
            return;
        }
        self.history.tell_position();
        if let Some(record) = target {
            self.restore_target(record);
            announce(&target_before, &self.target.record(), out);
            self.cancel_prompt_job(out);
            if !self.proposal_answers_prompts() {
                self.run_prompts(self.accepted_prior(), out);
            }
        }
        self.forget_missing_active();
    }

    /// Sets labels, table and revision to what they are before (`back`) or after a step.
    fn take_over(&mut self, step: &Step, back: bool, out: &mut Effects) {
        if let Some(delta) = &step.labels {
            patch(&mut Arc::make_mut(&mut self.labels).voxels, delta, back);
            count(&mut self.counts, delta, back);
            out.push(Effect::LabelsChanged(delta.bounds));
        }
        if let Some(table) = &step.table {
            self.table = with_visibility_of(table.to(back), &self.table);
            out.push(Effect::TableChanged);
        }
        self.revision = *step.revision.to(back);
    }

    /// Tells the journal that the work begins with what is there now.
    pub(super) fn tell_begin(&self) {
        let labels = || match self.counts.is_empty() {
            true => Runs::default(),
            false => Runs::of_nonzero(&self.labels.voxels),
        };
        self.history.tell_begin(|| Begin {
            source: self.source().clone(),
            grid: *self.grid(),
            labels: labels(),
            table: self.table.clone(),
            active: self.target.active,
            labels_path: self.labels_path.clone(),
            revision: self.revision,
            is_saved: self.revision == self.saved_revision,
        });
    }

    /// Tells the journal what is no step but part of the work.
    pub(super) fn tell_status(&mut self) {
        let (source, active, table) = (&self.scan.source, self.target.active, &self.table);
        self.history.tell_status(|| Status {
            source: source.clone(),
            active,
            hidden: table.hidden(),
        });
    }

    pub(super) fn restore_target(&mut self, record: TargetRecord) {
        let standing = self.target.proposal.take();
        let proposal = record.proposal.map(|packed| match standing {
            Some(p) if p.packed.id == packed.id => p,
            _ => Proposal::unpack(packed, *self.grid()),
        });
        self.target = Target {
            active: record.active,
            prompts: record.prompts,
            clicks_before_box: record.clicks_before_box,
            proposal,
        };
    }

    /// A label that is not in the table cannot be active. None takes its place: that is for the user to say.
    pub(super) fn forget_missing_active(&mut self) {
        let active = self.target.active;
        self.target.active = active.filter(|&v| self.table.get(v).is_some());
    }
}

/// How many voxels from the first on hold the same value.
fn equal_prefix(voxels: &[u16]) -> usize {
    /// Compared at once; far more than a vector, far less than a row.
    const BLOCK: usize = 64;
    let first = voxels[0];
    let mixed = voxels
        .chunks(BLOCK)
        .position(|block| block.iter().fold(0, |apart, v| apart | (v ^ first)) != 0);
    let start = mixed.map_or(voxels.len(), |block| block * BLOCK);
    let rest = &voxels[start..];
    start + rest.iter().position(|&v| v != first).unwrap_or(rest.len())
}

/// A box around the voxels of all runs; `None` when there are none.
pub(super) fn box_of_runs(
    runs: impl Iterator<Item = Range<usize>>,
    [ni, nj, _]: [usize; 3],
) -> Option<VoxelBox> {
    let place = |offset: usize| [offset % ni, offset / ni % nj, offset / (ni * nj)];
    let box_of = |range: Range<usize>| {
        let (first, last) = (place(range.start), place(range.end - 1));
        let is_one_row = first[1..] == last[1..];
        // A run that goes on in the next row takes the whole width, one that goes on in the next slice the whole slice.
        let is_one_slice = first[2] == last[2];
        let min = [
            if is_one_row { first[0] } else { 0 },
            if is_one_slice { first[1] } else { 0 },
            first[2],
        ];
        let max = [
            if is_one_row { last[0] } else { ni - 1 },
            if is_one_slice { last[1] } else { nj - 1 },
            last[2],
        ];
        VoxelBox {
            min: min.map(|v| v as i64),
            max: max.map(|v| v as i64),
        }
    };
    runs.map(box_of).reduce(VoxelBox::union)
}

/// Tells what differs between two targets.
fn announce(before: &TargetRecord, after: &TargetRecord, out: &mut Effects) {
    if before.active != after.active {
        out.push(Effect::TableChanged);
    }
    if before.prompts != after.prompts {
        out.push(Effect::PromptsChanged);
    }
    if !same_proposal(before.proposal.as_ref(), after.proposal.as_ref()) {
        out.push(Effect::ProposalChanged);
    }
}

/// Writes a delta into label voxels, backwards or forwards.
pub(super) fn patch(voxels: &mut [u16], delta: &Delta, back: bool) {
    for run in delta.runs.iter() {
        let (old, new) = run.value;
        voxels[run.range()].fill(if back { old } else { new });
    }
}

/// Keeps the voxel counts per label in step with a delta.
fn count(counts: &mut BTreeMap<u16, usize>, delta: &Delta, back: bool) {
    for run in delta.runs.iter() {
        let (old, new) = run.value;
        let (from, to) = if back { (new, old) } else { (old, new) };
        let len = run.len as usize;
        if from != 0 {
            let left = counts.entry(from).or_default();
            *left = left.saturating_sub(len);
        }
        if to != 0 {
            *counts.entry(to).or_default() += len;
        }
    }
}

/// Whether two tables are saved alike: values, names and colours.
fn same_content(a: &LabelTable, b: &LabelTable) -> bool {
    let saved = |t: &LabelTable| {
        let labels = t.labels().iter();
        labels
            .map(|l| (l.value, l.name.clone(), l.color))
            .collect::<Vec<_>>()
    };
    saved(a) == saved(b)
}

/// The table of a step with labels shown or hidden as they are now, because that is not history.
pub(super) fn with_visibility_of(table: &LabelTable, now: &LabelTable) -> LabelTable {
    let mut table = table.clone();
    let shown: Vec<(u16, bool)> = now.labels().iter().map(|l| (l.value, l.visible)).collect();
    for (value, visible) in shown {
        if let Some(label) = table.get_mut(value) {
            label.visible = visible;
        }
    }
    table
}
