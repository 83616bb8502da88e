//! What the user points at.

use std::sync::Arc;

use crate::prompt::{PromptError, PromptSet};
use crate::volume::Mask;

use super::change::Target;
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
            PromptCommand::RemoveLast => self.remove_last_prompt(out),
            PromptCommand::Clear => {
                self.cancel_prompt_job(out);
                let mark = self.mark();
                if !self.target.prompts.is_empty() {
                    self.target.clear();
                }
                self.commit("clear prompts", mark, None, out);
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
            self.target.proposal,
            Some(Proposal {
                content: Proposed::Structures { .. },
                ..
            })
        );
        if structures_stand && !self.settle(tools, out) {
            return Ok(());
        }
        let mark = self.mark();
        let Some(_) = self.editable_label(out) else {
            return Ok(());
        };
        let prior = if added.target_box.is_some() {
            self.accepted_prior()
        } else {
            self.standing_mask().or_else(|| self.accepted_prior())
        };
        let name = if added.target_box.is_some() {
            "box"
        } else {
            "click"
        };
        self.target.add(added);
        self.commit(name, mark, None, out);
        self.run_prompts(prior, out);
        Ok(())
    }

    /// The proposed target; `None` also when it is empty and says nothing.
    fn standing_mask(&self) -> Option<Arc<Mask>> {
        let proposal = self.target.proposal.as_ref()?;
        (proposal.voxels() > 0)
            .then(|| proposal.mask().cloned())
            .flatten()
    }

    fn remove_last_prompt(&mut self, out: &mut Effects) {
        if self.target.prompts.is_empty() {
            return;
        }
        self.cancel_prompt_job(out);
        let mark = self.mark();
        self.target.remove_last();
        if self.target.prompts.is_empty() {
            self.target.clear();
        }
        self.commit("remove prompt", mark, None, out);
        self.run_prompts(self.accepted_prior(), out);
    }
}

impl Target {
    fn add(&mut self, added: PromptSet) {
        self.prompts.clicks.extend(added.clicks);
        if added.target_box.is_some() {
            self.prompts.target_box = added.target_box;
            self.clicks_before_box = self.prompts.clicks.len();
        }
    }

    fn remove_last(&mut self) {
        let box_is_last = self.prompts.target_box.is_some()
            && self.clicks_before_box == self.prompts.clicks.len();
        if box_is_last {
            self.prompts.target_box = None;
        } else {
            self.prompts.clicks.pop();
        }
    }
}
