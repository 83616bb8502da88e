//! What the third voxel axis of a scan is: space, or time.

use crate::geometry::{Affine, Grid};

/// What one step along the third voxel axis is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum ThirdAxis {
    /// The next slice.
    #[default]
    Space,
    /// The next frame of the same slice (2D+time). The grid's spacing along k stands for a frame and is no length.
    Time {
        /// Time from frame to frame in ms, where the file says it.
        frame_ms: Option<f64>,
    },
}

impl ThirdAxis {
    /// Whether it is time.
    pub fn is_time(self) -> bool {
        matches!(self, Self::Time { .. })
    }
}

/// The grid of `frames` frames of a slice of `volume`: in the slice's plane as the volume, and a nominal 1 mm along the
/// third axis for each frame, as a grid needs some length there.
pub fn grid_over_time(volume: &Grid, slice: usize, frames: usize) -> Grid {
    let [ni, nj, _] = volume.dims;
    let length_mm = volume.spacing_mm()[2];
    let first = [0.0, 0.0, slice as f64];
    let affine: Affine = volume.affine.stepped(first, [1.0, 1.0, 1.0 / length_mm]);
    Grid {
        dims: [ni, nj, frames],
        affine,
        ..*volume
    }
}
