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
        let (kept, glimpsed) = (&self.model.cache, &self.model.glimpsed);
        let key = (self.scan, *grid);
        let encode = || self.model.encode(self.image, grid);
        if self.is_preview {
            let known = kept.peek_where(|k| *k == key);
            return known.unwrap_or_else(|| glimpsed.find_or(key, encode));
        }
        kept.find_or(key, || glimpsed.find(&key).unwrap_or_else(encode))
    }

    /// A kept region of the scan for which `fits` holds.
    pub fn find(&self, fits: impl Fn(&Grid) -> bool) -> Option<EncodedRegion> {
        let fits = |(of, grid): &(ScanKey, Grid)| *of == self.scan && fits(grid);
        match self.is_preview {
            true => self.model.cache.peek_where(fits),
            false => self.model.cache.find_where(fits),
        }
    }
}
