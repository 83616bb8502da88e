//! What a prompt asks of the model: with the target so far, and beside what other labels have.

use std::sync::Arc;

use crate::geometry::VoxelIndex;
use crate::prompt::{
    Alike, Asked, Click, DrawingKind, OtherLabels, Polarity, PromptSet, kind_of_numbered,
};
use crate::volume::{Grid, Label, LabelMap, Mask};

use super::document::{Document, is_made_up};
use super::{Case, Proposed, Tools};

impl Case {
    /// What a click would ask of the model, were it made now; `None` where it would ask nothing: it lies beside the scan,
    /// the label that it is for is locked, prompts wait to be asked by hand, or structures have to be decided on first.
    pub fn asked_by_click(&self, click: Click, tools: &Tools) -> Option<Asked> {
        let is_locked = self.document.active().is_some_and(|label| label.locked);
        let structures = self
            .proposal()
            .is_some_and(|p| matches!(p.content, Proposed::Structures { .. }));
        if is_locked || structures || tools.asks_by_hand || !self.grid().contains(click.voxel) {
            return None;
        }
        let mut prompts = self.prompts().clone();
        prompts.add(PromptSet {
            clicks: vec![click],
            ..PromptSet::default()
        });
        Some(self.asked(prompts, self.prior_of_refining(), *tools))
    }

    /// Whether prompts stand that the model has not answered and is not being asked about.
    pub fn awaits_an_answer(&self) -> bool {
        let is_answered = self.document.target.proposal_answers_prompts();
        !self.prompts().is_empty() && !is_answered && !self.is_prompt_running()
    }

    /// Another label that has a voxel and keeps it, whatever is accepted for the label that receives.
    pub fn keeper_of(&self, voxel: VoxelIndex, tools: &Tools) -> Option<&Label> {
        let document = &self.document;
        let value = receiving_map(document).voxels[self.grid().offset_of(voxel)?];
        let keeps = |label: &&Label| !tools.take_from_others || label.locked;
        let other = document.table().get(value).filter(keeps)?;
        (Some(value) != document.target.active).then_some(other)
    }

    /// What prompts ask with a target so far.
    pub(super) fn asked(
        &self,
        prompts: PromptSet,
        prior: Option<Arc<Mask>>,
        tools: Tools,
    ) -> Asked {
        Asked {
            others: self.others(&prompts, tools),
            alike: self.alike(),
            size: tools.target_size,
            called: self.called(),
            prompts,
            prior,
        }
    }

    /// The target so far that a click or a drawing refines.
    pub(super) fn prior_of_refining(&self) -> Option<Arc<Mask>> {
        self.standing_mask()
            .or_else(|| self.document.accepted_prior())
    }

    /// The proposed target; `None` also when it is empty and says nothing.
    fn standing_mask(&self) -> Option<Arc<Mask>> {
        let proposal = self.document.proposal()?;
        (proposal.voxels() > 0)
            .then(|| proposal.mask().cloned())
            .flatten()
    }

    /// What the user calls the label that prompts are for.
    fn called(&self) -> Option<String> {
        let named = self.document.active().filter(|l| !is_made_up(&l.name));
        named.map(|label| label.name.clone())
    }

    /// Labels of the target's layer that are of its kind: of its group, or numbered like it.
    fn alike(&self) -> Option<Alike> {
        let document = &self.document;
        let active = document.active()?;
        let kind = kind_of_numbered(&active.name);
        let is_alike = |label: &&Label| {
            let is_grouped = !active.group.is_empty() && label.group == active.group;
            let is_numbered = kind.is_some() && kind_of_numbered(&label.name) == kind;
            label.layer == active.layer
                && label.value != active.value
                && (is_grouped || is_numbered)
                && document.voxel_count(label.value) > 0
        };
        let alike = document.table().labels().iter().filter(is_alike);
        let alike = alike.map(|label| label.value).collect();
        Alike::new(Arc::clone(receiving_map(document)), alike)
    }

    /// Labels of the target's layer that keep their voxels, but for those that the prompts point into: there the user
    /// looks for something inside of them.
    fn others(&self, prompts: &PromptSet, tools: Tools) -> Option<OtherLabels> {
        let document = &self.document;
        let labels = receiving_map(document);
        let layer = match document.active() {
            Some(active) => active.layer,
            None => document.active_layer(),
        };
        let pointed_into = values_at(prompts, labels);
        let is_held = |label: &&Label| {
            label.layer == layer
                && Some(label.value) != document.target.active
                && (!tools.take_from_others || label.locked)
                && document.voxel_count(label.value) > 0
                && !pointed_into.contains(&label.value)
        };
        let held = document.table().labels().iter().filter(is_held);
        let held: Vec<u16> = held.map(|label| label.value).collect();
        OtherLabels::new(Arc::clone(labels), &held)
    }
}

/// The labels of the layer that an accepted target goes to.
fn receiving_map(document: &Document) -> &Arc<LabelMap> {
    match document.target.active {
        Some(active) => document.labels_with(active),
        None => document.labels(),
    }
}

/// The labels that prompts for a target point into: under positive clicks and scribbles, in the middle of the box and of
/// positive lassos and diameters.
fn values_at(prompts: &PromptSet, labels: &LabelMap) -> Vec<u16> {
    let grid: &Grid = &labels.grid;
    let clicked = prompts.positive().map(|click| click.voxel);
    let scribbled = prompts.drawn(DrawingKind::Scribble, Polarity::Positive);
    let scribbled = scribbled.flat_map(|d| d.voxels(grid));
    let middles = [DrawingKind::Lasso, DrawingKind::Diameter].into_iter();
    let middles = middles.flat_map(|kind| prompts.drawn(kind, Polarity::Positive));
    let middles = middles.flat_map(|d| d.clicks(grid)).map(|c| c.voxel);
    let boxes = prompts.target_box.into_iter();
    let in_box = boxes.map(|b| VoxelIndex([0, 1, 2].map(|d| (b.min[d] + b.max[d]) / 2)));
    let places = clicked.chain(scribbled).chain(middles).chain(in_box);
    let values = places.filter_map(|voxel| Some(labels.voxels[grid.offset_of(voxel)?]));
    values.collect()
}
