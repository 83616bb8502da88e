//! The one description of sampling: how many voxels, and where they are.

use glam::DVec3;

use super::{Affine, VoxelBox, VoxelIndex, VoxelPoint, WorldPoint};

/// Dims and position of a sampled volume. Carried by every volume, never separate from its voxels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Voxels along i, j, k; all at least 1.
    pub dims: [usize; 3],
    /// RAS millimetres from voxel coordinates.
    pub affine: Affine,
}

impl Grid {
    /// A grid of `dims` voxels at `affine`.
    pub fn new(dims: [usize; 3], affine: Affine) -> Self {
        Self { dims, affine }
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

    /// Length of a voxel step on each axis in mm.
    pub fn spacing_mm(&self) -> [f64; 3] {
        self.affine.spacing_mm()
    }

    /// Position of a voxel coordinate in the world.
    pub fn world_from_voxel(&self, p: VoxelPoint) -> WorldPoint {
        self.affine.world_from_voxel(p)
    }

    /// Voxel coordinate of a world position.
    pub fn voxel_from_world(&self, p: WorldPoint) -> VoxelPoint {
        self.affine.voxel_from_world(p)
    }

    /// Whether two grids have the same dims and their corners agree within `tolerance_mm`.
    pub fn is_same(&self, other: &Self, tolerance_mm: f64) -> bool {
        self.dims == other.dims
            && self.corners().iter().all(|&c| {
                let a = self.world_from_voxel(c).0;
                a.distance(other.world_from_voxel(c).0) <= tolerance_mm
            })
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

    /// The grid of a box of this one's voxels (which may reach outside).
    pub fn sub_grid(&self, b: VoxelBox) -> Self {
        Self::new(
            b.size(),
            self.affine.stepped(b.min.map(|v| v as f64), [1.0; 3]),
        )
    }
}
