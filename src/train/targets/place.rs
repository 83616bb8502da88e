//! Where a target lies in a scan, and regions that show it.

use glam::{DMat3, DVec3};
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use crate::geometry::{VoxelBox, VoxelPoint, WorldPoint};
use crate::models::prosector1::region::{anatomical_axes, balanced, region_grid};
use crate::train::augment::{jitter, log_uniform, rotated};
use crate::train::user::FirstMove;
use crate::volume::Grid;

/// Shortest and longest side of a region in mm.
const EXTENT_MM: (f64, f64) = (12.0, 500.0);

/// A target's place in a scan.
pub(super) struct Place<'a> {
    /// The scan's grid.
    pub grid: &'a Grid,
    /// Tight box.
    pub bounds: VoxelBox,
    /// Array offsets of some of its voxels.
    pub voxels: &'a [u32],
}

impl Place<'_> {
    /// A random region that a user who starts so would have the network look at.
    pub fn region(&self, rng: &mut ChaCha8Rng, first: &FirstMove) -> Grid {
        let axes = anatomical_axes(self.grid);
        let size_mm = self.size_along_mm(axes);
        let (centre, extent_mm) = if first.looks_at_mark() {
            let mean = size_mm.iter().product::<f64>().cbrt();
            let length = (mean * first.relative).clamp(EXTENT_MM.0, EXTENT_MM.1);
            let centre = self.mark(rng).0 + jitter(rng, 0.06 * length);
            let sides = std::array::from_fn(|_| length * log_uniform(rng, 0.85, 1.18));
            (centre, sides)
        } else {
            let extent = balanced(size_mm.map(|s| s * first.relative));
            let shift = jitter(rng, 0.05) * DVec3::from_array(extent);
            (self.middle().0 + axes * shift, extent)
        };
        region_grid(rotated(rng, axes, 6.0), WorldPoint(centre), extent_mm)
    }

    /// What a click marks: a voxel of the target as often as its middle.
    fn mark(&self, rng: &mut ChaCha8Rng) -> WorldPoint {
        let voxel = self.voxels.choose(rng).filter(|_| rng.random_bool(0.6));
        voxel.map_or_else(
            || self.middle(),
            |&v| {
                self.grid
                    .world_from_voxel(self.grid.voxel_at(v as usize).center())
            },
        )
    }

    fn middle(&self) -> WorldPoint {
        let VoxelBox { min, max } = self.bounds;
        let middle = std::array::from_fn(|d| (min[d] + max[d]) as f64 / 2.0);
        self.grid
            .world_from_voxel(VoxelPoint(DVec3::from_array(middle)))
    }

    /// Length along each of `axes`, in mm.
    fn size_along_mm(&self, axes: DMat3) -> [f64; 3] {
        let size = self.bounds.size();
        let sides: [DVec3; 3] =
            std::array::from_fn(|a| self.grid.affine.column(a) * size[a] as f64);
        std::array::from_fn(|d| sides.iter().map(|s| s.dot(axes.col(d)).abs()).sum())
    }
}
