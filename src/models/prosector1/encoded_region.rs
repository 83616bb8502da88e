//! A region of a scan as the network reads it.

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
