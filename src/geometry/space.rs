//! Typed coordinates, so that a voxel is never taken for a millimetre.

use glam::DVec3;

/// A continuous position in voxel coordinates; voxel centres are integers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VoxelPoint(pub DVec3);

/// A position in RAS millimetres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WorldPoint(pub DVec3);

/// A voxel's zero-based indices `[i, j, k]`. Signed, because a user may name one outside the volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VoxelIndex(pub [i64; 3]);

/// An axis-aligned box of voxels on some grid; both corners are included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VoxelBox {
    /// The smallest index on each axis.
    pub min: [i64; 3],
    /// The largest index on each axis, included.
    pub max: [i64; 3],
}

impl VoxelPoint {
    /// The voxel whose cell holds this point.
    pub fn nearest(self) -> VoxelIndex {
        VoxelIndex(self.0.to_array().map(|v| (v + 0.5).floor() as i64))
    }
}

impl VoxelIndex {
    /// The centre of the voxel.
    pub fn center(self) -> VoxelPoint {
        VoxelPoint(DVec3::from_array(self.0.map(|v| v as f64)))
    }

    /// The same voxel seen from one that becomes voxel (0, 0, 0).
    pub fn relative_to(self, origin: [i64; 3]) -> Self {
        Self(std::array::from_fn(|d| self.0[d] - origin[d]))
    }
}

impl VoxelBox {
    /// The box spanned by two corners given in any order.
    pub fn from_corners(a: VoxelIndex, b: VoxelIndex) -> Self {
        Self {
            min: std::array::from_fn(|d| a.0[d].min(b.0[d])),
            max: std::array::from_fn(|d| a.0[d].max(b.0[d])),
        }
    }

    /// The box of all voxels of a grid of these dims.
    pub fn whole(dims: [usize; 3]) -> Self {
        Self {
            min: [0; 3],
            max: dims.map(|n| n as i64 - 1),
        }
    }

    /// The voxels of the box that lie inside a grid of these dims, if any.
    pub fn clipped(self, dims: [usize; 3]) -> Option<Self> {
        self.intersection(Self::whole(dims))
    }

    /// The voxels in both boxes, if any.
    pub fn intersection(self, other: Self) -> Option<Self> {
        let min = std::array::from_fn(|d| self.min[d].max(other.min[d]));
        let max = std::array::from_fn(|d| self.max[d].min(other.max[d]));
        (0..3)
            .all(|d| min[d] <= max[d])
            .then_some(Self { min, max })
    }

    /// The smallest box that holds both.
    pub fn union(self, other: Self) -> Self {
        Self {
            min: std::array::from_fn(|d| self.min[d].min(other.min[d])),
            max: std::array::from_fn(|d| self.max[d].max(other.max[d])),
        }
    }

    /// The box grown by this many voxels on every side.
    pub fn grown(self, voxels: i64) -> Self {
        self.grown_by([voxels; 3])
    }

    /// The box grown by this many voxels at both ends of each axis.
    pub fn grown_by(self, voxels: [i64; 3]) -> Self {
        Self {
            min: std::array::from_fn(|d| self.min[d] - voxels[d]),
            max: std::array::from_fn(|d| self.max[d] + voxels[d]),
        }
    }

    /// The box cut off at the ends of a grid of these dims, in which part of it must lie.
    pub fn clamped(self, dims: [usize; 3]) -> Self {
        self.clipped(dims).unwrap_or(self)
    }

    /// The same box seen from a voxel that becomes voxel (0, 0, 0).
    pub fn relative_to(self, origin: [i64; 3]) -> Self {
        let seen = |corner: [i64; 3]| VoxelIndex(corner).relative_to(origin).0;
        Self {
            min: seen(self.min),
            max: seen(self.max),
        }
    }

    /// The part of the box with this index along an axis, be it inside the box or not.
    pub fn slice(mut self, axis: usize, index: i64) -> Self {
        self.min[axis] = index;
        self.max[axis] = index;
        self
    }

    /// Voxels along each axis.
    pub fn size(self) -> [usize; 3] {
        std::array::from_fn(|d| usize::try_from(self.max[d] - self.min[d] + 1).unwrap_or(0))
    }

    /// Whether the voxel is inside.
    pub fn contains(self, v: VoxelIndex) -> bool {
        (0..3).all(|d| (self.min[d]..=self.max[d]).contains(&v.0[d]))
    }
}
