//! Which scans who serves has of a connection, and how the others get there.
//!
//! Pieces are sent one by one, and between two of them a job here polls its context: a click that goes first then sends
//! the same scan on from where it is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::models::{ModelError, ScanKey};
use crate::util::JobContext;
use crate::volume::ImageVolume;

use super::coding::scan::{ScanForm, piece, share};
use super::link::Link;
use super::message::Ask;

/// Scans that stay there: the one that is worked on, and the one that is read ahead.
const KEPT: usize = 2;

/// What is there of a connection.
#[derive(Default)]
pub(super) struct Uploads {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    /// The most recently used last.
    scans: Vec<Sent>,
}

/// A scan of which something is there.
struct Sent {
    /// `None` of the other channels of a model that takes several: they have no key of their own.
    key: Option<ScanKey>,
    number: u64,
    /// Bytes of voxels that are there.
    at: usize,
}

impl Uploads {
    /// The number of a scan that is wholly there now.
    ///
    /// # Errors
    /// Cancelled, the connection lost.
    pub(super) fn of_key(
        &self,
        link: &Link,
        key: ScanKey,
        image: &ImageVolume,
        ctx: &JobContext,
    ) -> Result<u64, ModelError> {
        let (number, pushed_out) = self.number_of(key);
        if !pushed_out.is_empty() {
            link.send(&Ask::Forget { scans: pushed_out }, Vec::new())?;
        }
        self.send_rest(link, number, image, ctx)?;
        Ok(number)
    }

    /// The numbers of other channels, sent for one job.
    ///
    /// # Errors
    /// As [`Self::of_key`].
    pub(super) fn of_channels(
        &self,
        link: &Link,
        others: &[Arc<ImageVolume>],
        ctx: &JobContext,
    ) -> Result<Vec<u64>, ModelError> {
        let mut numbers = Vec::new();
        for image in others {
            let number = self.lock().add(None);
            self.send_rest(link, number, image, ctx)?;
            numbers.push(number);
        }
        Ok(numbers)
    }

    /// Has scans forgotten there.
    ///
    /// # Errors
    /// The connection lost.
    pub(super) fn forget(&self, link: &Link, scans: Vec<u64>) -> Result<(), ModelError> {
        self.lock().scans.retain(|s| !scans.contains(&s.number));
        if scans.is_empty() {
            return Ok(());
        }
        link.send(&Ask::Forget { scans }, Vec::new())
    }

    /// The scan of a key is not there, whatever was sent.
    pub(super) fn is_missing(&self, key: ScanKey) {
        self.lock().scans.retain(|s| s.key != Some(key));
    }

    /// Nothing is there any more.
    pub(super) fn clear(&self) {
        self.lock().scans.clear();
    }

    /// Sends what is missing of a scan.
    fn send_rest(
        &self,
        link: &Link,
        number: u64,
        image: &ImageVolume,
        ctx: &JobContext,
    ) -> Result<(), ModelError> {
        while let Some(at) = self.send_piece(link, number, image)? {
            ctx.step(share(image, at), "sending the scan")?;
        }
        Ok(())
    }

    /// Sends the next piece; how much is there then, or `None` where nothing is missing.
    fn send_piece(
        &self,
        link: &Link,
        scan: u64,
        image: &ImageVolume,
    ) -> Result<Option<usize>, ModelError> {
        let mut state = self.lock();
        // Forgotten meanwhile, by a job that went first: who serves says so when it is asked.
        let Some(sent) = state.scans.iter_mut().find(|s| s.number == scan) else {
            return Ok(None);
        };
        let Some((bytes, next)) = piece(image, sent.at) else {
            return Ok(None);
        };
        if sent.at == 0 {
            let form = ScanForm::of(image);
            link.send(&Ask::Scan { scan, form }, Vec::new())?;
        }
        link.send(&Ask::Piece { scan }, vec![bytes])?;
        sent.at = next;
        Ok(Some(next))
    }

    /// The number of the scan of a key, and those of scans that have to go for it.
    fn number_of(&self, key: ScanKey) -> (u64, Vec<u64>) {
        let mut state = self.lock();
        if let Some(at) = state.scans.iter().position(|s| s.key == Some(key)) {
            let sent = state.scans.remove(at);
            let number = sent.number;
            state.scans.push(sent);
            return (number, Vec::new());
        }
        let number = state.add(Some(key));
        let keyed = state.scans.iter().filter(|s| s.key.is_some());
        let keyed: Vec<u64> = keyed.map(|s| s.number).collect();
        let pushed_out = keyed[..keyed.len().saturating_sub(KEPT)].to_vec();
        state.scans.retain(|s| !pushed_out.contains(&s.number));
        (number, pushed_out)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, key: Option<ScanKey>) -> u64 {
        self.next += 1;
        let (number, at) = (self.next, 0);
        self.scans.push(Sent { key, number, at });
        number
    }
}
