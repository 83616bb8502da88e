//! The two axes by which lesions are followed (RECIST 1.1), measured in a label.

use glam::DVec3;
use serde::Serialize;

use crate::geometry::{Plane, VoxelIndex};
use crate::volume::Grid;
use crate::volume::morphology::Crop;

use super::hull::corners_by_slice;
use super::shape::to_point;

/// Rounding in files' spacings that must not decide which voxels are opposite each other.
const ROUNDING: f64 = 1e-6;

/// Long and short axis of a label in the slice where the long one is longest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Recist {
    /// The plane: the voxel slices closest to it.
    pub plane: Plane,
    /// Index of the slice along its voxel axis; the first of equals.
    pub slice: i64,
    /// Between the centres of the slice's two voxels of the label that are farthest from each other.
    pub long_mm: f64,
    /// The largest distance, measured across the long axis, between two voxels of the label in that slice that are
    /// opposite each other: the line across the long axis through the centre of one meets the other.
    pub short_mm: f64,
}

impl Recist {
    /// Measures a label with at least one voxel, on the grid of its volume.
    pub(super) fn of(label: &Crop, grid: &Grid, plane: Plane) -> Self {
        let axis = grid.normal_axis(plane);
        let Some(long) = long_axis(label, grid, plane) else {
            return Self {
                plane,
                slice: label.bounds.min[axis],
                long_mm: 0.0,
                short_mm: 0.0,
            };
        };
        let slice = long[0].0[axis];
        let long = between(grid, long);
        Self {
            plane,
            slice,
            long_mm: long.length(),
            short_mm: short_axis_mm(label, grid, (axis, slice), long),
        }
    }
}

/// The ends of the long axis of a label, on the grid of its volume: the two voxels of a slice that are farthest from each
/// other, in the slice where they are farthest; `None` where no slice has two.
pub fn long_axis(label: &Crop, grid: &Grid, plane: Plane) -> Option<[VoxelIndex; 2]> {
    let mut longest = (0.0, None);
    for (_, corners) in corners_by_slice(label, grid.normal_axis(plane)) {
        let Some(ends) = farthest(grid, &corners) else {
            continue;
        };
        let length_mm = between(grid, ends).length();
        // Slices of one shape differ by rounding alone.
        if length_mm > longest.0 * (1.0 + ROUNDING) {
            longest = (length_mm, Some(ends));
        }
    }
    longest.1
}

/// From one voxel to another, in RAS mm.
fn between(grid: &Grid, [from, to]: [VoxelIndex; 2]) -> DVec3 {
    grid.affine.matrix().matrix3 * (to_point(to.0) - to_point(from.0))
}

/// The two voxels farthest from each other; `None` of fewer than two.
fn farthest(grid: &Grid, voxels: &[[i64; 3]]) -> Option<[VoxelIndex; 2]> {
    let matrix = grid.affine.matrix().matrix3;
    let points: Vec<DVec3> = voxels.iter().map(|&v| matrix * to_point(v)).collect();
    let mut longest = (0.0, None);
    for (n, a) in points.iter().enumerate() {
        for (m, b) in points.iter().enumerate().skip(n + 1) {
            let squared = (*b - *a).length_squared();
            if squared > longest.0 {
                longest = (squared, Some([voxels[n], voxels[m]].map(VoxelIndex)));
            }
        }
    }
    longest.1
}

/// See [`Recist::short_mm`].
fn short_axis_mm(label: &Crop, grid: &Grid, (axis, slice): (usize, i64), long: DVec3) -> f64 {
    let in_plane = [0, 1, 2].map(|d| grid.affine.column(d));
    let (u, v) = (in_plane[(axis + 1) % 3], in_plane[(axis + 2) % 3]);
    let along = long.normalize_or_zero();
    let across = u.cross(v).cross(along).normalize_or_zero();
    let matrix = grid.affine.matrix().matrix3;
    let mut places: Vec<(f64, f64)> = voxels_of_slice(label, axis, slice)
        .map(|voxel| matrix * to_point(voxel))
        .map(|p| (p.dot(along), p.dot(across)))
        .collect();
    places.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    // Half of the length that a voxel takes up along the axis.
    let opposite_mm = (u.dot(along).abs() + v.dot(along).abs()) * 0.5 * (1.0 + ROUNDING);
    widest(&places, opposite_mm)
}

fn voxels_of_slice(label: &Crop, axis: usize, slice: i64) -> impl Iterator<Item = [i64; 3]> {
    let part = label.moved_to(label.bounds.slice(axis, slice));
    let [ni, nj, _] = part.dims();
    let min = part.bounds.min;
    let inside = part.voxels.into_iter().enumerate().filter(|&(_, v)| v != 0);
    inside.map(move |(at, _)| {
        let [i, j, k] = [at % ni, at / ni % nj, at / (ni * nj)];
        [min[0] + i as i64, min[1] + j as i64, min[2] + k as i64]
    })
}

/// The largest difference of the second coordinates of two places whose first ones differ by at most `reach`; the
/// places ascend by the first one.
fn widest(places: &[(f64, f64)], reach: f64) -> f64 {
    let mut highest = SlidingMaximum::default();
    let mut lowest = SlidingMaximum::default();
    let mut widest: f64 = 0.0;
    for &(along, across) in places {
        let high = highest.with(along, across, reach);
        let low = -lowest.with(along, -across, reach);
        widest = widest.max(high - low);
    }
    widest
}

/// The largest value among those no further back than a reach.
#[derive(Default)]
struct SlidingMaximum {
    /// Place and value; the values descend.
    candidates: std::collections::VecDeque<(f64, f64)>,
}

impl SlidingMaximum {
    fn with(&mut self, place: f64, value: f64, reach: f64) -> f64 {
        let is_below = |c: &(f64, f64)| c.1 <= value;
        while self.candidates.pop_back_if(|c| is_below(c)).is_some() {}
        self.candidates.push_back((place, value));
        let is_past = |c: &(f64, f64)| place - c.0 > reach;
        while self.candidates.pop_front_if(|c| is_past(c)).is_some() {}
        self.candidates.front().map_or(value, |c| c.1)
    }
}
