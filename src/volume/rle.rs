//! Run-length coding of voxel values, by array offset.
//!
//! Runs are sparse: voxels that no run covers hold "nothing" (background, or "unchanged").

use std::fmt;

/// Consecutive array offsets that share a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run<V> {
    /// Offset of the first voxel.
    pub start: usize,
    /// Number of voxels.
    pub len: u32,
    /// What all of them hold.
    pub value: V,
}

impl<V> Run<V> {
    /// The offsets covered.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.start..self.start + self.len as usize
    }
}

/// Runs in ascending order of offset that do not overlap.
#[derive(Clone, PartialEq, Eq)]
pub struct Runs<V>(Vec<Run<V>>);

impl<V> fmt::Debug for Runs<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} runs", self.0.len())
    }
}

impl<V> Default for Runs<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V: Copy + PartialEq> Runs<V> {
    /// Appends one voxel; `offset` must be above every offset appended before.
    pub fn push(&mut self, offset: usize, value: V) {
        self.push_run(Run {
            start: offset,
            len: 1,
            value,
        });
    }

    /// Appends a run that starts above every offset appended before; joins it to the last where it can.
    pub fn push_run(&mut self, run: Run<V>) {
        if let Some(last) = self.0.last_mut() {
            debug_assert!(run.start >= last.range().end, "runs ascend");
            if last.value == run.value
                && last.range().end == run.start
                && let Some(len) = last.len.checked_add(run.len)
            {
                last.len = len;
                return;
            }
        }
        self.0.push(run);
    }

    /// The runs in ascending order.
    pub fn iter(&self) -> std::slice::Iter<'_, Run<V>> {
        self.0.iter()
    }

    /// Number of voxels covered.
    pub fn voxels(&self) -> usize {
        self.0.iter().map(|r| r.len as usize).sum()
    }

    /// Whether no voxel is covered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Memory held by the runs, in bytes.
    pub fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<Run<V>>()
    }

    /// Gives back memory reserved for further runs.
    pub fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }
}

impl Runs<u16> {
    /// The voxels of an array that are not zero.
    pub fn of_nonzero<T: Copy + Into<u16>>(voxels: &[T]) -> Self {
        /// Blocks without any are passed over at once.
        const BLOCK: usize = 1024;
        let mut runs = Self::default();
        for (block, values) in voxels.chunks(BLOCK).enumerate() {
            if values.iter().fold(0, |all: u16, &v| all | v.into()) == 0 {
                continue;
            }
            let mut start = block * BLOCK;
            for same in values.chunk_by(|&a, &b| a.into() == b.into()) {
                let (value, len) = (same[0].into(), same.len());
                if value != 0 {
                    runs.push_run(Run {
                        start,
                        len: len as u32,
                        value,
                    });
                }
                start += len;
            }
        }
        runs.shrink();
        runs
    }
}
