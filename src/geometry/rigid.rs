//! Rigid transforms: turned and moved, never stretched.

use glam::{DAffine3, DMat3, DQuat, DVec3};

use super::{Grid, WorldPoint};

/// How far a matrix may be from a rotation to be taken as one: numbers in files are rounded.
const ROUNDING: f64 = 1e-4;

/// A rigid map between two worlds in RAS millimetres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RigidTransform {
    rotation: DQuat,
    translation_mm: DVec3,
}

impl Default for RigidTransform {
    fn default() -> Self {
        Self::IDENTITY
    }
}

impl RigidTransform {
    /// Everything stays where it is.
    pub const IDENTITY: Self = Self {
        rotation: DQuat::IDENTITY,
        translation_mm: DVec3::ZERO,
    };

    /// Turned about a point by a rotation vector (its direction the axis, its length the angle in radians), then moved.
    pub fn about(centre: WorldPoint, rotation_vector: DVec3, shift_mm: DVec3) -> Self {
        let rotation = DQuat::from_scaled_axis(rotation_vector);
        Self {
            rotation,
            translation_mm: centre.0 - rotation * centre.0 + shift_mm,
        }
    }

    /// From a unit quaternion, up to rounding, and a translation; `None` where it is no rotation or not finite.
    pub fn from_parts(rotation: DQuat, translation_mm: DVec3) -> Option<Self> {
        let is_unit = (rotation.length() - 1.0).abs() < ROUNDING;
        (is_unit && translation_mm.is_finite()).then(|| Self {
            rotation: rotation.normalize(),
            translation_mm,
        })
    }

    /// From a matrix and a translation; `None` where the matrix is no rotation or not finite.
    pub fn from_matrix(matrix: DMat3, translation_mm: DVec3) -> Option<Self> {
        let off = (matrix.transpose() * matrix - DMat3::IDENTITY).to_cols_array();
        let is_rotation = matrix.is_finite()
            && off.iter().all(|v| v.abs() < ROUNDING)
            && matrix.determinant() > 0.0;
        let rotation = is_rotation.then(|| DQuat::from_mat3(&matrix));
        Self::from_parts(rotation?.normalize(), translation_mm)
    }

    /// The rotation.
    pub fn rotation(&self) -> DQuat {
        self.rotation
    }

    /// Where the origin goes, in mm.
    pub fn translation_mm(&self) -> DVec3 {
        self.translation_mm
    }

    /// The plain glam transform.
    pub fn matrix(&self) -> DAffine3 {
        DAffine3::from_rotation_translation(self.rotation, self.translation_mm)
    }

    /// The rows of the 4×4 matrix.
    pub fn to_rows(&self) -> [[f64; 4]; 4] {
        let m = DMat3::from_quat(self.rotation);
        let t = self.translation_mm;
        let row = |r: usize| [m.x_axis[r], m.y_axis[r], m.z_axis[r], t[r]];
        [row(0), row(1), row(2), [0.0, 0.0, 0.0, 1.0]]
    }

    /// Where a point goes.
    pub fn apply(&self, point: WorldPoint) -> WorldPoint {
        WorldPoint(self.rotation * point.0 + self.translation_mm)
    }

    /// The map back.
    pub fn inverse(&self) -> Self {
        let rotation = self.rotation.inverse();
        Self {
            rotation,
            translation_mm: -(rotation * self.translation_mm),
        }
    }

    /// This after `first`.
    pub fn after(&self, first: &Self) -> Self {
        Self {
            rotation: (self.rotation * first.rotation).normalize(),
            translation_mm: self.rotation * first.translation_mm + self.translation_mm,
        }
    }

    /// The angle that it turns by, in degrees.
    pub fn angle_deg(&self) -> f64 {
        let length = self.rotation.xyz().length();
        2.0 * length.atan2(self.rotation.w.abs()).to_degrees()
    }

    /// How far it moves a point, as a vector in mm.
    pub fn shift_at(&self, point: WorldPoint) -> DVec3 {
        self.apply(point).0 - point.0
    }

    /// A grid that the transform carries along: the same voxels, where they go.
    pub fn carried(&self, grid: &Grid) -> Grid {
        Grid {
            affine: grid.affine.carried_by(self.matrix()),
            ..*grid
        }
    }
}
