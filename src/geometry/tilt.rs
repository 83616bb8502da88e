//! How the planes of a viewer are turned about the cross-hair, all together: they stay at the angles to one another that
//! they have on the scan's voxels.

use glam::{DQuat, DVec3};

/// A turn of all planes, in the world (RAS); by default none.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tilt(DQuat);

/// Normals that are nearer to each other than this, in radians, are of the same plane.
const LEAST_RAD: f64 = 1e-4;

impl Tilt {
    /// Turned further about an axis in the world, by the right-hand rule.
    pub fn turned(self, axis: DVec3, by_rad: f64) -> Self {
        match axis.try_normalize() {
            Some(axis) => Self((DQuat::from_axis_angle(axis, by_rad) * self.0).normalize()),
            None => self,
        }
    }

    /// Whether the planes are those of the scan's voxels.
    pub fn is_none(self) -> bool {
        self.0.to_axis_angle().1.abs() < LEAST_RAD
    }

    /// Where a plane's normal points that is this without the turn.
    pub fn normal(self, straight: DVec3) -> DVec3 {
        self.0 * straight
    }

    /// Whether the plane of this normal is another than without the turn.
    pub fn moves(self, straight: DVec3) -> bool {
        self.normal(straight).angle_between(straight) >= LEAST_RAD
    }
}
