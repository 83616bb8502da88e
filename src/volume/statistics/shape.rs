//! Size, surface and place of a label.

use glam::DVec3;

use crate::geometry::VoxelPoint;
use crate::volume::morphology::Crop;
use crate::volume::surface::area_mm2;
use crate::volume::{Grid, Mask};

use super::hull::corners;

/// How large a label is, and where.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Volume of its voxels.
    pub volume_ml: f64,
    /// Area of the marching-cubes surface.
    pub surface_mm2: f64,
    /// Between the centres of the two voxels farthest from each other; 0 of a single voxel.
    pub longest_diameter_mm: f64,
    /// Mean of the voxels' centres, RAS.
    pub centroid_mm: [f64; 3],
}

impl Shape {
    /// Measures a label with at least one voxel, on the grid of its volume.
    pub(super) fn of(label: &Crop, grid: &Grid) -> Self {
        let own = Mask {
            grid: grid.sub_grid(label.bounds),
            voxels: label.voxels.clone(),
        };
        let (voxels, mean) = mean_voxel(label);
        let centre = grid.world_from_voxel(VoxelPoint(mean)).0;
        let points: Vec<DVec3> = corners(label)
            .into_iter()
            .map(|v| grid.affine.matrix().transform_point3(to_point(v)))
            .collect();
        Self {
            volume_ml: voxels as f64 * grid.affine.voxel_volume_mm3() / 1000.0,
            surface_mm2: area_mm2(&own),
            longest_diameter_mm: largest_distance(points, centre),
            centroid_mm: centre.to_array(),
        }
    }
}

/// A voxel's indices as a point.
pub(super) fn to_point(voxel: [i64; 3]) -> DVec3 {
    DVec3::from_array(voxel.map(|v| v as f64))
}

/// Number of voxels, and the mean of their indices.
fn mean_voxel(label: &Crop) -> (usize, DVec3) {
    let [ni, nj, _] = label.dims();
    let mut count = 0u64;
    let mut sums = [0u64; 3];
    for (row, line) in label.voxels.chunks_exact(ni).enumerate() {
        let (mut voxels, mut along) = (0u64, 0u64);
        for (i, &v) in line.iter().enumerate() {
            voxels += u64::from(v);
            along += u64::from(v) * i as u64;
        }
        count += voxels;
        sums[0] += along;
        sums[1] += voxels * (row % nj) as u64;
        sums[2] += voxels * (row / nj) as u64;
    }
    let mean = DVec3::from_array(sums.map(|sum| sum as f64 / count as f64));
    (count as usize, to_point(label.bounds.min) + mean)
}

/// The largest distance between two of the points. Those far from `centre` come first: no pair is farther apart than
/// the sum of its distances from there, which ends the search early.
fn largest_distance(points: Vec<DVec3>, centre: DVec3) -> f64 {
    let mut by_radius: Vec<(f64, DVec3)> = points
        .into_iter()
        .map(|p| (p.distance(centre), p))
        .collect();
    by_radius.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let mut largest: f64 = 0.0;
    for (n, &(radius, point)) in by_radius.iter().enumerate() {
        for &(other_radius, other) in &by_radius[n + 1..] {
            if radius + other_radius <= largest {
                break;
            }
            largest = largest.max(point.distance(other));
        }
    }
    largest
}
