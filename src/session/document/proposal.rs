//! What the model found and nobody has accepted yet.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::models::{Certainty, Estimate, PromptedResult};
use crate::prompt::PromptSet;
use crate::volume::{Grid, LabelMap, LabelTable, Mask, Runs};

use super::journal::unique_number;

/// What is proposed.
#[derive(Debug, Clone)]
pub enum Proposed {
    /// The target of the prompts, for one label.
    Target {
        /// The label it is for.
        label: u16,
        /// Its voxels, on the scan's grid.
        mask: Arc<Mask>,
    },
    /// Structures found without a prompt.
    Structures {
        /// Values of `table`, on the scan's grid.
        labels: Arc<LabelMap>,
        /// Their names; not the session's own table.
        table: Arc<LabelTable>,
    },
}

/// A result that waits to be accepted, refined or rejected.
#[derive(Debug)]
pub struct Proposal {
    /// What is proposed.
    pub content: Proposed,
    /// The model's own estimate, when it makes one.
    pub estimate: Option<Estimate>,
    /// How sure the model is of each voxel, where it can tell.
    pub certainty: Option<Certainty>,
    pub(in crate::session) packed: Arc<PackedProposal>,
}

/// A proposal as the history keeps it: run-length coded.
#[derive(Debug)]
pub(in crate::session) struct PackedProposal {
    /// Equal ids mean equal proposals, whether in memory or read from the journal.
    pub id: u64,
    pub runs: Runs<u16>,
    pub kind: PackedKind,
    pub estimate: Option<Estimate>,
    pub certainty: Option<Certainty>,
    /// What its user should know of it, one sentence each; as `certainty` it is not in the journal.
    pub said: Vec<String>,
    /// The structure that a target is, where the model knows it by itself; as `certainty` it is not in the journal.
    pub structure: Option<String>,
    /// What it was made from; empty for structures.
    pub prompts: PromptSet,
}

#[derive(Debug)]
pub(in crate::session) enum PackedKind {
    Target(u16),
    Structures(Arc<LabelTable>),
}

impl Proposal {
    /// A target found from these prompts.
    pub(in crate::session) fn target(
        label: u16,
        answer: PromptedResult,
        prompts: PromptSet,
    ) -> Self {
        let PromptedResult { mask, estimate, .. } = answer;
        let certainty = answer.insight.map(|i| i.certainty.clone());
        let packed = Arc::new(PackedProposal {
            id: unique_number(),
            runs: Runs::of_nonzero(&mask.voxels),
            kind: PackedKind::Target(label),
            estimate,
            certainty: certainty.clone(),
            said: answer.warnings,
            structure: answer.structure,
            prompts,
        });
        Self {
            content: Proposed::Target {
                label,
                mask: Arc::new(mask),
            },
            estimate,
            certainty,
            packed,
        }
    }

    /// Structures found without a prompt.
    pub(in crate::session) fn structures(
        labels: LabelMap,
        table: LabelTable,
        estimate: Option<Estimate>,
        certainty: Option<Certainty>,
    ) -> Self {
        let table = Arc::new(table);
        let packed = Arc::new(PackedProposal {
            id: unique_number(),
            runs: Runs::of_nonzero(&labels.voxels),
            kind: PackedKind::Structures(table.clone()),
            estimate,
            certainty: certainty.clone(),
            said: Vec::new(),
            structure: None,
            prompts: PromptSet::default(),
        });
        Self {
            content: Proposed::Structures {
                labels: Arc::new(labels),
                table,
            },
            estimate,
            certainty,
            packed,
        }
    }

    /// The proposal that was packed, on the scan's grid.
    pub(in crate::session) fn unpack(packed: Arc<PackedProposal>, grid: Grid) -> Self {
        let content = match &packed.kind {
            PackedKind::Target(label) => {
                let mut mask = Mask::empty(grid);
                for run in packed.runs.iter() {
                    mask.voxels[run.range()].fill(1);
                }
                Proposed::Target {
                    label: *label,
                    mask: Arc::new(mask),
                }
            }
            PackedKind::Structures(table) => {
                let mut labels = LabelMap::empty(grid);
                for run in packed.runs.iter() {
                    labels.voxels[run.range()].fill(run.value);
                }
                Proposed::Structures {
                    labels: Arc::new(labels),
                    table: table.clone(),
                }
            }
        };
        Self {
            content,
            estimate: packed.estimate,
            certainty: packed.certainty.clone(),
            packed,
        }
    }

    /// What the model said of a target, one sentence each.
    pub fn said(&self) -> &[String] {
        &self.packed.said
    }

    /// The mask, when it is a target.
    pub fn mask(&self) -> Option<&Arc<Mask>> {
        match &self.content {
            Proposed::Target { mask, .. } => Some(mask),
            Proposed::Structures { .. } => None,
        }
    }

    /// The proposal without one of its structures; `None` when nothing is left, or it has no structures.
    pub(in crate::session) fn without(&self, value: u16) -> Option<Self> {
        let Proposed::Structures { labels, table } = &self.content else {
            return None;
        };
        let (mut labels, mut table) = (LabelMap::clone(labels), LabelTable::clone(table));
        for run in self.packed.runs.iter().filter(|r| r.value == value) {
            labels.voxels[run.range()].fill(0);
        }
        table.remove(value);
        let left = Self::structures(labels, table, self.estimate, self.certainty.clone());
        (left.voxels() > 0).then_some(left)
    }

    /// Number of voxels proposed, of all structures together; [`crate::session::Case::gain`] tells how many accepting gives.
    pub fn voxels(&self) -> usize {
        self.packed.runs.voxels()
    }
}

impl PackedProposal {
    /// The voxels proposed; of value 1 for a target.
    pub fn runs(&self) -> &Runs<u16> {
        &self.runs
    }

    /// The runs of one value, as a target of their own.
    pub fn runs_of(&self, value: u16) -> Runs<u16> {
        let mut runs = Runs::default();
        for run in self.runs.iter().filter(|r| r.value == value) {
            runs.push_run(*run);
        }
        runs
    }

    /// The values that occur; 1 for a target.
    pub fn values(&self) -> BTreeSet<u16> {
        self.runs.iter().map(|r| r.value).collect()
    }

    pub fn bytes(&self) -> usize {
        let certainty = self.certainty.as_ref().map_or(0, Certainty::bytes);
        let sentences = self.said.iter().chain(&self.structure);
        let said: usize = sentences.map(String::len).sum();
        self.runs.bytes() + self.prompts.bytes() + certainty + said
    }
}
