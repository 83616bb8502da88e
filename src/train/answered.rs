//! What a teacher answered, as its student learns from it.

use std::sync::Arc;

use crate::volume::{Grid, resample};

/// What a teacher answered on a scan, of the one structure that is learnt.
#[derive(Clone)]
pub(super) struct Answered {
    /// How sure it is that each voxel of the scan belongs to the structure, in percent.
    pub percent: Arc<[u8]>,
    /// Its share in the loss, 0 to 1; the rest is that of what was drawn.
    pub share: f32,
}

/// The part of an answer that a sample shows.
pub(super) struct AnsweredSample {
    /// How much of each voxel of the region the answer covers, 0 to 1.
    pub coverage: Vec<f32>,
    /// As there.
    pub share: f32,
}

impl Answered {
    /// The part in a region of a scan on `grid`.
    pub fn on(&self, grid: &Grid, region: &Grid) -> AnsweredSample {
        AnsweredSample {
            coverage: resample::resample_percent(&self.percent, grid, region),
            share: self.share,
        }
    }
}
