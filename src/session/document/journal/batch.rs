//! Records as they are appended to a file, several at once.

use std::collections::BTreeMap;

use crate::session::document::proposal::PackedProposal;
use crate::session::document::step::Step;
use crate::util::short_debug;

use super::coding;
use super::frame;
use super::{Content, Index, Record};

/// Records as bytes that will lie at a place of the file, and what can be read back once they do.
pub struct Batch {
    base: u64,
    /// To be written at that place.
    pub bytes: Vec<u8>,
    /// What of it can be read back then.
    pub index: Index,
}

short_debug! {
    Batch: |batch| format_args!("{} bytes of records", batch.bytes.len());
}

impl Batch {
    /// No records yet; they will lie from `base` on.
    pub fn at(base: u64) -> Self {
        Self {
            base,
            bytes: Vec::new(),
            index: Index::default(),
        }
    }

    /// Adds a record, with the proposals that it names unless they lie before it: `is_written` tells which do before the
    /// batch. `false`, and nothing is added, when it is too large for the format (4 GiB).
    pub fn add(&mut self, record: &Record, is_written: impl Fn(u64) -> bool) -> bool {
        let step = match &record.0 {
            Content::Step(step) | Content::Amended(step) => Some(step),
            _ => None,
        };
        let is_new = |p: &&PackedProposal| !is_written(p.id) && !self.index.holds_proposal(p.id);
        let named: BTreeMap<u64, Vec<u8>> = step
            .into_iter()
            .flat_map(|step| proposals(step))
            .filter(is_new)
            .map(|proposal| (proposal.id, coding::proposal_record(proposal)))
            .collect();
        let payload = coding::record(&record.0);
        let is_small = |payload: &Vec<u8>| u32::try_from(payload.len()).is_ok();
        if !named.values().chain([&payload]).all(is_small) {
            return false;
        }
        for (id, payload) in named {
            let place = frame::put(self.base, &mut self.bytes, &payload);
            self.index.proposal_lies_at(id, place);
        }
        let place = frame::put(self.base, &mut self.bytes, &payload);
        match (&record.0, step) {
            (Content::Begin(begin), _) => self.index.begins(begin),
            (_, Some(step)) => self.index.step_lies_at(step.id, place),
            _ => {}
        }
        true
    }
}

fn proposals(step: &Step) -> impl Iterator<Item = &PackedProposal> {
    let targets = step.target.iter().flat_map(|t| [&t.before, &t.after]);
    targets.filter_map(|t| t.proposal.as_deref())
}
