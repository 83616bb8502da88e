//! The model's work: jobs asked for, results that come back, accept and reject.

use std::ops::Range;
use std::sync::Arc;

use crate::geometry::{VoxelBox, VoxelIndex};
use crate::models::{AutoResult, PromptedResult};
use crate::prompt::{Polarity, PromptSet, REFINED_SLACK};
use crate::volume::components::{Connectivity, Pieces};
use crate::volume::morphology::Crop;
use crate::volume::{Grid, Label, LabelMap, LabelTable, Mask, title_of};

use super::document::{Adopted, Edit, PackedProposal, is_made_up};
use super::effect::{Effect, Effects};
use super::{AiCommand, Case, Proposal, Proposed, Ticket, Tools};

/// Jobs whose results are expected.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    pub prompt: Option<Ticket>,
    pub auto: Option<Ticket>,
    /// An automatic result that came while something else was going on.
    waiting: Option<AutoResult>,
}

impl Case {
    pub(super) fn apply_ai(&mut self, command: AiCommand, tools: Tools, out: &mut Effects) {
        match command {
            AiCommand::RunAuto { structures } => {
                self.cancel_auto_job(out);
                let ticket = Ticket(self.document.number());
                self.jobs.auto = Some(ticket);
                out.push(Effect::RunAuto { ticket, structures });
            }
            AiCommand::PromptResult { ticket, result } if self.jobs.prompt == Some(ticket) => {
                self.jobs.prompt = None;
                self.propose_target(result, out);
            }
            AiCommand::AutoResult { ticket, result } if self.jobs.auto == Some(ticket) => {
                self.jobs.auto = None;
                self.jobs.waiting = Some(result);
            }
            AiCommand::PromptResult { .. } | AiCommand::AutoResult { .. } => {}
            AiCommand::JobEnded { ticket, failure } => self.end_job(ticket, failure, out),
            AiCommand::Accept => {
                self.accept(tools, out);
            }
            AiCommand::Reject => self.drop_target("reject", out),
            AiCommand::AcceptStructure(value) => self.accept_structure(value, tools, out),
            AiCommand::RejectStructure(value) => self.reject_structure(value, out),
        }
    }

    fn end_job(&mut self, ticket: Ticket, failure: Option<String>, out: &mut Effects) {
        let expected = [&mut self.jobs.prompt, &mut self.jobs.auto];
        let Some(job) = expected.into_iter().find(|j| **j == Some(ticket)) else {
            return;
        };
        *job = None;
        if let Some(message) = failure {
            out.refuse(message);
        }
    }

    /// Asks for the target of the prompts, if there are any.
    pub(super) fn run_prompts(
        &mut self,
        prior: Option<Arc<Mask>>,
        tools: Tools,
        out: &mut Effects,
    ) {
        if self.document.prompts().is_empty() {
            return;
        }
        let ticket = Ticket(self.document.number());
        self.jobs.prompt = Some(ticket);
        let asked = self.asked(self.document.prompts().clone(), prior, tools);
        out.push(Effect::RunPrompt { ticket, asked });
    }

    pub(super) fn cancel_prompt_job(&mut self, out: &mut Effects) {
        if let Some(ticket) = self.jobs.prompt.take() {
            out.push(Effect::CancelJob(ticket));
        }
    }

    pub(super) fn cancel_auto_job(&mut self, out: &mut Effects) {
        self.jobs.waiting = None;
        if let Some(ticket) = self.jobs.auto.take() {
            out.push(Effect::CancelJob(ticket));
        }
    }

    fn propose_target(&mut self, mut result: PromptedResult, out: &mut Effects) {
        let Some(label) = self.document.target.active else {
            return;
        };
        if result.mask.grid.dims != self.grid().dims {
            out.refuse("the model's result does not fit the scan and was dropped: try again");
            return;
        }
        result.warnings = warn_of(&result.warnings, out);
        let prompts = self.document.prompts().clone();
        let labels = self.document.labels_with(label);
        keep_untouched_pieces(&mut result.mask, labels, label, &prompts);
        let proposal = Proposal::target(label, result, prompts);
        if proposal.voxels() == 0 && !says_nothing_found(proposal.said()) {
            out.warn("the model found nothing there: click again, or draw a box around the target");
        }
        let mut edit = Edit::unsettled(self, out);
        edit.target_mut().proposal = Some(proposal);
        edit.commit_answer("AI result");
    }

