//! Where the steps and proposals of a journal lie, so that single ones are read back.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use crate::session::document::step::Step;
use crate::volume::Grid;

use super::bytes::Nonsense;
use super::coding;
use super::frame::Place;
use super::{Begin, StepId};

/// Where each step (as it was told last) and each proposal lies.
#[derive(Debug, Clone, Default)]
pub struct Index {
    grid: Option<Grid>,
    steps: HashMap<StepId, Place>,
    proposals: HashMap<u64, Place>,
}

impl Index {
    /// Whether a step can be read back.
    pub fn holds(&self, step: StepId) -> bool {
        self.steps.contains_key(&step)
    }

    /// The ids of the proposals.
    pub fn proposals(&self) -> impl Iterator<Item = u64> + '_ {
        self.proposals.keys().copied()
    }

    pub(super) fn holds_proposal(&self, id: u64) -> bool {
        self.proposals.contains_key(&id)
    }

    pub(super) fn begins(&mut self, begin: &Begin) {
        self.grid = Some(begin.grid);
    }

    pub(super) fn step_lies_at(&mut self, step: StepId, place: Place) {
        self.steps.insert(step, place);
    }

    pub(super) fn proposal_lies_at(&mut self, id: u64, place: Place) {
        self.proposals.insert(id, place);
    }

    /// Takes over what another index knows.
    pub fn absorb(&mut self, other: Self) {
        self.grid = other.grid.or(self.grid);
        self.steps.extend(other.steps);
        self.proposals.extend(other.proposals);
    }

    /// Reads a step; `payload` reads what lies at a place.
    ///
    /// # Errors
    /// What the system says, or that the bytes are no such step.
    pub fn read_step(
        &self,
        id: StepId,
        mut payload: impl FnMut(Place) -> io::Result<Vec<u8>>,
    ) -> io::Result<Arc<Step>> {
        let gone = || io::Error::from(io::ErrorKind::InvalidData);
        let grid = self.grid.ok_or_else(gone)?;
        let place = *self.steps.get(&id).ok_or_else(gone)?;
        let bytes = payload(place)?;
        let mut named = HashMap::new();
        for id in coding::proposals_of(&bytes).map_err(|Nonsense| gone())? {
            let place = *self.proposals.get(&id).ok_or_else(gone)?;
            let proposal = coding::proposal_of(&payload(place)?, &grid);
            named.insert(id, Arc::new(proposal.map_err(|Nonsense| gone())?));
        }
        let step = coding::step_of(&bytes, &grid, &named);
        step.map(Arc::new).map_err(|Nonsense| gone())
    }
}
