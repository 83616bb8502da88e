//! What the model works towards: the active label and its layer, the prompts for it, and the standing proposal.

use std::sync::Arc;

use crate::prompt::PromptSet;
use crate::session::effect::{Effect, Effects};
use crate::volume::LayerId;

use super::proposal::{PackedProposal, Proposal};

/// What the model works towards.
#[derive(Debug, Default)]
pub(in crate::session) struct Target {
    /// The layer that new labels begin in; that of the active label, where there is one.
    pub layer: LayerId,
    pub active: Option<u16>,
    pub prompts: PromptSet,
    /// Number of clicks and drawings when the box was set, to know which prompt came last.
    pub given_before_box: usize,
    pub proposal: Option<Proposal>,
}

/// A [`Target`] as the history keeps it.
#[derive(Debug, Clone)]
pub(in crate::session) struct TargetRecord {
    pub layer: LayerId,
    pub active: Option<u16>,
    pub prompts: PromptSet,
    pub given_before_box: usize,
    pub proposal: Option<Arc<PackedProposal>>,
}

impl PartialEq for TargetRecord {
    fn eq(&self, other: &Self) -> bool {
        self.layer == other.layer
            && self.active == other.active
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
        self.prompts.bytes() + self.proposal.as_ref().map_or(0, |p| p.bytes())
    }

    /// Tells what differs from how it was before.
    pub fn announce(&self, before: &Self, out: &mut Effects) {
        if before.active != self.active || before.layer != self.layer {
            out.push(Effect::TableChanged);
        }
        if before.prompts != self.prompts {
            out.push(Effect::PromptsChanged);
        }
        if !same_proposal(before.proposal.as_ref(), self.proposal.as_ref()) {
            out.push(Effect::ProposalChanged);
        }
    }
}

impl Target {
    pub fn record(&self) -> TargetRecord {
        TargetRecord {
            layer: self.layer,
            active: self.active,
            prompts: self.prompts.clone(),
            given_before_box: self.given_before_box,
            proposal: self.proposal.as_ref().map(|p| p.packed.clone()),
        }
    }

    /// Drops prompts and proposal.
    pub fn clear(&mut self) {
        self.prompts = PromptSet::default();
        self.given_before_box = 0;
        self.proposal = None;
    }

    /// Adds clicks and drawings, or a box in the place of the one before.
    pub fn add(&mut self, added: PromptSet) {
        let has_box = added.target_box.is_some();
        self.prompts.add(added);
        if has_box {
            self.given_before_box = self.prompts.pointed_count();
        }
    }

    /// Takes back the prompt given last; with the last of them goes the proposal.
    pub fn remove_last(&mut self) {
        let given = self.prompts.pointed_count();
        let box_is_last = self.prompts.target_box.is_some() && self.given_before_box == given;
        if box_is_last {
            self.prompts.target_box = None;
        } else {
            self.prompts = self.prompts.first(given.saturating_sub(1));
        }
        if self.prompts.is_empty() {
            self.clear();
        }
    }

    /// Takes a structure out of the proposal; the proposal goes with the last.
    pub fn take_out(&mut self, value: u16) {
        self.proposal = match self.proposal.take() {
            Some(p) if p.mask().is_none() && p.packed.values().contains(&value) => p.without(value),
            other => other,
        };
    }

    /// Whether the standing proposal was made from the prompts as they are now.
    pub fn proposal_answers_prompts(&self) -> bool {
        let made_from = self.proposal.as_ref().map(|p| &p.packed.prompts);
        made_from.unwrap_or(&PromptSet::default()) == &self.prompts
    }
}
