//! One change of labels and table: begun, written, and committed as one step, or gone without a trace.

use std::sync::Arc;

use crate::geometry::{Orientation, Plane, VoxelBox};
use crate::volume::morphology::{Crop, label_bounds, rows};
use crate::volume::{Grid, ImageVolume, LabelMap, LabelTable, Run, Runs};

use super::change::{Delta, Locks, Mark, patch};
use super::effect::Effects;
use super::labels::unused_name;
use super::operations::{OperationError, Values, find_label};
use super::{Case, Tools};

/// A change that is being made. Dropped before it is committed, it leaves labels and table as they were.
///
/// Writing respects locks, whatever is written; it takes voxels from background only, and from the labels that the
/// change may take from.
pub struct Edit<'a> {
    case: &'a mut Case,
    out: &'a mut Effects,
    /// The state before; gone with the commit.
    mark: Option<Mark>,
    locks: Locks,
    /// Whether voxels of a value may be taken, by value.
    gives: Vec<bool>,
    /// What has been written so far.
    delta: Option<Delta>,
    /// Labels that were added to receive voxels.
    begun: Vec<u16>,
    /// Voxels of the results that stay with other labels.
    left: usize,
}

impl<'a> Edit<'a> {
    /// Settles what stands, which is a step of its own, and begins; `None` where the way is not free, and that is said.
    pub(super) fn begin(case: &'a mut Case, tools: Tools, out: &'a mut Effects) -> Option<Self> {
        case.settle(tools, out).then(|| Self::unsettled(case, out))
    }

    /// Begins, whatever stands.
    pub(super) fn unsettled(case: &'a mut Case, out: &'a mut Effects) -> Self {
        let mut gives = vec![false; usize::from(u16::MAX) + 1];
        gives[0] = true;
        Self {
            mark: Some(case.mark()),
            locks: Locks::of(&case.table),
            case,
            out,
            gives,
            delta: None,
            begun: Vec::new(),
            left: 0,
        }
    }

    /// Heeds the values that all operations have: `locked` and `over`.
    pub(super) fn set_rules(&mut self, values: &Values) -> Result<(), OperationError> {
        for locked in self.labels_named(values, "locked")? {
            self.locks.add(locked);
        }
        if values.labels("over") == ["all"] {
            self.gives.fill(true);
        } else {
            for over in self.labels_named(values, "over")? {
                self.allow_from(over);
            }
        }
        Ok(())
    }

    /// Lets the change take voxels of this label too.
    pub(super) fn allow_from(&mut self, label: u16) {
        self.gives[usize::from(label)] = true;
    }

    /// Whether voxels of this label, or of the background, may be taken.
    pub fn may_take(&self, label: u16) -> bool {
        self.gives[usize::from(label)] && !self.locks.holds(label)
    }

    /// The labels as they are now, what was written included.
    pub fn labels(&self) -> &LabelMap {
        &self.case.labels
    }

    /// The scan.
    pub fn scan(&self) -> &ImageVolume {
        self.case.image()
    }

    /// The grid of scan and labels.
    pub fn grid(&self) -> &Grid {
        self.case.grid()
    }

    /// The label table as it is now.
    pub fn table(&self) -> &LabelTable {
        &self.case.table
    }

    /// The voxel axis that a plane's slices are counted along.
    pub fn axis_of(&self, plane: Plane) -> usize {
        plane.normal_voxel_axis(&Orientation::of(&self.grid().affine))
    }

    /// The voxels of a label, cut to their bounds; `None` when it is empty.
    pub fn crop(&self, label: u16) -> Option<Crop> {
        Crop::of_label(&self.case.labels, label)
    }

