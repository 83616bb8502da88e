//! Image embeddings of the regions looked at last, so that a further click costs only the decoder.

use std::collections::VecDeque;

use crate::models::ScanKey;
use crate::volume::Grid;

use super::image_encoder::ImageEmbedding;

/// What is kept of an encoded region.
#[derive(Debug, Clone)]
pub struct EncodedRegion {
    /// The region's grid.
    pub grid: Grid,
    /// First intensity view, a value per voxel.
    pub intensity: Vec<f32>,
    /// 1 inside the scan.
    pub inside: Vec<f32>,
    /// The encoder's answer.
    pub embedding: ImageEmbedding,
}

/// The last few regions, of any scan; the least recently used goes first.
#[derive(Debug, Default)]
pub struct RegionCache {
    entries: VecDeque<(ScanKey, EncodedRegion)>,
}

/// Regions kept: about 12 MB each at 48³.
const CAPACITY: usize = 12;

impl RegionCache {
    /// A region of the scan for which `fits` holds, moved to the front.
    pub fn find(&mut self, scan: ScanKey, fits: impl Fn(&Grid) -> bool) -> Option<EncodedRegion> {
        let at = self
            .entries
            .iter()
            .position(|(key, region)| *key == scan && fits(&region.grid))?;
        let entry = self.entries.remove(at)?;
        let region = entry.1.clone();
        self.entries.push_front(entry);
        Some(region)
    }

    /// Keeps a region.
    pub fn insert(&mut self, scan: ScanKey, region: EncodedRegion) {
        self.entries.push_front((scan, region));
        self.entries.truncate(CAPACITY);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}
