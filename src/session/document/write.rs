//! How an edit writes voxels.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::geometry::VoxelBox;
use crate::session::operations::OperationError;
use crate::volume::morphology::{Crop, label_bounds, rows};
use crate::volume::{LayerId, Run, Runs};

use super::edit::Edit;
use super::step::{Delta, box_of_runs};

impl Edit<'_> {
    /// Gives a label the voxels of a crop.
    pub fn add(&mut self, label: u16, gained: &Crop) {
        let mut gained_voxels = gained.voxels.iter();
        self.write_result(label, gained.bounds, |old| {
            let is_gained = gained_voxels.next().is_some_and(|&v| v != 0);
            is_gained || old == label
        });
    }

    /// Makes the voxels of a crop those of a label: it gains and loses.
    pub fn replace(&mut self, label: u16, result: &Crop) {
        let before = label_bounds(self.labels_with(label), label);
        let bounds = before.map_or(result.bounds, |b| b.union(result.bounds));
        self.replace_there(label, &result.moved_to(bounds));
    }

    /// As [`Self::replace`], in the crop's box; beyond it the label stays as it is.
    pub fn replace_there(&mut self, label: u16, result: &Crop) {
        let mut voxels = result.voxels.iter();
        self.write_result(label, result.bounds, |_| {
            voxels.next().is_some_and(|&v| v != 0)
        });
    }

    /// Divides the voxels of a box between labels of one layer anew: `values` has one of `labels` or 0 for each, `i`
    /// fastest. What they have beyond the box stays.
    ///
    /// # Errors
    /// The labels are in several layers.
    pub fn replace_several(
        &mut self,
        labels: &[u16],
        bounds: VoxelBox,
        values: &[u16],
    ) -> Result<(), OperationError> {
        let layer = self.one_layer(labels)?;
        let mut gives = self.gives.clone();
        for &label in labels {
            gives[usize::from(label)] = true;
        }
        let mut left = 0;
        let mut values = values.iter();
        self.write(layer, bounds, |_, old| match values.next() {
            Some(0) if !labels.contains(&old) => old,
            Some(&new) if gives[usize::from(old)] => new,
            Some(&new) => {
                left += usize::from(new != old);
                old
            }
            None => old,
        });
        self.left += left;
        Ok(())
    }

    /// Takes all voxels from a label, or those in a box.
    pub fn erase(&mut self, label: u16, within: Option<VoxelBox>) {
        let Some(bounds) = label_bounds(self.labels_with(label), label) else {
            return;
        };
        if let Some(bounds) = within.map_or(Some(bounds), |b| b.intersection(bounds)) {
            let layer = self.table().layer_of(label);
            self.write(layer, bounds, |_, old| if old == label { 0 } else { old });
        }
    }

    /// Makes those voxels of a box the label's that `belongs` says, asked of every voxel with its old value, `i` fastest.
    fn write_result(&mut self, label: u16, bounds: VoxelBox, mut belongs: impl FnMut(u16) -> bool) {
        let gives = std::mem::take(&mut self.gives);
        let layer = self.table().layer_of(label);
        let mut left = 0;
        self.write(layer, bounds, |_, old| match belongs(old) {
            true if old == label || gives[usize::from(old)] => label,
            true => {
                left += 1;
                old
            }
            false if old == label => 0,
            false => old,
        });
        self.left += left;
        self.gives = gives;
    }

    /// Gives each voxel of `bounds` in a layer the value that `rule(offset, old value)` says, as far as locks allow.
    pub fn write(
        &mut self,
        layer: LayerId,
        bounds: VoxelBox,
        mut rule: impl FnMut(usize, u16) -> u16,
    ) {
        let dims = self.grid().dims;
        let Some(voxels) = self.document.layers.voxels_mut(layer) else {
            return;
        };
        let mut runs = Runs::default();
        for row in rows(dims, bounds) {
            for offset in row {
                let old = voxels[offset];
                let new = rule(offset, old);
                if new != old && self.locks.allow(old, new) {
                    voxels[offset] = new;
                    runs.push(offset, (old, new));
                }
            }
        }
        self.note(Delta {
            layer,
            bounds,
            runs,
        });
    }

    /// How many voxels of a crop a layer has with labels that may not be taken from.
    pub(super) fn not_free(&self, layer: LayerId, crop: &Crop) -> usize {
        let Some(labels) = self.document.layers.get(layer) else {
            return 0;
        };
        let there = rows(self.grid().dims, crop.bounds).flatten();
        let there = there.zip(&crop.voxels).filter(|(_, v)| **v != 0);
        there
            .filter(|&(offset, _)| !self.may_take(labels.voxels[offset]))
            .count()
    }

    /// Makes a target the voxels of a label, as far as the other labels allow.
    pub(in crate::session) fn accept(&mut self, label: u16, target: &Runs<u16>) {
        let gives = std::mem::take(&mut self.gives);
        let mut left = 0;
        let layer = self.table().layer_of(label);
        self.write_proposed(layer, target, |proposed, old, voxels| match proposed != 0 {
            true if old == label || gives[usize::from(old)] => label,
            true => {
                left += voxels;
                old
            }
            false if old == label => 0,
            false => old,
        });
        self.left += left;
        self.gives = gives;
    }

    /// Makes proposed structures the voxels of the labels that `value_of` has for their values, layer by layer; locked
    /// labels and what other labels have stay as they are.
    pub(in crate::session) fn accept_several(
        &mut self,
        proposed: &Runs<u16>,
        value_of: &BTreeMap<u16, u16>,
    ) {
        let unlocked = value_of.iter().filter(|(_, v)| !self.locks.holds(**v));
        let mut of_layers: BTreeMap<LayerId, Vec<(u16, u16)>> = BTreeMap::new();
        for (&theirs, &value) in unlocked {
            let layer = self.table().layer_of(value);
            of_layers.entry(layer).or_default().push((theirs, value));
        }
        for (layer, labels) in of_layers {
            let mut mine = vec![0u16; usize::from(u16::MAX) + 1];
            let mut replaced = vec![false; usize::from(u16::MAX) + 1];
            replaced[0] = true;
            for (theirs, value) in labels {
                mine[usize::from(theirs)] = value;
                replaced[usize::from(value)] = true;
            }
            let gives = std::mem::take(&mut self.gives);
            self.write_proposed(layer, proposed, |proposed, old, _| {
                let new = mine[usize::from(proposed)];
                if replaced[usize::from(old)] || (new != 0 && gives[usize::from(old)]) {
                    new
                } else {
                    old
                }
            });
            self.gives = gives;
        }
    }

    /// Gives each voxel of a layer the value that `rule(proposed value, old value, voxels)` says, as far as locks allow;
    /// the proposed value is 0 where no run lies. The rule is asked once for each run of voxels that have both in common,
    /// and told its length. So a large organ costs a pass over memory, not a decision a voxel.
    fn write_proposed(
        &mut self,
        layer: LayerId,
        proposed: &Runs<u16>,
        mut rule: impl FnMut(u16, u16, usize) -> u16,
    ) {
        let dims = self.grid().dims;
        let Some(voxels) = self.document.layers.voxels_mut(layer) else {
            return;
        };
        let locks = &self.locks;
        let mut runs = Runs::default();
        let mut rewrite_segment = |segment: Range<usize>, proposed: u16| {
            let mut start = segment.start;
            while start < segment.end {
                let len = equal_prefix(&voxels[start..segment.end]);
                let old = voxels[start];
                let new = rule(proposed, old, len);
                if new != old && locks.allow(old, new) {
                    voxels[start..start + len].fill(new);
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
        rewrite_segment(at..dims.iter().product(), 0);
        if let Some(bounds) = box_of_runs(runs.iter().map(Run::range), dims) {
            self.note(Delta {
                layer,
                bounds,
                runs,
            });
        }
    }

    /// Adds to what has been written.
    fn note(&mut self, delta: Delta) {
        if delta.runs.is_empty() {
            return;
        }
        match self.written.iter_mut().find(|d| d.layer == delta.layer) {
            None => self.written.push(delta),
            Some(first) => {
                first.bounds = first.bounds.union(delta.bounds);
                first.runs = one_after_another(&first.runs, &delta.runs);
            }
        }
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

/// Two changes in a row as one: voxels that both changed go from the first's old value to the second's new one, and are
/// left out where that is the same.
fn one_after_another(first: &Runs<(u16, u16)>, second: &Runs<(u16, u16)>) -> Runs<(u16, u16)> {
    let mut both = Runs::default();
    let mut runs = [first, second].map(|runs| {
        let runs = runs.iter();
        runs.map(|r| (r.range(), r.value)).peekable()
    });
    loop {
        // The next stretch that the same runs cover: it is cut off their heads.
        let heads = runs
            .each_mut()
            .map(|runs| runs.peek().map(|(range, _)| range.clone()));
        let Some(start) = heads.iter().flatten().map(|r| r.start).min() else {
            return both;
        };
        let ends = heads.iter().flatten();
        let ends = ends.map(|r| if r.start > start { r.start } else { r.end });
        let Some(end) = ends.min() else { return both };
        let [old, new] = runs.each_mut().map(|runs| {
            let (range, value) = runs.peek_mut().filter(|(range, _)| range.start == start)?;
            let value = *value;
            range.start = end;
            runs.next_if(|(range, _)| range.is_empty());
            Some(value)
        });
        let value = (old.or(new).map(|v| v.0), new.or(old).map(|v| v.1));
        if let (Some(old), Some(new)) = value
            && old != new
        {
            let (len, value) = ((end - start) as u32, (old, new));
            both.push_run(Run { start, len, value });
        }
    }
}
