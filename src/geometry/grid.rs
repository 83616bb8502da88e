//! The one description of sampling: how many voxels, and where they are.

use glam::DVec3;

use super::{Affine, Orientation, Plane, VoxelBox, VoxelIndex, VoxelPoint, WorldPoint};

/// Axes whose cosine is no larger count as perpendicular: ITK takes as much.
const SHEAR_COSINE: f64 = 1e-3;

/// Voxels longer than what is wished for by this part of it stay whole: spacings in files are rounded.
const TOO_LITTLE_TO_DIVIDE: f64 = 1e-3;

/// Dims and position of a sampled volume. Carried by every volume, never separate from its voxels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Voxels along i, j, k; all at least 1.
    pub dims: [usize; 3],
    /// RAS millimetres from voxel coordinates.
    pub affine: Affine,
    /// No file says how the patient lies in the voxels: the affine is a convention, and right may be left.
    pub sides_assumed: bool,
}

impl Grid {
    /// A grid of `dims` voxels at `affine`.
    pub fn new(dims: [usize; 3], affine: Affine) -> Self {
        Self {
            dims,
            affine,
            sides_assumed: false,
        }
    }

    /// The same, where the patient's directions are a convention and known of no file.
    pub fn with_sides_assumed(self, sides_assumed: bool) -> Self {
        Self {
            sides_assumed,
            ..self
        }
    }

    /// Number of voxels.
    pub fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// Whether there is no voxel at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Offset of a voxel in arrays on this grid (`i` fastest). The voxel must be inside.
    #[inline]
    pub fn offset(&self, i: usize, j: usize, k: usize) -> usize {
        i + self.dims[0] * (j + self.dims[1] * k)
    }

    /// Offset of a voxel, or `None` outside the volume.
    pub fn offset_of(&self, v: VoxelIndex) -> Option<usize> {
        self.contains(v)
            .then(|| self.offset(v.0[0] as usize, v.0[1] as usize, v.0[2] as usize))
    }

    /// The voxel at an array offset.
    pub fn voxel_at(&self, offset: usize) -> VoxelIndex {
        let [ni, nj, _] = self.dims;
        VoxelIndex([
            (offset % ni) as i64,
            (offset / ni % nj) as i64,
            (offset / (ni * nj)) as i64,
        ])
    }

    /// Whether the voxel is inside.
    pub fn contains(&self, v: VoxelIndex) -> bool {
        (0..3).all(|d| v.0[d] >= 0 && (v.0[d] as u64) < self.dims[d] as u64)
    }

    /// All voxels as a box.
    pub fn bounds(&self) -> VoxelBox {
        VoxelBox::whole(self.dims)
    }

    /// Length of the volume along each axis in mm, voxels at the border included whole.
    pub fn size_mm(&self) -> [f64; 3] {
        let spacing_mm = self.spacing_mm();
        std::array::from_fn(|d| spacing_mm[d] * self.dims[d] as f64)
    }

    /// The voxel axis that the slices of a plane are counted along.
    pub fn normal_axis(&self, plane: Plane) -> usize {
        plane.normal_voxel_axis(&Orientation::of(&self.affine))
    }

    /// Length of a voxel step on each axis in mm.
    pub fn spacing_mm(&self) -> [f64; 3] {
        self.affine.spacing_mm()
    }

    /// The middle of the volume.
    pub fn middle(&self) -> WorldPoint {
        let half = self.dims.map(|n| (n as f64 - 1.0) / 2.0);
        self.world_from_voxel(VoxelPoint(half.into()))
    }

    /// The voxel position nearest to another that is in a voxel of the grid.
    pub fn clamped(&self, p: VoxelPoint) -> VoxelPoint {
        /// From a voxel's centre: short of the border, so that it is nearest to this voxel whatever rounds.
        const WITHIN: f64 = 0.5 - 1e-6;
        let last = DVec3::from_array(self.dims.map(|n| n as f64 - 1.0));
        VoxelPoint(p.0.clamp(DVec3::splat(-WITHIN), last + WITHIN))
    }

    /// Position of a voxel coordinate in the world.
    pub fn world_from_voxel(&self, p: VoxelPoint) -> WorldPoint {
        self.affine.world_from_voxel(p)
    }

    /// Voxel coordinate of a world position.
    pub fn voxel_from_world(&self, p: WorldPoint) -> VoxelPoint {
        self.affine.voxel_from_world(p)
    }

    /// How far voxels of `other` lie at most from those of the same index here, in voxels along the axis where it is
    /// most; infinite where the dims differ. Nothing in millimetres could tell grids of mice from those of people.
    pub fn shift_voxels(&self, other: &Self) -> f64 {
        if self.dims != other.dims {
            return f64::INFINITY;
        }
        let here_from_there = self.affine.inverse() * other.affine.matrix();
        self.corners()
            .iter()
            .map(|c| {
                (here_from_there.transform_point3(c.0) - c.0)
                    .abs()
                    .max_element()
            })
            .fold(0.0, f64::max)
    }

    /// Whether two grids have the same dims and their corners agree within `tolerance_voxels`.
    pub fn is_same(&self, other: &Self, tolerance_voxels: f64) -> bool {
        self.shift_voxels(other) <= tolerance_voxels
    }

    /// Whether the voxel axes are not at right angles.
    pub fn is_sheared(&self) -> bool {
        !self.affine.is_orthogonal(SHEAR_COSINE)
    }

    /// The centres of the eight corner voxels.
    pub fn corners(&self) -> [VoxelPoint; 8] {
        let last = self.dims.map(|n| n as f64 - 1.0);
        std::array::from_fn(|c| {
            VoxelPoint(DVec3::from_array(std::array::from_fn(|d| {
                if c >> d & 1 == 1 { last[d] } else { 0.0 }
            })))
        })
    }

    /// The grid of the same space whose voxels are these, each divided into so many equal parts along each axis.
    ///
    /// # Panics
    /// If there are no parts along an axis.
    pub fn divided(&self, parts: [usize; 3]) -> Self {
        let first = parts.map(|n| 0.5 / n as f64 - 0.5);
        let step = parts.map(|n| 1.0 / n as f64);
        Self {
            dims: std::array::from_fn(|d| self.dims[d] * parts[d]),
            affine: self.affine.stepped(first, step),
            ..*self
        }
    }

    /// This grid, its voxels divided into as few equal parts as leave none longer than `longest_mm` (above 0) along any
    /// axis. Voxels of this grid hold whole voxels of the other, so that labels come and go between the two unchanged.
    pub fn divided_to(&self, longest_mm: f64) -> Self {
        let parts = |mm: f64| (mm / longest_mm - TOO_LITTLE_TO_DIVIDE).ceil().max(1.0) as usize;
        self.divided(self.spacing_mm().map(parts))
    }

    /// The grid of a box of this one's voxels (which may reach outside).
    pub fn sub_grid(&self, b: VoxelBox) -> Self {
        Self {
            dims: b.size(),
            affine: self.affine.stepped(b.min.map(|v| v as f64), [1.0; 3]),
            ..*self
        }
    }
}
