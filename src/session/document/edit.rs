//! One change of the document: begun, written, and committed as one step, or gone without a trace.

use std::borrow::Cow;

use crate::geometry::Plane;
use crate::session::effect::{Effect, Effects};
use crate::session::operations::{OperationError, Values, find_label};
use crate::session::{Case, OpenedScan, Tools};
use crate::volume::morphology::{Crop, label_bounds};
use crate::volume::{Grid, ImageVolume, LabelMap, LabelTable, LayerId};

use super::adopted::unused_name;
use super::commit::Mark;
use super::locks::Locks;
use super::step::Delta;
use super::{Document, NO_VALUE_LEFT, Target};

/// A change that is being made. Dropped before it is committed, it leaves the document as it was.
///
/// Writing respects locks, whatever is written; it takes voxels from background only, and from the labels that the
/// change may take from. A label is written in the layer that it is in.
pub struct Edit<'a> {
    pub(super) document: &'a mut Document,
    scan: &'a OpenedScan,
    out: &'a mut Effects,
    /// The state before; gone with the commit.
    mark: Option<Mark>,
    pub(super) locks: Locks,
    /// Whether voxels of a value may be taken, by value.
    pub(super) gives: Vec<bool>,
    /// What has been written so far, one for each layer.
    pub(super) written: Vec<Delta>,
    /// Labels that were added to receive voxels.
    begun: Vec<u16>,
    /// Voxels of the results that stay with other labels.
    pub(super) left: usize,
}

impl<'a> Edit<'a> {
    /// Settles what stands, which is a step of its own, and begins; `None` where the way is not free, and that is said.
    pub(in crate::session) fn begin(
        case: &'a mut Case,
        tools: Tools,
        out: &'a mut Effects,
    ) -> Option<Self> {
        case.settle(tools, out).then(|| Self::unsettled(case, out))
    }

    /// Begins, whatever stands.
    pub(in crate::session) fn unsettled(case: &'a mut Case, out: &'a mut Effects) -> Self {
        let mut gives = vec![false; usize::from(u16::MAX) + 1];
        gives[0] = true;
        let document = &mut case.document;
        Self {
            mark: Some(document.mark()),
            locks: Locks::of(&document.table),
            document,
            scan: &case.scan,
            out,
            gives,
            written: Vec::new(),
            begun: Vec::new(),
            left: 0,
        }
    }

    /// Heeds the values that all operations have: `locked` and `over`.
    pub(in crate::session) fn set_rules(&mut self, values: &Values) -> Result<(), OperationError> {
        for locked in self.labels_named(values, "locked")? {
            self.locks.add(locked);
        }
        if values.labels("over") == ["all"] {
            self.allow_from_all();
        } else {
            for over in self.labels_named(values, "over")? {
                self.allow_from(over);
            }
        }
        Ok(())
    }

    /// Lets the change take voxels of this label too.
    pub(in crate::session) fn allow_from(&mut self, label: u16) {
        self.gives[usize::from(label)] = true;
    }

    /// Lets the change take voxels of every label.
    pub(in crate::session) fn allow_from_all(&mut self) {
        self.gives.fill(true);
    }

    /// Whether voxels of this label, or of the background, may be taken.
    pub fn may_take(&self, label: u16) -> bool {
        self.gives[usize::from(label)] && !self.locks.holds(label)
    }

    /// The layer that a label is in, as it is now, what was written included.
    pub fn labels_with(&self, label: u16) -> &LabelMap {
        self.document.labels_with(label)
    }

    /// The scan.
    pub fn scan(&self) -> &ImageVolume {
        &self.scan.image
    }

    /// The grid of scan and labels.
    pub fn grid(&self) -> &Grid {
        self.document.grid()
    }

    /// The label table as it is now.
    pub fn table(&self) -> &LabelTable {
        &self.document.table
    }

    /// The voxel axis that a plane's slices are counted along.
    pub fn axis_of(&self, plane: Plane) -> usize {
        self.grid().normal_axis(plane)
    }

    /// The voxels of a label, cut to their bounds; `None` when it is empty.
    pub fn crop(&self, label: u16) -> Option<Crop> {
        Crop::of_label(self.labels_with(label), label)
    }

