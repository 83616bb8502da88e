//! What accepting the standing proposal would give: which labels, and how much of it they get.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::geometry::VoxelBox;
use crate::volume::{LabelTable, Runs};

use super::change::{Locks, box_of_runs};
use super::proposal::PackedProposal;
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

/// A gain, and all that it depends on.
#[derive(Debug)]
pub(super) struct KnownGain {
    of: Arc<PackedProposal>,
    revision: u64,
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
        let Some(proposal) = &self.target.proposal else {
            self.gain = None;
            return;
        };
        let locked: Vec<u16> = self
            .table
            .labels()
            .iter()
            .filter(|l| l.locked)
            .map(|l| l.value)
            .collect();
        let is_known = self.gain.as_ref().is_some_and(|known| {
            Arc::ptr_eq(&known.of, &proposal.packed)
                && known.revision == self.revision
                && known.locked == locked
                && known.take_from_others == tools.take_from_others
        });
        if is_known {
            return;
        }
        let gain = match &proposal.content {
            Proposed::Target { label, .. } => {
                self.gain_of_target(*label, proposal.packed.runs(), tools)
            }
            Proposed::Structures { table, .. } => {
                self.gain_of_structures(&proposal.packed, table, tools)
            }
        };
        self.gain = Some(KnownGain {
            of: Arc::clone(&proposal.packed),
            revision: self.revision,
            locked,
            take_from_others: tools.take_from_others,
            gain,
        });
    }

    fn gain_of_target(&self, label: u16, runs: &Runs<u16>, tools: Tools) -> Gain {
        let locks = Locks::of(&self.table);
        let mut voxels = 0;
        self.visit(runs, |_, old, len| {
            let taken = old == 0 || old == label || (tools.take_from_others && !locks.holds(old));
            voxels += if taken && !locks.holds(label) { len } else { 0 };
        });
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
        let (table, value_of) = adopted(&self.table, packed, names);
        let replaced: Vec<u16> = value_of
            .values()
            .copied()
            .filter(|&v| !locks.holds(v))
            .collect();
        let may_take = |old: u16| old == 0 || (tools.take_from_others && !locks.holds(old));
        let mut alone: BTreeMap<u16, usize> = BTreeMap::new();
        let mut voxels = 0;
        self.visit(packed.runs(), |proposed, old, len| {
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

    /// Calls `visit(proposed, old, voxels)` for each piece of the runs that lies in one label.
    fn visit(&self, runs: &Runs<u16>, mut visit: impl FnMut(u16, u16, usize)) {
        for run in runs.iter() {
            for same in self.labels.voxels[run.range()].chunk_by(|a, b| a == b) {
                visit(run.value, same[0], same.len());
            }
        }
    }
}

/// The table with the labels that proposed structures become, and the value that each gets: that of the label with its
/// name, else its own, else a free one.
pub(super) fn adopted(
    table: &LabelTable,
    packed: &PackedProposal,
    names: &LabelTable,
) -> (LabelTable, BTreeMap<u16, u16>) {
    let mut table = table.clone();
    let mut value_of = BTreeMap::new();
    for value in packed.values() {
        let name = names
            .get(value)
            .map_or_else(|| format!("structure_{value}"), |l| l.name.clone());
        let known = table.by_title(&name).map(|l| l.value);
        let free = || match table.get(value) {
            None => Some(value),
            Some(_) => table.next_free_value(),
        };
        let Some(mine) = known.or_else(free) else {
            continue;
        };
        if known.is_none() {
            table.add(mine, &name);
        }
        value_of.insert(value, mine);
    }
    (table, value_of)
}
