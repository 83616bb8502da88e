//! Slices between drawn ones, by shape-based interpolation (Raya and Udupa, 1990).

use crate::geometry::VoxelBox;

use super::Grid;
use super::distance::squared_distance_mm;
use super::morphology::Crop;

impl Crop {
    /// The crop, and in each empty slice between two others those voxels where the signed distances to the outlines of the
    /// two, weighted by how near the slices are, are not outside. Distances are taken in the slices, across `axis`.
    pub fn interpolated(&self, grid: &Grid, axis: usize) -> Self {
        let mut result = self.clone();
        let slices = self.bounds.min[axis]..=self.bounds.max[axis];
        let drawn: Vec<i64> = slices.filter(|&n| self.has_voxels_in(axis, n)).collect();
        let gaps = drawn.windows(2).filter(|pair| pair[1] - pair[0] > 1);
        for pair in gaps {
            let (below, above) = (pair[0], pair[1]);
            let distances = [below, above].map(|n| self.signed_distance_mm(grid, axis, n));
            for between in below + 1..above {
                let weights = [(above - between) as f64, (between - below) as f64];
                let filled = blended(&distances, weights);
                result.put(&Self {
                    bounds: self.bounds.slice(axis, between),
                    voxels: filled,
                });
            }
        }
        result
    }

    fn has_voxels_in(&self, axis: usize, index: i64) -> bool {
        let slice = self.moved_to(self.bounds.slice(axis, index));
        slice.voxels.contains(&1)
    }

    /// For each voxel of a slice of the box the distance in mm to the nearest voxel of the slice on the other side of the
    /// outline: positive inside.
    fn signed_distance_mm(&self, grid: &Grid, axis: usize, index: i64) -> Vec<f64> {
        let slice = |bounds: VoxelBox| bounds.slice(axis, index);
        // One voxel further on each side: of the voxels outside the box, the nearest is there.
        let around = slice(self.bounds.grown(1).clamped(grid.dims));
        let mut mask = self.moved_to(slice(self.bounds)).moved_to(around);
        let inside = squared_distance_mm(&mask.voxels, mask.dims(), grid.spacing_mm());
        for voxel in &mut mask.voxels {
            *voxel = u8::from(*voxel == 0);
        }
        let outside = squared_distance_mm(&mask.voxels, mask.dims(), grid.spacing_mm());
        let inner = slice(self.bounds).relative_to(around.min);
        super::morphology::rows(mask.dims(), inner)
            .flatten()
            .map(|n| f64::from(inside[n]).sqrt() - f64::from(outside[n]).sqrt())
            .collect()
    }
}

/// The voxels that are not outside in the weighted sum of two signed distances.
fn blended([below, above]: &[Vec<f64>; 2], weights: [f64; 2]) -> Vec<u8> {
    /// In mm, for a weight of 1: distances are rounded.
    const ROUNDING: f64 = 1e-5;
    let least = -ROUNDING * (weights[0] + weights[1]);
    let pairs = below.iter().zip(above);
    pairs
        .map(|(&a, &b)| u8::from(weights[0] * a + weights[1] * b >= least))
        .collect()
}
