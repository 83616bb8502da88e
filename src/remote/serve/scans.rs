//! The scans of a client, kept while it is connected.

use std::sync::Arc;

use crate::models::ScanKey;
use crate::volume::ImageVolume;

use super::super::coding::scan::{Arriving, MOST_BYTES, ScanForm};
use super::super::failure::Broken;

/// Most scans of a client.
const MOST_SCANS: usize = 16;

/// A scan that is there, or on its way.
struct Held {
    number: u64,
    key: ScanKey,
    bytes: usize,
    state: State,
}

enum State {
    Arriving(Box<Arriving>),
    Whole(Arc<ImageVolume>),
}

/// The scans of a client, the most recently used last. Where they are too many or too large, the first ones go.
#[derive(Default)]
pub(super) struct Scans(Vec<Held>);

impl Scans {
    /// A scan of which pieces will come.
    ///
    /// # Errors
    /// One that is larger than any that is opened.
    pub(super) fn expect(
        &mut self,
        number: u64,
        key: ScanKey,
        form: ScanForm,
    ) -> Result<(), Broken> {
        let state = State::Arriving(Box::new(Arriving::new(form)?));
        self.forget(&[number]);
        self.0.push(Held {
            number,
            key,
            bytes: 0,
            state,
        });
        self.make_room();
        Ok(())
    }

    /// The next piece of a scan; one of a scan that had to go is left.
    ///
    /// # Errors
    /// It is damaged, or too much.
    pub(super) fn append(&mut self, number: u64, piece: &[u8]) -> Result<(), Broken> {
        let Some(held) = self.used(number) else {
            return Ok(());
        };
        let State::Arriving(arriving) = &mut held.state else {
            return Err(Broken::Nonsense("more of a scan than it has"));
        };
        let whole = arriving.append(piece)?;
        match whole {
            Some(image) => {
                held.bytes = bytes_of(&image);
                held.state = State::Whole(Arc::new(image));
            }
            None => held.bytes = arriving.bytes(),
        }
        self.make_room();
        Ok(())
    }

    /// A scan that is wholly there, and its key.
    pub(super) fn whole(&mut self, number: u64) -> Option<(ScanKey, Arc<ImageVolume>)> {
        let held = self.used(number)?;
        match &held.state {
            State::Whole(image) => Some((held.key, Arc::clone(image))),
            State::Arriving(_) => None,
        }
    }

    /// Forgets scans.
    pub(super) fn forget(&mut self, numbers: &[u64]) {
        self.0.retain(|held| !numbers.contains(&held.number));
    }

    /// Forgets all; whether there were any.
    pub(super) fn clear(&mut self) -> bool {
        !std::mem::take(&mut self.0).is_empty()
    }

    /// A scan, which is the most recently used now.
    fn used(&mut self, number: u64) -> Option<&mut Held> {
        let at = self.0.iter().position(|held| held.number == number)?;
        let held = self.0.remove(at);
        self.0.push(held);
        self.0.last_mut()
    }

    fn make_room(&mut self) {
        let is_too_much = |scans: &[Held]| {
            scans.len() > MOST_SCANS || scans.iter().map(|s| s.bytes).sum::<usize>() > MOST_BYTES
        };
        while self.0.len() > 1 && is_too_much(&self.0) {
            self.0.remove(0);
        }
    }
}

/// Bytes that a scan takes in memory; of colours also its luminance.
pub(super) fn bytes_of(image: &ImageVolume) -> usize {
    let own = crate::with_voxels!(image.voxels(), v => v.first().map_or(0, size_of_val));
    image.grid().len() * (own + image.colours().map_or(0, |_| 3))
}
