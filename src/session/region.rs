//! Regions that a tool finds in the scan around a voxel.

use crate::geometry::{Plane, VoxelIndex};
use crate::volume::morphology::Crop;
use crate::volume::{ImageVolume, flooded, level_region};

/// A region of the scan, named by how it is found: what is shown before it is taken is what is drawn then.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Region {
    /// The voxels of like value around one, connected face to face.
    Flood {
        /// The voxel.
        at: VoxelIndex,
        /// How far values may be from that of the voxel.
        tolerance: f64,
        /// In the slice of this plane alone.
        in_slice_of: Option<Plane>,
    },
    /// What the closed line of equal value through a voxel encloses.
    Level {
        /// The voxel.
        at: VoxelIndex,
        /// The plane of its slice.
        plane: Plane,
    },
}

impl Region {
    /// Its voxels; `None` where there are none. Time goes with the region, for a level with the slice.
    pub fn found_in(&self, image: &ImageVolume) -> Option<Crop> {
        let grid = image.grid();
        let normal = |plane: Plane| grid.normal_axis(plane);
        match *self {
            Self::Flood {
                at,
                tolerance,
                in_slice_of,
            } => {
                let whole = grid.bounds();
                let within = in_slice_of.map(normal);
                let within = within.map_or(whole, |axis| whole.slice(axis, at.0[axis]));
                let middle = image.value(grid.offset_of(at)?);
                let is_like = |offset| (image.value(offset) - middle).abs() <= tolerance;
                flooded(grid, within, at, is_like)
            }
            Self::Level { at, plane } => level_region(image, normal(plane), at),
        }
    }

    /// Names the step of the history.
    pub(super) fn step_name(&self) -> &'static str {
        match self {
            Self::Flood { .. } => "flood fill",
            Self::Level { .. } => "level tracing",
        }
    }
}
