//! The mark of a click.

use crate::volume::distance::squared_distance_mm;

/// A ball that is strongest in its middle.
#[derive(Debug, Clone, PartialEq)]
pub struct Ball {
    /// Voxels from the middle to the surface.
    pub radius: usize,
    shares: Vec<f64>,
}

impl Ball {
    /// The distance of each voxel of a ball from the nearest voxel outside it within the ball's cube, over the largest
    /// such distance.
    pub fn new(radius: usize) -> Self {
        let side = 2 * radius + 1;
        let squared = |at: usize| at.abs_diff(radius).pow(2);
        let places = (0..side.pow(3)).map(|n| [n / side / side, n / side % side, n % side]);
        let inside =
            places.map(|place| place.into_iter().map(squared).sum::<usize>() <= radius.pow(2));
        let inside: Vec<u8> = inside.map(u8::from).collect();
        let distances = squared_distance_mm(&inside, [side; 3], [1.0; 3]);
        let distances: Vec<f64> = distances.into_iter().map(|d| f64::from(d).sqrt()).collect();
        let largest = distances.iter().copied().fold(0.0, f64::max);
        let share = |distance: f64| {
            // A single voxel is far from everything.
            if largest.is_finite() {
                distance / largest
            } else {
                1.0
            }
        };
        Self {
            radius,
            shares: distances.into_iter().map(share).collect(),
        }
    }

    /// All shares, row-major.
    pub fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// A row of the ball's cube.
    pub fn line(&self, plane: usize, row: usize) -> &[f64] {
        let side = 2 * self.radius + 1;
        let start = (plane * side + row) * side;
        &self.shares[start..start + side]
    }
}
