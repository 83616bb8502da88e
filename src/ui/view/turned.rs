//! Where turned planes meet, finer than a voxel: the cross-hair is a voxel, and a plane that went through its centre would
//! move with every rounding.

use crate::geometry::{Tilt, VoxelIndex, VoxelPoint};

/// How the planes of all views are turned, and where in the cross-hair's voxel they meet; by default not turned.
#[derive(Debug, Clone, Copy, Default)]
pub struct Turned {
    /// How they are turned.
    pub tilt: Tilt,
    /// Where they met when that was last said.
    place: Option<VoxelPoint>,
}

impl Turned {
    /// The cross-hair goes to the voxel of this place: turned planes are to meet right there.
    pub fn meet_at(&mut self, place: VoxelPoint) {
        self.place = Some(place).filter(|_| !self.tilt.is_none());
    }

    /// Where the planes meet. Along axes in which the cross-hair has gone elsewhere, as with a step through slices, in the
    /// centre of its voxel.
    pub fn meeting(&self, cross_hair: VoxelIndex) -> VoxelPoint {
        let mut meeting = cross_hair.center();
        if let Some(place) = self.place.filter(|_| !self.tilt.is_none()) {
            let voxel = place.nearest();
            for d in 0..3 {
                if voxel.0[d] == cross_hair.0[d] {
                    meeting.0[d] = place.0[d];
                }
            }
        }
        meeting
    }
}