    /// The label that a parameter names; where there is none, it is begun.
    ///
    /// # Errors
    /// The parameter is not given, or no value is free.
    pub fn label(&mut self, values: &Values, parameter: &str) -> Result<u16, OperationError> {
        let text = values.labels(parameter).first();
        let text = text.ok_or_else(|| OperationError::new(format!("{parameter} is missing")))?;
        if let Some(value) = find_label(self.table(), text) {
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
            let value = find_label(self.table(), text)
                .ok_or_else(|| OperationError::new(format!("there is no label {text}")))?;
            if !found.contains(&value) {
                found.push(value);
            }
        }
        Ok(found)
    }

    /// The layer that all of these labels are in.
    ///
    /// # Errors
    /// They are in several.
    pub fn one_layer(&self, labels: &[u16]) -> Result<LayerId, OperationError> {
        let mut layers = labels.iter().map(|&label| self.table().layer_of(label));
        let first = layers.next().unwrap_or(self.document.active_layer());
        if layers.all(|layer| layer == first) {
            return Ok(first);
        }
        Err(OperationError::new(
            "the labels lie in several layers, where they may overlap: move them to one, or do them one by one",
        ))
    }

    /// Adds a label of this value, or of the first free one, to the active layer.
    ///
    /// # Errors
    /// All values are in use.
    pub(in crate::session) fn add_label(
        &mut self,
        value: Option<u16>,
        name: &str,
    ) -> Result<u16, OperationError> {
        self.add_label_in(self.document.active_layer(), value, name)
    }

    fn add_label_in(
        &mut self,
        layer: LayerId,
        value: Option<u16>,
        name: &str,
    ) -> Result<u16, OperationError> {
        let value = value.or_else(|| self.table().next_free_value());
        let value = value.ok_or_else(|| OperationError::new(NO_VALUE_LEFT))?;
        self.document.table.add_in(layer, value, name);
        Ok(value)
    }

