//! A region of a scan as the network reads it, and which are kept.

use crate::models::ScanKey;
use crate::volume::{Grid, ImageVolume};

use super::image_encoder::ImageEmbedding;
use super::model::Prosector1;

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

/// The regions of a scan that are kept, and how to get others.
pub(super) struct Regions<'a> {
    pub model: &'a Prosector1,
    pub image: &'a ImageVolume,
    pub scan: ScanKey,
    /// For a preview, after which the same regions are found as before.
    pub is_preview: bool,
}

impl Regions<'_> {
    /// The embedding of a region, from those kept where an equal one was encoded before. What a preview encodes is kept
    /// apart, and taken over by the click that it was the preview of.
    pub fn encoded(&self, grid: &Grid) -> EncodedRegion {
        let (regions, key) = (&self.model.regions, (self.scan, *grid));
        regions.find(&key, self.is_preview).unwrap_or_else(|| {
            let made = self.model.encode(self.image, grid);
            regions.insert(key, self.is_preview, made.clone());
            made
        })
    }

    /// A kept region of the scan for which `fits` holds.
    pub fn find(&self, fits: impl Fn(&Grid) -> bool) -> Option<EncodedRegion> {
        let regions = &self.model.regions;
        regions.find_where(self.scan, self.is_preview, fits)
    }
}
