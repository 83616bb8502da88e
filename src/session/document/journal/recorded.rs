//! A journal in memory.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::session::document::step::Step;
use crate::util::short_debug;

use super::frame::{MARK, Place};
use super::{Archive, Batch, Index, Record, StepId};

/// A journal in memory: what a file's journal holds, without the file.
#[derive(Default)]
pub struct Recorded(Mutex<Content>);

#[derive(Default)]
struct Content {
    bytes: Arc<Vec<u8>>,
    index: Index,
}

short_debug! {
    Recorded: |journal| format_args!("a journal of {} bytes", journal.content().bytes.len());
}

impl Recorded {
    /// The journal that a file's bytes are, with what of it can be read back.
    pub(super) fn of(bytes: Arc<Vec<u8>>) -> Self {
        let index = Index::default();
        Self(Mutex::new(Content { bytes, index }))
    }

    /// The bytes of the file that it would be.
    pub fn bytes(&self) -> Vec<u8> {
        self.content().bytes.to_vec()
    }

    pub(super) fn note(&self, note: impl FnOnce(&mut Index)) {
        note(&mut self.content().index);
    }

    pub(super) fn index(&self) -> Index {
        self.content().index.clone()
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Archive for Recorded {
    fn append(&self, record: Record) {
        let mut content = self.content();
        let content = &mut *content;
        if record.is_begin() {
            content.index = Index::default();
            content.bytes = Arc::new(MARK.to_vec());
        }
        let mut batch = Batch::at(content.bytes.len() as u64);
        if batch.add(&record, |id| content.index.holds_proposal(id)) {
            Arc::make_mut(&mut content.bytes).extend(&batch.bytes);
            content.index.absorb(batch.index);
        }
    }

    fn holds(&self, step: StepId) -> bool {
        self.content().index.holds(step)
    }

    fn read(&self, step: StepId) -> Result<Arc<Step>, String> {
        let content = self.content();
        let payload = |place: Place| {
            let range = place.payload_at() as usize..place.end() as usize;
            let bytes = content.bytes.get(range);
            bytes
                .map(<[u8]>::to_vec)
                .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
        };
        let step = content.index.read_step(step, payload);
        step.map_err(|error| format!("an earlier step cannot be read back: {error}"))
    }
}