    /// The label that a parameter names; where there is none, it is begun.
    ///
    /// # Errors
    /// The parameter is not given, or no value is free.
    pub fn label(&mut self, values: &Values, parameter: &str) -> Result<u16, OperationError> {
        let text = values.labels(parameter).first();
        let text = text.ok_or_else(|| OperationError::new(format!("{parameter} is missing")))?;
        if let Some(value) = find_label(&self.case.table, text) {
            return Ok(value);
        }
        let value = match text.parse() {
            Ok(value) => {
                let name = format!("label_{value}");
                let taken = self.table().by_title(&name).is_some();
                let name = if taken {
                    unused_name(self.table(), &name)
                } else {
                    name
                };
                self.add_label(Some(value), &name)?
            }
            Err(_) => self.add_label(None, text)?,
        };
        self.begun.push(value);
        Ok(value)
    }

    /// The labels that a parameter names, each once; none where it is not given.
    ///
    /// # Errors
    /// There is no such label.
    pub fn labels_named(
        &self,
        values: &Values,
        parameter: &str,
    ) -> Result<Vec<u16>, OperationError> {
        let mut found = Vec::new();
        for text in values.labels(parameter) {
            let value = find_label(&self.case.table, text)
                .ok_or_else(|| OperationError::new(format!("there is no label {text}")))?;
            if !found.contains(&value) {
                found.push(value);
            }
        }
        Ok(found)
    }

    /// Adds a label of this value, or of the first free one.
    ///
    /// # Errors
    /// All values are in use.
    pub(super) fn add_label(
        &mut self,
        value: Option<u16>,
        name: &str,
    ) -> Result<u16, OperationError> {
        let value = value.or_else(|| self.case.table.next_free_value());
        let value = value.ok_or_else(|| {
            OperationError::new("all 65535 label values are in use: remove a label first")
        })?;
        self.case.table.add(value, name);
        Ok(value)
    }

    /// Begins labels named after another, as many as asked for: `lung_2`, `lung_3`, ..
    ///
    /// # Errors
    /// All values are in use.
    pub fn begin_labels_like(
        &mut self,
        label: u16,
        count: usize,
    ) -> Result<Vec<u16>, OperationError> {
        let named = self.table().get(label);
        let stem = named.map_or_else(|| "label".to_owned(), |l| l.name.clone());
        let mut numbers = 2u32..;
        let mut begun = Vec::with_capacity(count);
        for _ in 0..count {
            let mut names = numbers.by_ref().map(|n| format!("{stem}_{n}"));
            let unused = names.find(|name| self.case.table.by_title(name).is_none());
            begun.push(self.add_label(None, &unused.unwrap_or_default())?);
        }
        self.begun.extend(&begun);
        Ok(begun)
    }

    /// Makes a label the active one.
    pub(super) fn activate(&mut self, label: u16) {
        self.case.target.active = Some(label);
    }

    /// Takes a label out of the table; whoever works on it is left without one.
    pub(super) fn remove_label(&mut self, label: u16) {
        if self.case.target.active == Some(label) {
            self.case.target.clear();
        }
        self.case.table.remove(label);
        self.case.forget_missing_active();
    }

    /// Takes a label whose voxels went to another out of the table, where it is neither locked nor has voxels; who works
    /// on it goes on with the other.
    pub fn replace_label(&mut self, label: u16, by: u16) {
        let is_left = self.locks.holds(label) || label_bounds(&self.case.labels, label).is_some();
        if label == by || is_left {
            return;
        }
        if self.case.target.active == Some(label) {
            self.activate(by);
        }
        self.remove_label(label);
    }

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
        let before = label_bounds(&self.case.labels, label);
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

    /// Divides the voxels of a box between labels anew: `values` has one of `labels` or 0 for each, `i` fastest. What they
    /// have beyond the box stays.
    pub fn replace_several(&mut self, labels: &[u16], bounds: VoxelBox, values: &[u16]) {
        let mut gives = self.gives.clone();
        for &label in labels {
            gives[usize::from(label)] = true;
        }
        let mut left = 0;
        let mut values = values.iter();
        self.write(bounds, |_, old| match values.next() {
            Some(0) if !labels.contains(&old) => old,
            Some(&new) if gives[usize::from(old)] => new,
            Some(&new) => {
                left += usize::from(new != old);
                old
            }
            None => old,
        });
        self.left += left;
    }

