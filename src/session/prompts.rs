//! What the user points at.

use std::sync::Arc;

use crate::prompt::{PromptError, PromptSet};
use crate::volume::Mask;

use super::document::Edit;
use super::effect::Effects;
use super::{Case, PromptCommand, Proposal, Proposed, Tools};

impl Case {
    pub(super) fn apply_prompt(&mut self, command: PromptCommand, tools: Tools, out: &mut Effects) {
        match command {
            PromptCommand::AddClick(click) => {
                let prompts = PromptSet {
                    clicks: vec![click],
                    target_box: None,
                };
                if let Err(e) = self.point(&prompts, tools, out) {
                    out.refuse(e.to_string());
                }
            }
            PromptCommand::SetBox(b) => {
                let prompts = PromptSet {
                    clicks: Vec::new(),
                    target_box: Some(b),
                };
                if let Err(e) = self.point(&prompts, tools, out) {
                    out.refuse(e.to_string());
                }
            }
            PromptCommand::Ask if self.document.target.proposal_answers_prompts() => {}
            PromptCommand::Ask => {
                let prior = self
                    .standing_mask()
                    .or_else(|| self.document.accepted_prior());
                self.run_prompts(prior, out);
            }
            PromptCommand::RemoveLast => self.remove_last_prompt(tools, out),
            PromptCommand::Clear => {
                if !self.document.prompts().is_empty() {
                    self.drop_target("clear prompts", out);
                }
            }
        }
    }

    /// Adds one click or one box and asks the model.
    fn point(
        &mut self,
        added: &PromptSet,
        tools: Tools,
        out: &mut Effects,
    ) -> Result<(), PromptError> {
        let added = added.on_grid(self.grid())?;
        let structures_stand = matches!(
            self.document.target.proposal,
            Some(Proposal {
                content: Proposed::Structures { .. },
                ..
            })
        );
        if structures_stand && !self.settle(tools, out) {
            return Ok(());
        }
        let mut edit = Edit::unsettled(self, out);
        if edit.receiving_label().is_none() {
            return Ok(());
        }
        let is_box = added.target_box.is_some();
        edit.target_mut().add(added);
        edit.commit(if is_box { "box" } else { "click" });
        if tools.asks_by_hand {
            // What is being answered is not all that was pointed at.
            self.cancel_prompt_job(out);
            return Ok(());
        }
        let standing = self.standing_mask().filter(|_| !is_box);
        let prior = standing.or_else(|| self.document.accepted_prior());
        self.run_prompts(prior, out);
        Ok(())
    }

    /// The proposed target; `None` also when it is empty and says nothing.
    fn standing_mask(&self) -> Option<Arc<Mask>> {
        let proposal = self.document.proposal()?;
        (proposal.voxels() > 0)
            .then(|| proposal.mask().cloned())
            .flatten()
    }

    fn remove_last_prompt(&mut self, tools: Tools, out: &mut Effects) {
        if self.document.prompts().is_empty() {
            return;
        }
        self.cancel_prompt_job(out);
        let mut edit = Edit::unsettled(self, out);
        edit.target_mut().remove_last();
        edit.commit("remove prompt");
        if !tools.asks_by_hand {
            self.run_prompts(self.document.accepted_prior(), out);
        }
    }

    /// Drops prompts and proposal, as a step.
    pub(super) fn drop_target(&mut self, step: &'static str, out: &mut Effects) {
        self.cancel_prompt_job(out);
        let mut edit = Edit::unsettled(self, out);
        edit.target_mut().clear();
        edit.commit(step);
    }
}
