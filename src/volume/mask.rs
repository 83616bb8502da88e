//! A binary mask on a grid.

use crate::geometry::VoxelBox;
use crate::util::short_debug;

use super::Grid;

/// One bit of meaning per voxel: 0 outside, 1 inside.
#[derive(Clone, PartialEq)]
pub struct Mask {
    /// The sampling grid.
    pub grid: Grid,
    /// 0 or 1 per voxel, `i` fastest.
    pub voxels: Vec<u8>,
}

short_debug! {
    Mask: |mask| format_args!("mask {:?}", mask.grid.dims);
}

impl Mask {
    /// All outside.
    pub fn empty(grid: Grid) -> Self {
        Self {
            voxels: vec![0; grid.len()],
            grid,
        }
    }

    /// Number of voxels inside.
    pub fn count(&self) -> usize {
        self.voxels.iter().filter(|&&v| v != 0).count()
    }

    /// Volume inside, in ml.
    pub fn volume_ml(&self) -> f64 {
        self.count() as f64 * self.grid.affine.voxel_volume_mm3() / 1000.0
    }

    /// The tight box around the voxels inside; `None` when empty.
    pub fn bounds(&self) -> Option<VoxelBox> {
        let mut found: Option<VoxelBox> = None;
        let ni = self.grid.dims[0];
        for (row, line) in self.voxels.chunks_exact(ni).enumerate() {
            // Most rows have none; this sees it many voxels at a time.
            if line.iter().fold(0, |all, &v| all | v) == 0 {
                continue;
            }
            let first = line.iter().position(|&v| v != 0).unwrap_or(0);
            let last = line.iter().rposition(|&v| v != 0).unwrap_or(first);
            let (j, k) = (
                (row % self.grid.dims[1]) as i64,
                (row / self.grid.dims[1]) as i64,
            );
            let line_box = VoxelBox {
                min: [first as i64, j, k],
                max: [last as i64, j, k],
            };
            found = Some(found.map_or(line_box, |b| b.union(line_box)));
        }
        found
    }
}
