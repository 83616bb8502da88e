//! Masks grown and shrunk by a length: by distance between voxel centres.

use super::Grid;
use super::distance::{is_within, squared_distance_mm};
use super::morphology::Crop;

impl Crop {
    /// Every voxel of the volume whose distance to the crop's voxels is at most `mm`, those themselves included.
    pub fn grown(&self, grid: &Grid, mm: f64) -> Self {
        let spacing_mm = grid.spacing_mm();
        let reach = std::array::from_fn(|d| (mm / spacing_mm[d]).ceil() as i64);
        let mut around = self.moved_to(self.bounds.grown_by(reach).clamped(grid.dims));
        for voxel in &mut around.voxels {
            *voxel = u8::from(*voxel == 0);
        }
        around.where_distance(spacing_mm, |squared_mm2| is_within(squared_mm2, mm))
    }

    /// The crop's voxels whose distance to every other voxel of the volume is more than `mm`.
    pub fn shrunk(&self, grid: &Grid, mm: f64) -> Self {
        // One voxel further on each side: of the voxels outside the bounds, the nearest is there.
        let around = self.moved_to(self.bounds.grown(1).clamped(grid.dims));
        around
            .where_distance(grid.spacing_mm(), |squared_mm2| !is_within(squared_mm2, mm))
            .moved_to(self.bounds)
    }

    /// The voxels whose squared distance in mm² to the nearest voxel that is not of the crop is as wanted.
    fn where_distance(&self, spacing_mm: [f64; 3], is_wanted: impl Fn(f32) -> bool) -> Self {
        let squared_mm2 = squared_distance_mm(&self.voxels, self.dims(), spacing_mm);
        Self {
            bounds: self.bounds,
            voxels: squared_mm2
                .into_iter()
                .map(|d| u8::from(is_wanted(d)))
                .collect(),
        }
    }
}
