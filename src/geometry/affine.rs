//! The affine map from voxel coordinates to RAS millimetres.

use glam::{DAffine3, DMat3, DVec3};

use super::{VoxelPoint, WorldPoint};

/// `world_from_voxel`: a 3×4 affine, shear allowed, that maps voxel coordinates to RAS millimetres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine(DAffine3);

/// The affine maps the volume onto a plane, a line or a point, or is not finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the voxel-to-world matrix is singular or not finite, so the scan has no position in space"
)]
pub struct SingularAffine;

impl Affine {
    /// From a column per voxel axis (mm per voxel step) and the position of voxel (0, 0, 0).
    pub fn from_columns(
        i: DVec3,
        j: DVec3,
        k: DVec3,
        origin: DVec3,
    ) -> Result<Self, SingularAffine> {
        let affine = DAffine3::from_mat3_translation(DMat3::from_cols(i, j, k), origin);
        // Relative to the steps: a cubic micrometre is a small number of cubic millimetres, and a sound one.
        let volume_of_steps = i.length() * j.length() * k.length();
        let filled = affine.matrix3.determinant().abs() / volume_of_steps;
        let sound = affine.is_finite() && volume_of_steps > 0.0 && filled > 1e-6;
        sound.then_some(Self(affine)).ok_or(SingularAffine)
    }

    /// From the rows of a 4×4 (or 3×4) matrix as NIfTI writes it; the fourth row is ignored.
    pub fn from_rows(rows: &[[f64; 4]]) -> Result<Self, SingularAffine> {
        let column = |c: usize| DVec3::new(rows[0][c], rows[1][c], rows[2][c]);
        Self::from_columns(column(0), column(1), column(2), column(3))
    }

    /// Axis-aligned, RAS: voxel axes along the world axes with this spacing, voxel 0 at `origin_mm`.
    ///
    /// # Panics
    /// If a spacing is zero or not finite: this is for grids that we make ourselves.
    pub fn from_spacing(spacing_mm: [f64; 3], origin_mm: [f64; 3]) -> Self {
        let [x, y, z] = spacing_mm;
        Self::from_columns(
            DVec3::X * x,
            DVec3::Y * y,
            DVec3::Z * z,
            DVec3::from_array(origin_mm),
        )
        .expect("spacing of a grid that we make is finite and not zero")
    }

    /// The rows of the 4×4 matrix.
    pub fn to_rows(&self) -> [[f64; 4]; 4] {
        let m = &self.0.matrix3;
        let t = self.0.translation;
        let row = |r: usize| [m.x_axis[r], m.y_axis[r], m.z_axis[r], t[r]];
        [row(0), row(1), row(2), [0.0, 0.0, 0.0, 1.0]]
    }

    /// Where a voxel position is in the world.
    pub fn world_from_voxel(&self, p: VoxelPoint) -> WorldPoint {
        WorldPoint(self.0.transform_point3(p.0))
    }

    /// The inverse map; invert once with [`Self::inverse`] for many points.
    pub fn voxel_from_world(&self, p: WorldPoint) -> VoxelPoint {
        VoxelPoint(self.0.inverse().transform_point3(p.0))
    }

    /// The plain glam transform, for loops and for the GPU.
    pub fn matrix(&self) -> DAffine3 {
        self.0
    }

    /// `voxel_from_world` as a plain glam transform.
    pub fn inverse(&self) -> DAffine3 {
        self.0.inverse()
    }

    /// Millimetres per voxel step along axis `d`, as a vector in RAS.
    pub fn column(&self, d: usize) -> DVec3 {
        self.0.matrix3.col(d)
    }

    /// Length of one voxel step on each axis, in mm.
    pub fn spacing_mm(&self) -> [f64; 3] {
        std::array::from_fn(|d| self.column(d).length())
    }

    /// Volume of one voxel in mm³; right for sheared grids too.
    pub fn voxel_volume_mm3(&self) -> f64 {
        self.0.matrix3.determinant().abs()
    }

    /// Whether the voxel axes form a left-handed system in RAS.
    pub fn is_left_handed(&self) -> bool {
        self.0.matrix3.determinant() < 0.0
    }

    /// Whether the voxel axes are perpendicular to each other, within `tolerance` (a cosine).
    pub fn is_orthogonal(&self, tolerance: f64) -> bool {
        let [a, b, c] = std::array::from_fn(|d| self.column(d).normalize_or_zero());
        [a.dot(b), a.dot(c), b.dot(c)]
            .iter()
            .all(|v| v.abs() <= tolerance)
    }

    /// The affine of the same voxels after a rigid map of the world.
    pub(super) fn carried_by(&self, world_from_world: DAffine3) -> Self {
        Self(world_from_world * self.0)
    }

    /// The affine of the same grid seen from voxel `first` with the axes stepped by `step` voxels:
    /// new voxel `v` lies at old voxel `first + step * v` (per axis).
    ///
    /// # Panics
    /// If a step is zero.
    pub fn stepped(&self, first: [f64; 3], step: [f64; 3]) -> Self {
        let origin = self.0.transform_point3(DVec3::from_array(first));
        Self::from_columns(
            self.column(0) * step[0],
            self.column(1) * step[1],
            self.column(2) * step[2],
            origin,
        )
        .expect("steps are not zero")
    }
}
