//! The box that a user draws around a target.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::geometry::Affine;
use crate::models::prosector1::region::SIDE;
use crate::volume::{Grid, Mask};

/// How far the faces of a box lie outside the target, in shares of its side: the lower faces, then the upper ones.
/// Negative: inside.
pub(super) struct BoxStyle([[f64; 3]; 2]);

impl BoxStyle {
    /// Exact, a little off, loose by up to 40 %, shifted, or with a face that cuts the target.
    pub fn random(rng: &mut ChaCha8Rng) -> Self {
        let (outward, jitter) = match rng.random_range(0..100) {
            0..30 => (0.0, 0.01),
            30..52 => (0.015, 0.065),
            52..88 => (rng.random_range(0.0..0.4), 0.04),
            _ => (0.0, 0.15),
        };
        let mut faces = [[outward; 3]; 2];
        for face in faces.iter_mut().flatten() {
            *face += rng.random_range(-jitter..=jitter);
        }
        if rng.random_bool(0.06) {
            let (side, axis) = (rng.random_range(0..2), rng.random_range(0..3));
            faces[side][axis] = -rng.random_range(0.05..0.3);
        }
        Self(faces)
    }

    /// Mean length of the box relative to the target's.
    pub fn length(&self) -> f64 {
        1.0 + self.0.iter().flatten().sum::<f64>() / 3.0
    }

    /// Lower and upper faces of the box around a mask on a region, in its voxel coordinates; `None` without a mask.
    pub fn draw(&self, target: &[u8]) -> Option<[[f32; 3]; 2]> {
        let mask = Mask {
            grid: Grid::new([SIDE; 3], Affine::from_spacing([1.0; 3], [0.0; 3])),
            voxels: target.to_vec(),
        };
        let bounds = mask.bounds()?;
        let size = bounds.size().map(|n| n as f64);
        let face = |side: usize, d: usize| (self.0[side][d] * size[d]) as f32;
        Some([
            std::array::from_fn(|d| bounds.min[d] as f32 - 0.5 - face(0, d)),
            std::array::from_fn(|d| bounds.max[d] as f32 + 0.5 + face(1, d)),
        ])
    }
}