    /// Makes an automatic result the proposal, as soon as nothing else is being decided.
    pub(super) fn show_waiting_structures(&mut self, out: &mut Effects) {
        let target = &self.document.target;
        let busy = self.stroke.is_some() || target.proposal.is_some() || !target.prompts.is_empty();
        if busy {
            return;
        }
        let Some(result) = self.jobs.waiting.take() else {
            return;
        };
        if result.labels.grid.dims != self.grid().dims {
            out.refuse("the model's result does not fit the scan and was dropped: try again");
            return;
        }
        warn_of(&result.sentences(), out);
        let certainty = result.insight.map(|i| i.certainty.clone());
        let proposal =
            Proposal::structures(result.labels, result.table, result.estimate, certainty);
        if proposal.voxels() == 0 {
            if result.nothing.is_none() {
                out.warn("the model found none of its structures in this scan");
            }
            return;
        }
        let mut edit = Edit::unsettled(self, out);
        edit.target_mut().proposal = Some(proposal);
        edit.commit("automatic result");
    }

    /// Writes the proposal into the labels. Returns whether nothing is left to decide.
    pub(super) fn accept(&mut self, tools: Tools, out: &mut Effects) -> bool {
        let Some(proposal) = self.document.proposal() else {
            return true;
        };
        let packed = Arc::clone(&proposal.packed);
        match proposal.content.clone() {
            Proposed::Target { label, .. } => self.accept_target(label, &packed, tools, out),
            Proposed::Structures { table, .. } => {
                self.accept_structures(&packed, &table, tools, out);
                true
            }
        }
    }

    fn accept_target(
        &mut self,
        label: u16,
        target: &PackedProposal,
        tools: Tools,
        out: &mut Effects,
    ) -> bool {
        if self.document.is_locked(label, out) {
            return false;
        }
        self.cancel_prompt_job(out);
        let mut edit = self.accepting(tools, out);
        edit.accept(label, target.runs());
        edit.say_what_is_left();
        if let Some(structure) = &target.structure {
            call_after(label, structure, &mut edit);
        }
        edit.target_mut().clear();
        edit.commit("accept");
        true
    }

    /// A change that takes from other labels where the user wants that.
    fn accepting<'a>(&'a mut self, tools: Tools, out: &'a mut Effects) -> Edit<'a> {
        let mut edit = Edit::unsettled(self, out);
        if tools.take_from_others {
            edit.allow_from_all();
        }
        edit
    }

    fn accept_structure(&mut self, value: u16, tools: Tools, out: &mut Effects) {
        let Some(Proposal {
            content: Proposed::Structures { table, .. },
            packed,
            ..
        }) = self.document.proposal()
        else {
            return;
        };
        let (packed, names) = (Arc::clone(packed), Arc::clone(table));
        let adopted = self.adopted(&packed, &names);
        let label = adopted.value_of.get(&value);
        let Some(label) = label.and_then(|&v| adopted.table.get(v)).cloned() else {
            return;
        };
        if self.document.is_locked(label.value, out) {
            return;
        }
        let mut edit = self.accepting(tools, out);
        let value_of_label = label.value;
        if edit.table().get(value_of_label).is_none() {
            edit.table_mut().insert(label);
        }
        edit.accept(value_of_label, &packed.runs_of(value));
        edit.say_what_is_left();
        edit.target_mut().take_out(value);
        edit.commit("accept structure");
    }

    fn reject_structure(&mut self, value: u16, out: &mut Effects) {
        let mut edit = Edit::unsettled(self, out);
        edit.target_mut().take_out(value);
        edit.commit("reject structure");
    }

    /// The labels that proposed structures become.
    fn adopted(&self, packed: &PackedProposal, names: &LabelTable) -> Adopted {
        let document = &self.document;
        Adopted::by(document.table(), document.active_layer(), packed, names)
    }

    fn accept_structures(
        &mut self,
        proposed: &PackedProposal,
        names: &LabelTable,
        tools: Tools,
        out: &mut Effects,
    ) {
        let Adopted { table, value_of } = self.adopted(proposed, names);
        let labels = value_of.values().filter_map(|&v| table.get(v));
        let skipped: Vec<String> = labels.filter(|l| l.locked).map(Label::title).collect();
        let mut edit = self.accepting(tools, out);
        *edit.table_mut() = table;
        edit.accept_several(proposed.runs(), &value_of);
        if !skipped.is_empty() {
            edit.info(format!("locked and left as before: {}", skipped.join(", ")));
        }
        edit.target_mut().clear();
        edit.commit("accept automatic result");
    }

    /// Accepts a standing proposal and drops unanswered prompts, because the user moves on. Returns whether
    /// the way is free; it is not when the proposal is for a locked label.
    pub(super) fn settle(&mut self, tools: Tools, out: &mut Effects) -> bool {
        if self.document.proposal().is_some() {
            if !self.accept(tools, out) {
                return false;
            }
            out.info("the proposal was accepted");
        } else if !self.document.prompts().is_empty() {
            self.drop_target("clear prompts", out);
        }
        true
    }
}

