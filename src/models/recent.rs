//! What was computed last, by key, so that it is not computed again.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A few results; the ones longest unused go first. It can be shared: nothing is computed under its lock.
#[derive(Debug)]
pub(crate) struct Recent<K, T> {
    entries: Mutex<VecDeque<(K, T)>>,
    room: usize,
}

impl<K: PartialEq, T: Clone> Recent<K, T> {
    /// Room for this many results, one at least.
    pub fn new(room: usize) -> Self {
        Self {
            entries: Mutex::default(),
            room: room.max(1),
        }
    }

    /// Room for as many results of `bytes` each as fit in `budget` bytes, but for one at least.
    pub fn within(bytes: usize, budget: usize) -> Self {
        Self::new(budget / bytes.max(1))
    }

    /// The result for a key.
    pub fn find(&self, key: &K) -> Option<T> {
        self.find_where(|k| k == key)
    }

    /// The result used last of those for whose keys `fits` holds.
    pub fn find_where(&self, fits: impl Fn(&K) -> bool) -> Option<T> {
        let mut entries = self.lock();
        let place = entries.iter().position(|(key, _)| fits(key))?;
        let entry = entries.remove(place)?;
        let found = entry.1.clone();
        entries.push_front(entry);
        Some(found)
    }

    /// As [`Self::find_where`]; which go first stays as it was.
    pub fn peek_where(&self, fits: impl Fn(&K) -> bool) -> Option<T> {
        let entries = self.lock();
        let found = entries.iter().find(|(key, _)| fits(key));
        found.map(|(_, result)| result.clone())
    }

    /// Keeps a result, in the place of another for the same key.
    pub fn insert(&self, key: K, result: T) {
        let mut entries = self.lock();
        entries.retain(|(known, _)| *known != key);
        entries.push_front((key, result));
        entries.truncate(self.room);
    }

    /// The result for a key, computed and kept where it is not known.
    pub fn find_or(&self, key: K, compute: impl FnOnce() -> T) -> T {
        self.find(&key).unwrap_or_else(|| {
            let result = compute();
            self.insert(key, result.clone());
            result
        })
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(K, T)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unused_goes_and_a_key_has_one_result() {
        let recent = Recent::new(2);
        recent.insert(1, "a");
        recent.insert(2, "b");
        assert_eq!(recent.find(&1), Some("a"));
        recent.insert(3, "c");
        assert_eq!(recent.find(&2), None, "1 was used after it");
        recent.insert(1, "d");
        assert_eq!(recent.find(&1), Some("d"));
        assert_eq!(recent.find(&3), Some("c"), "nothing went for a new result");
        assert_eq!(
            recent.find_where(|k| *k < 10),
            Some("c"),
            "the one used last"
        );
        assert_eq!(recent.peek_where(|k| *k == 1), Some("d"));
        assert_eq!(
            recent.find_where(|_| true),
            Some("c"),
            "a look uses nothing"
        );
        assert_eq!(recent.find_or(1, || unreachable!()), "d");
        assert_eq!(recent.find_or(4, || "e"), "e");
        assert_eq!(recent.find(&4), Some("e"));
        recent.clear();
        assert_eq!(recent.find(&4), None);
    }

    #[test]
    fn room_is_counted_in_bytes_and_never_none() {
        for (bytes, budget, kept) in [(10, 35, 3), (10, 5, 1), (0, 2, 2)] {
            let recent = Recent::within(bytes, budget);
            (0..5).for_each(|k| recent.insert(k, ()));
            let found = (0..5).filter(|k| recent.find(k).is_some()).count();
            assert_eq!(found, kept, "{bytes} of {budget}");
        }
    }
}
