//! What the user points at.

use crate::geometry::{Plane, VoxelPoint};
use crate::prompt::{Drawing, DrawingKind, Polarity, PromptError, PromptSet};

use super::document::Edit;
use super::effect::Effects;
use super::{Case, PromptCommand, Proposal, Proposed, Tools};

impl Case {
    pub(super) fn apply_prompt(&mut self, command: PromptCommand, tools: Tools, out: &mut Effects) {
        match command {
            PromptCommand::AddClick(click) => {
                let prompts = PromptSet {
                    clicks: vec![click],
                    ..PromptSet::default()
                };
                self.point("click", Ok(prompts), tools, out);
            }
            PromptCommand::SetBox(b) => {
                let prompts = PromptSet {
                    target_box: Some(b),
                    ..PromptSet::default()
                };
                self.point("box", Ok(prompts), tools, out);
            }
            PromptCommand::Draw {
                kind,
                polarity,
                plane,
                line,
            } => {
                let drawn = self.drawn(kind, polarity, plane, &line, &tools);
                let prompts = drawn.map(|drawing| PromptSet {
                    drawings: vec![drawing],
                    ..PromptSet::default()
                });
                self.point(kind.title(), prompts, tools, out);
            }
            PromptCommand::Ask if self.document.target.proposal_answers_prompts() => {}
            PromptCommand::Ask => self.run_prompts(self.prior_of_refining(), tools, out),
            PromptCommand::RemoveLast => self.remove_last_prompt(tools, out),
            PromptCommand::Clear => {
                if !self.document.prompts().is_empty() {
                    self.drop_target("clear prompts", out);
                }
            }
        }
    }

    /// What is drawn through these points on a view of this plane.
    ///
    /// # Errors
    /// It covers no voxel of the scan.
    pub fn drawn(
        &self,
        kind: DrawingKind,
        polarity: Polarity,
        plane: Plane,
        line: &[VoxelPoint],
        tools: &Tools,
    ) -> Result<Drawing, PromptError> {
        let grid = self.grid();
        let normal_axis = grid.normal_axis(plane);
        match kind {
            DrawingKind::Scribble => {
                let width_mm = tools.scribble_width_mm(grid, plane);
                Drawing::scribble(grid, normal_axis, line, width_mm, polarity)
            }
            DrawingKind::Lasso => Drawing::lasso(grid, normal_axis, line, polarity),
            DrawingKind::Diameter => {
                let (from, to) = (line.first(), line.last());
                let ends = from
                    .zip(to)
                    .ok_or(PromptError::NothingDrawn(kind.title()))?;
                Drawing::diameter(grid, normal_axis, [*ends.0, *ends.1], polarity)
            }
        }
    }

    /// Adds a prompt and asks the model; refuses one that is none.
    fn point(
        &mut self,
        step: &'static str,
        added: Result<PromptSet, PromptError>,
        tools: Tools,
        out: &mut Effects,
    ) {
        let added = match added.and_then(|added| added.on_grid(self.grid())) {
            Ok(added) => added,
            Err(error) => return out.refuse(error.to_string()),
        };
        let structures_stand = matches!(
            self.document.target.proposal,
            Some(Proposal {
                content: Proposed::Structures { .. },
                ..
            })
        );
        if structures_stand && !self.settle(tools, out) {
            return;
        }
        let mut edit = Edit::unsettled(self, out);
        if edit.receiving_label().is_none() {
            return;
        }
        let is_box = added.target_box.is_some();
        edit.target_mut().add(added);
        edit.commit(step);
        if tools.asks_by_hand {
            // What is being answered is not all that was pointed at.
            return self.cancel_prompt_job(out);
        }
        let prior = match is_box {
            true => self.document.accepted_prior(),
            false => self.prior_of_refining(),
        };
        self.run_prompts(prior, tools, out);
    }

    fn remove_last_prompt(&mut self, tools: Tools, out: &mut Effects) {
        if self.document.prompts().is_empty() {
            return;
        }
        let mut edit = Edit::unsettled(self, out);
        edit.target_mut().remove_last();
        edit.commit("remove prompt");
        self.ask_anew(tools, out);
    }

    /// Asks for the target of the prompts once more, without what they gave so far.
    pub(super) fn ask_anew(&mut self, tools: Tools, out: &mut Effects) {
        self.cancel_prompt_job(out);
        if !tools.asks_by_hand {
            self.run_prompts(self.document.accepted_prior(), tools, out);
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
