//! What accepting the standing proposal would give: which labels, and how much of it they get.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::geometry::VoxelBox;
use crate::volume::{LabelMap, LabelTable, LayerId, Runs};

use super::document::{Adopted, Document, Locks, PackedProposal, box_of_runs};
use super::{Case, Proposed, Tools};

/// What accepting would give. Kept in step with labels, locks and tools, so that what is shown is what one gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Gain {
    /// Voxels that the labels get when all of the proposal is accepted.
    pub voxels: usize,
    /// Proposed voxels that they do not get: they stay with labels that have them, or are for a locked one.
    pub left: usize,
    /// Each structure on its own, in the order of the proposal's table; empty for a target.
    pub structures: Vec<StructureGain>,
    /// The session's table with the labels that accepting adds.
    pub table: LabelTable,
}

/// What accepting one structure of a proposal would give.
#[derive(Debug, Clone, PartialEq)]
pub struct StructureGain {
    /// Its value in the proposal.
    pub proposed: u16,
    /// The label that it becomes; in [`Gain::table`].
    pub becomes: u16,
    /// Voxels that the label gets when this structure alone is accepted.
    pub voxels: usize,
    /// Where it lies.
    pub bounds: VoxelBox,
}

impl Gain {
    /// Proposed structures in the values of the labels that they become.
    pub fn as_labels(&self, proposed: &Arc<LabelMap>) -> Arc<LabelMap> {
        if self.structures.iter().all(|s| s.becomes == s.proposed) {
            return Arc::clone(proposed);
        }
        let mut new_value: Vec<u16> = (0..=u16::MAX).collect();
        for structure in &self.structures {
            new_value[usize::from(structure.proposed)] = structure.becomes;
        }
        let drawn = proposed.voxels.iter().map(|&v| new_value[usize::from(v)]);
        Arc::new(LabelMap {
            grid: proposed.grid,
            voxels: drawn.collect(),
        })
    }
}

/// A gain, and all that it depends on.
#[derive(Debug)]
pub(super) struct KnownGain {
    of: Arc<PackedProposal>,
    revision: u64,
    /// Where new labels begin.
    layer: LayerId,
    locked: Vec<u16>,
    take_from_others: bool,
    pub gain: Gain,
}

impl Case {
    /// What accepting the standing proposal would give; `None` without one.
    pub fn gain(&self) -> Option<&Gain> {
        self.gain.as_ref().map(|known| &known.gain)
    }

    /// Brings [`Case::gain`] up to date; cheap when nothing that it depends on has changed.
    pub(super) fn update_gain(&mut self, tools: Tools) {
        let Some(proposal) = &self.document.target.proposal else {
            self.gain = None;
            return;
        };
        let document = &self.document;
        let locked: Vec<u16> = document
            .table
            .labels()
            .iter()
            .filter(|l| l.locked)
            .map(|l| l.value)
            .collect();
        let is_known = self.gain.as_ref().is_some_and(|known| {
            Arc::ptr_eq(&known.of, &proposal.packed)
                && known.revision == document.revision()
                && known.layer == document.active_layer()
                && known.locked == locked
                && known.take_from_others == tools.take_from_others
        });
        if is_known {
            return;
        }
        let gain = match &proposal.content {
            Proposed::Target { label, .. } => {
                document.gain_of_target(*label, proposal.packed.runs(), tools)
            }
            Proposed::Structures { table, .. } => {
                document.gain_of_structures(&proposal.packed, table, tools)
            }
        };
        self.gain = Some(KnownGain {
            of: Arc::clone(&proposal.packed),
            revision: document.revision(),
            layer: document.active_layer(),
            locked,
            take_from_others: tools.take_from_others,
            gain,
        });
    }
}

impl Document {
    fn gain_of_target(&self, label: u16, runs: &Runs<u16>, tools: Tools) -> Gain {
        let locks = Locks::of(&self.table);
        let mut voxels = 0;
        let labels = self.labels_with(label);
        visit(
            runs,
            |_| Some(&**labels),
            |_, old, len| {
                let taken =
                    old == 0 || old == label || (tools.take_from_others && !locks.holds(old));
                voxels += if taken && !locks.holds(label) { len } else { 0 };
            },
        );
        Gain {
            voxels,
            left: runs.voxels() - voxels,
            structures: Vec::new(),
            table: self.table.clone(),
        }
    }

    fn gain_of_structures(
        &self,
        packed: &PackedProposal,
        names: &LabelTable,
        tools: Tools,
    ) -> Gain {
        let locks = Locks::of(&self.table);
        let Adopted { table, value_of } =
            Adopted::by(&self.table, self.active_layer(), packed, names);
        let replaced: Vec<u16> = value_of
            .values()
            .copied()
            .filter(|&v| !locks.holds(v))
            .collect();
        let may_take = |old: u16| old == 0 || (tools.take_from_others && !locks.holds(old));
        let mut alone: BTreeMap<u16, usize> = BTreeMap::new();
        let mut voxels = 0;
        // The layer that a structure goes to; a label that is new has none of its voxels yet.
        let labels_for: BTreeMap<u16, &LabelMap> = value_of
            .iter()
            .filter_map(|(&proposed, &mine)| {
                Some((proposed, &**self.layers.get(table.layer_of(mine))?))
            })
            .collect();
        let labels_for = |proposed| labels_for.get(&proposed).copied();
        visit(packed.runs(), labels_for, |proposed, old, len| {
            let Some(&mine) = value_of.get(&proposed).filter(|&&mine| !locks.holds(mine)) else {
                return;
            };
            if may_take(old) || old == mine {
                *alone.entry(proposed).or_default() += len;
            }
            if may_take(old) || replaced.contains(&old) {
                voxels += len;
            }
        });
        let structures = names.labels().iter().filter_map(|label| {
            let proposed = label.value;
            let runs = packed.runs().iter().filter(|r| r.value == proposed);
            Some(StructureGain {
                proposed,
                becomes: *value_of.get(&proposed)?,
                voxels: alone.get(&proposed).copied().unwrap_or(0),
                bounds: box_of_runs(runs.map(|r| r.range()), self.grid().dims)?,
            })
        });
        Gain {
            voxels,
            left: packed.runs().voxels() - voxels,
            structures: structures.collect(),
            table,
        }
    }
}

/// Calls `visit(proposed, old, voxels)` for each piece of the runs that lies in one label of the layer that `labels_for`
/// has for the proposed value.
fn visit<'a>(
    runs: &Runs<u16>,
    labels_for: impl Fn(u16) -> Option<&'a LabelMap>,
    mut visit: impl FnMut(u16, u16, usize),
) {
    for run in runs.iter() {
        let Some(labels) = labels_for(run.value) else {
            continue;
        };
        for same in labels.voxels[run.range()].chunk_by(|a, b| a == b) {
            visit(run.value, same[0], same.len());
        }
    }
}
