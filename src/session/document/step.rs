//! A step of the history: what changed, run-length coded.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use crate::geometry::VoxelBox;
use crate::volume::measurement::Measurement;
use crate::volume::{LabelLayers, LabelTable, LayerId, Runs};

use super::journal::StepId;
use super::target::TargetRecord;

/// A value before and after a step.
#[derive(Debug, Clone)]
pub(in crate::session) struct Change<T> {
    pub before: T,
    pub after: T,
}

impl<T> Change<T> {
    /// The value that undo (`back`) or redo sets.
    pub fn to(&self, back: bool) -> &T {
        if back { &self.before } else { &self.after }
    }
}

/// Changed voxels of a layer: value before and after, run-length coded, inside a box.
#[derive(Debug, Clone)]
pub(in crate::session) struct Delta {
    pub layer: LayerId,
    pub bounds: VoxelBox,
    pub runs: Runs<(u16, u16)>,
}

/// One step of the history; parts that did not change are empty.
#[derive(Debug, Clone)]
pub struct Step {
    pub(in crate::session) id: StepId,
    pub(in crate::session) name: Cow<'static, str>,
    /// At most one for each layer.
    pub(in crate::session) deltas: Vec<Delta>,
    pub(in crate::session) table: Option<Change<LabelTable>>,
    pub(in crate::session) target: Option<Change<TargetRecord>>,
    pub(in crate::session) measurements: Option<Change<Vec<Measurement>>>,
    pub(in crate::session) revision: Change<u64>,
    /// Steps that follow each other with the same key are one step.
    pub(in crate::session) merge: Option<u16>,
}

impl Step {
    /// Bytes that it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        let table = |t: &LabelTable| {
            let names = t.labels().iter().map(|l| &l.name);
            let names = names.chain(t.layers().iter().map(|l| &l.name));
            let groups = t.labels().iter().map(|l| &l.group);
            names.chain(groups).map(String::len).sum::<usize>()
                + size_of_val(t.labels())
                + size_of_val(t.layers())
        };
        let deltas = self
            .deltas
            .iter()
            .map(|d| size_of::<Delta>() + d.runs.bytes());
        size_of::<Self>()
            + deltas.sum::<usize>()
            + self
                .table
                .as_ref()
                .map_or(0, |c| table(&c.before) + table(&c.after))
            + self
                .target
                .as_ref()
                .map_or(0, |c| c.before.bytes() + c.after.bytes())
            + self.measurements.as_ref().map_or(0, |c| {
                let all = c.before.iter().chain(&c.after);
                all.map(|m| size_of_val(m) + size_of_val(m.points())).sum()
            })
    }

    /// Brings voxels, table and measurements to what they are before (`back`) or after the step. What is shown and hidden by
    /// label stays as it is, because that is not history.
    pub(super) fn bring(
        &self,
        layers: &mut LabelLayers,
        table: &mut LabelTable,
        measurements: &mut Vec<Measurement>,
        back: bool,
    ) {
        if let Some(change) = &self.measurements {
            measurements.clone_from(change.to(back));
        }
        if let Some(change) = &self.table {
            *table = with_visibility_of(change.to(back), table);
            // Layers that come are there before their voxels; those that go need none.
            layers.follow(table);
        }
        for delta in &self.deltas {
            delta.patch(layers, back);
        }
    }
}

impl Delta {
    /// Writes it into the layer's voxels, backwards or forwards; nothing where the layer is not there.
    pub fn patch(&self, layers: &mut LabelLayers, back: bool) {
        let Some(voxels) = layers.voxels_mut(self.layer) else {
            return;
        };
        for run in self.runs.iter() {
            let (old, new) = run.value;
            voxels[run.range()].fill(if back { old } else { new });
        }
    }

    /// Keeps the voxel counts by label in step.
    pub fn count(&self, counts: &mut BTreeMap<u16, usize>, back: bool) {
        for run in self.runs.iter() {
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
}

/// A table with labels shown or hidden as they are in another.
fn with_visibility_of(table: &LabelTable, now: &LabelTable) -> LabelTable {
    let mut table = table.clone();
    for shown in now.labels() {
        if let Some(label) = table.get_mut(shown.value) {
            label.visible = shown.visible;
        }
    }
    table
}

/// A box around the voxels of all runs; `None` when there are none.
pub(in crate::session) fn box_of_runs(
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