    /// Begins labels named after another and in its layer, as many as asked for: `lung_2`, `lung_3`, ..
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
        let layer = self.table().layer_of(label);
        let mut numbers = 2u32..;
        let mut begun = Vec::with_capacity(count);
        for _ in 0..count {
            let mut names = numbers.by_ref().map(|n| format!("{stem}_{n}"));
            let unused = names.find(|name| self.table().by_title(name).is_none());
            begun.push(self.add_label_in(layer, None, &unused.unwrap_or_default())?);
        }
        self.begun.extend(&begun);
        Ok(begun)
    }

    /// The active label; without one, a new one. `None`, and said, where it cannot change.
    pub(in crate::session) fn receiving_label(&mut self) -> Option<u16> {
        self.document.receiving_label(self.out)
    }

    /// Makes a label the active one.
    pub(in crate::session) fn activate(&mut self, label: u16) {
        self.document.activate(label);
    }

    /// What the model works towards, to change.
    pub(in crate::session) fn target_mut(&mut self) -> &mut Target {
        &mut self.document.target
    }

    /// Names, colours and locks, to change. Voxels do not follow.
    pub(in crate::session) fn table_mut(&mut self) -> &mut LabelTable {
        &mut self.document.table
    }

    /// Brings the layers to those of the table.
    pub(in crate::session) fn layers_changed(&mut self) {
        let document = &mut *self.document;
        document.layers.follow(&document.table);
        document.forget_missing_active();
    }

    /// Makes a layer the active one, without an active label.
    pub(in crate::session) fn activate_layer(&mut self, layer: LayerId) {
        self.document.target.active = None;
        self.document.target.layer = layer;
        self.layers_changed();
    }

    /// Moves a label with its voxels to another layer.
    ///
    /// # Errors
    /// Other labels have some of its voxels there; nothing is changed.
    pub(in crate::session) fn move_label(&mut self, label: u16, to: LayerId) -> Result<(), String> {
        let crop = self.crop(label);
        if let Some(crop) = &crop {
            let taken = self.not_free(to, crop);
            if taken > 0 {
                let size = self.scan.size_text(taken);
                return Err(format!(
                    "labels of that layer have {size} of it: move those first, or let results take from other labels"
                ));
            }
            self.erase(label, None);
        }
        if let Some(moved) = self.table_mut().get_mut(label) {
            moved.layer = to;
        }
        if let Some(crop) = crop {
            self.add(label, &crop);
        }
        self.document.forget_missing_active();
        Ok(())
    }

    /// Takes a label out of the table; whoever works on it is left without one.
    pub(in crate::session) fn remove_label(&mut self, label: u16) {
        if self.document.target.active == Some(label) {
            self.document.target.clear();
        }
        self.document.table.remove(label);
        self.document.forget_missing_active();
    }

    /// Takes a label whose voxels went to another out of the table, where it is neither locked nor has voxels; who works
    /// on it goes on with the other.
    pub fn replace_label(&mut self, label: u16, by: u16) {
        let has_voxels = label_bounds(self.labels_with(label), label).is_some();
        if label == by || self.locks.holds(label) || has_voxels {
            return;
        }
        if self.document.target.active == Some(label) {
            self.activate(by);
        }
        self.remove_label(label);
    }

    /// Makes the change one step of the history.
    pub(in crate::session) fn commit(self, step: impl Into<Cow<'static, str>>) {
        self.commit_merging(step, None);
    }

    /// As [`Self::commit`]; steps that follow each other with the same key become one.
    pub(in crate::session) fn commit_merging(
        mut self,
        step: impl Into<Cow<'static, str>>,
        merge: Option<u16>,
    ) {
        let mut written = std::mem::take(&mut self.written);
        written.retain_mut(|delta| {
            delta.runs.shrink();
            !delta.runs.is_empty()
        });
        if let Some(mark) = self.mark.take() {
            self.document
                .commit_merging(step, merge, mark, written, self.out);
        }
    }

    /// As [`Self::commit`], for the answer to prompts: it belongs to the step that asked, where that stands last.
    pub(in crate::session) fn commit_answer(mut self, step: &'static str) {
        let document = &mut *self.document;
        if document.history.amend_target(document.target.record()) {
            self.mark = None;
            self.out.push(Effect::ProposalChanged);
        } else {
            self.commit(step);
        }
    }

    /// As [`Self::commit`]; says what the result did not get, and where nothing changes.
    pub(in crate::session) fn finish(mut self, step: &'static str) {
        self.drop_labels_begun_for_nothing();
        self.say_what_is_left();
        let is_same_table = self
            .mark
            .as_ref()
            .is_some_and(|m| m.table == self.document.table);
        if is_same_table && self.written.iter().all(|d| d.runs.is_empty()) {
            self.out.info(format!("{step}: nothing to change"));
        } else {
            self.commit(step);
        }
    }

    /// Says how much of what was to be written stays with other labels.
    pub(in crate::session) fn say_what_is_left(&mut self) {
        if self.left > 0 {
            let size = self.scan.size_text(self.left);
            self.out
                .info(format!("{size} stay with the labels that have them"));
        }
    }

    /// How large something of this many voxels is, in words.
    pub(in crate::session) fn size_text(&self, voxels: usize) -> String {
        self.scan.size_text(voxels)
    }

    /// Tells something on the way.
    pub(in crate::session) fn info(&mut self, text: String) {
        self.out.info(text);
    }

    /// Tells why nothing is done.
    pub(in crate::session) fn refuse(self, reason: impl Into<String>) {
        self.out.refuse(reason);
    }

    /// A label that was begun and got nothing is not begun.
    fn drop_labels_begun_for_nothing(&mut self) {
        let gained = |value: u16| {
            let mut runs = self.written.iter().flat_map(|d| d.runs.iter());
            runs.any(|run| run.value.1 == value)
        };
        let empty: Vec<u16> = self.begun.iter().copied().filter(|&v| !gained(v)).collect();
        for value in empty {
            self.document.table.remove(value);
        }
    }
}

impl Drop for Edit<'_> {
    fn drop(&mut self) {
        let Some(mark) = self.mark.take() else {
            return;
        };
        self.document.reset_to(mark, self.out);
        for delta in &self.written {
            delta.patch(&mut self.document.layers, true);
        }
    }
}