/// Calls a label that nobody has named after the structure in it, unless another label is called so.
fn call_after(label: u16, structure: &str, edit: &mut Edit<'_>) {
    if edit.table().by_title(structure).is_some() {
        return;
    }
    let unnamed = edit.table_mut().get_mut(label);
    if let Some(label) = unnamed.filter(|l| is_made_up(&l.name)) {
        let before = label.title();
        label.name = structure.to_owned();
        let told = format!(
            "{before} is called {} now: rename it if it is something else",
            label.title()
        );
        edit.info(told);
    }
}

/// Whether the model itself has said that it found nothing: it knows why, and once is enough.
fn says_nothing_found(warnings: &[String]) -> bool {
    warnings.iter().any(|w| w.contains("found"))
}

/// Tells what the model says of its answer, and gives it as it was told: structures are named as users read them.
fn warn_of(warnings: &[String], out: &mut Effects) -> Vec<String> {
    let said: Vec<String> = warnings.iter().map(|w| title_of(w)).collect();
    said.iter().for_each(|w| out.warn(w.clone()));
    said
}

/// Adds to a result what the model did not look at: those pieces of the label that it does not touch and that no negative
/// prompt lies in; of a piece that it touches what lies out of the box's reach, unless a negative prompt lies there.
fn keep_untouched_pieces(mask: &mut Mask, labels: &LabelMap, label: u16, prompts: &PromptSet) {
    let Some(crop) = Crop::of_label(labels, label) else {
        return;
    };
    let pieces = Pieces::of(&crop.voxels, crop.dims(), Connectivity::TwentySix);
    let reach = prompts.reach(REFINED_SLACK);
    let mut looked_at = vec![false; pieces.sizes().len() + 1];
    let mut let_go = looked_at.clone();
    // No run goes over the end of a row, so it is a range of the whole volume's offsets too.
    let [ni, nj, _] = crop.dims();
    let in_volume = |run: &Range<usize>| {
        let at = [run.start % ni, run.start / ni % nj, run.start / (ni * nj)];
        let [i, j, k] = std::array::from_fn(|d| at[d] + crop.bounds.min[d] as usize);
        let start = labels.grid.offset(i, j, k);
        start..start + run.len()
    };
    for (run, piece) in pieces.runs() {
        let found = &mask.voxels[in_volume(run)];
        looked_at[piece as usize] |= found.iter().fold(0, |all, &v| all | v) != 0;
    }
    let in_crop = |voxel: &VoxelIndex| crop.bounds.contains(*voxel);
    for voxel in negative_voxels(prompts, &labels.grid).filter(in_crop) {
        let at: [usize; 3] = std::array::from_fn(|d| (voxel.0[d] - crop.bounds.min[d]) as usize);
        let piece = pieces.at(at[0] + ni * (at[1] + nj * at[2])) as usize;
        looked_at[piece] = true;
        let_go[piece] |= reach.is_some_and(|r| !r.contains(voxel));
    }
    for (run, piece) in pieces.runs() {
        let (run, piece) = (in_volume(run), piece as usize);
        let judged = match reach {
            _ if !looked_at[piece] => run.end..run.end,
            Some(reach) if !let_go[piece] => part_in(&run, &labels.grid, reach),
            _ => run.clone(),
        };
        mask.voxels[run.start..judged.start].fill(1);
        mask.voxels[judged.end..run.end].fill(1);
    }
}

/// Where the user said "not this".
fn negative_voxels<'a>(
    prompts: &'a PromptSet,
    grid: &'a Grid,
) -> impl Iterator<Item = VoxelIndex> + 'a {
    let clicks = prompts.clicks.iter();
    let clicked = clicks.filter(|c| c.polarity == Polarity::Negative);
    let drawings = prompts.drawings.iter();
    let drawn = drawings.filter(|d| d.polarity == Polarity::Negative);
    let clicked = clicked.map(|click| click.voxel);
    clicked.chain(drawn.flat_map(move |drawing| drawing.voxels(grid)))
}

/// The part of a run of voxels of one row that lies in a box; empty, at the run's end, where none does.
fn part_in(run: &Range<usize>, grid: &Grid, bounds: VoxelBox) -> Range<usize> {
    let [i, j, k] = grid.voxel_at(run.start).0;
    let row = VoxelBox {
        min: [i, j, k],
        max: [i + run.len() as i64 - 1, j, k],
    };
    let offset = |at: i64| run.start + (at - i) as usize;
    bounds.intersection(row).map_or(run.end..run.end, |part| {
        offset(part.min[0])..offset(part.max[0]) + 1
    })
}