    /// Takes all voxels from a label, or those in a box.
    pub fn erase(&mut self, label: u16, within: Option<VoxelBox>) {
        let Some(bounds) = label_bounds(&self.case.labels, label) else {
            return;
        };
        if let Some(bounds) = within.map_or(Some(bounds), |b| b.intersection(bounds)) {
            self.write(bounds, |_, old| if old == label { 0 } else { old });
        }
    }

    /// Makes those voxels of a box the label's that `belongs` says, asked of every voxel with its old value, `i` fastest.
    fn write_result(&mut self, label: u16, bounds: VoxelBox, mut belongs: impl FnMut(u16) -> bool) {
        let gives = std::mem::take(&mut self.gives);
        let mut left = 0;
        self.write(bounds, |_, old| match belongs(old) {
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

    /// Gives each voxel of `bounds` the value that `rule(offset, old value)` says, as far as locks allow.
    pub fn write(&mut self, bounds: VoxelBox, mut rule: impl FnMut(usize, u16) -> u16) {
        let labels = Arc::make_mut(&mut self.case.labels);
        let mut runs = Runs::default();
        for row in rows(labels.grid.dims, bounds) {
            for offset in row {
                let old = labels.voxels[offset];
                let new = rule(offset, old);
                if new != old && self.locks.allow(old, new) {
                    labels.voxels[offset] = new;
                    runs.push(offset, (old, new));
                }
            }
        }
        if runs.is_empty() {
            return;
        }
        self.delta = match self.delta.take() {
            None => Some(Delta { bounds, runs }),
            Some(first) => Some(Delta {
                bounds: first.bounds.union(bounds),
                runs: one_after_another(&first.runs, &runs),
            }),
        };
    }

    /// Makes the change one step of the history.
    pub(super) fn commit(mut self, step: &'static str) {
        let delta = self
            .delta
            .take()
            .filter(|d| !d.runs.is_empty())
            .map(|mut delta| {
                delta.runs.shrink();
                delta
            });
        if let Some(mark) = self.mark.take() {
            self.case.commit(step, mark, delta, self.out);
        }
    }

    /// As [`Self::commit`]; says what the result did not get, and where nothing changes.
    pub(super) fn finish(mut self, step: &'static str) {
        self.drop_labels_begun_for_nothing();
        if self.left > 0 {
            let size = self.case.size_text(self.left);
            self.out
                .info(format!("{size} stay with the labels that have them"));
        }
        let is_same_table = self
            .mark
            .as_ref()
            .is_some_and(|m| m.table == self.case.table);
        if is_same_table && self.delta.as_ref().is_none_or(|d| d.runs.is_empty()) {
            self.out.info(format!("{step}: nothing to change"));
        } else {
            self.commit(step);
        }
    }

    /// Tells why nothing is done.
    pub(super) fn refuse(self, error: &OperationError) {
        self.out.refuse(error.to_string());
    }

    /// A label that was begun and got nothing is not begun.
    fn drop_labels_begun_for_nothing(&mut self) {
        let gained = |value: u16| {
            let delta = self.delta.as_ref();
            delta.is_some_and(|d| d.runs.iter().any(|run| run.value.1 == value))
        };
        let empty: Vec<u16> = self.begun.iter().copied().filter(|&v| !gained(v)).collect();
        for value in empty {
            self.case.table.remove(value);
        }
    }
}

impl Drop for Edit<'_> {
    fn drop(&mut self) {
        let Some(mark) = self.mark.take() else {
            return;
        };
        if let Some(delta) = self.delta.take() {
            patch(
                &mut Arc::make_mut(&mut self.case.labels).voxels,
                &delta,
                true,
            );
        }
        self.case.reset_to(mark, self.out);
    }
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
