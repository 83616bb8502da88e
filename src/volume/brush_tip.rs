//! Which voxels a brush of a size in millimetres touches, on any grid: anisotropic, oblique or sheared.

use glam::{DMat3, DVec3};

use crate::geometry::{VoxelBox, VoxelPoint};

use super::Grid;

/// What is drawn with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BrushTip {
    /// A disc that stays on one voxel slice.
    Disc {
        /// Radius in mm.
        radius_mm: f64,
        /// The voxel axis across the slice.
        normal_axis: usize,
        /// The slice's index on that axis.
        slice: i64,
    },
    /// A ball through the slices.
    Ball {
        /// Radius in mm.
        radius_mm: f64,
    },
}

impl BrushTip {
    /// Radius in mm.
    pub(super) fn radius_mm(self) -> f64 {
        match self {
            Self::Disc { radius_mm, .. } | Self::Ball { radius_mm } => radius_mm,
        }
    }

    /// How far the tip reaches along each voxel axis, in voxels.
    fn reach(self, mm_from_voxel: DMat3) -> DVec3 {
        let r = self.radius_mm();
        match self {
            Self::Ball { .. } => {
                let inverse = mm_from_voxel.inverse();
                DVec3::from_array(std::array::from_fn(|d| r * inverse.row(d).length()))
            }
            Self::Disc { normal_axis, .. } => {
                let (u, v) = ((normal_axis + 1) % 3, (normal_axis + 2) % 3);
                let (cu, cv) = (mm_from_voxel.col(u), mm_from_voxel.col(v));
                let shear = cu.dot(cv);
                let det = cu.length_squared() * cv.length_squared() - shear * shear;
                let mut reach = DVec3::ZERO;
                reach[u] = r * (cv.length_squared() / det).sqrt();
                reach[v] = r * (cu.length_squared() / det).sqrt();
                reach
            }
        }
    }

    /// The point moved onto the disc's slice; unchanged for a ball.
    pub(super) fn pinned(self, p: VoxelPoint) -> DVec3 {
        let mut p = p.0;
        if let Self::Disc {
            normal_axis, slice, ..
        } = self
        {
            p[normal_axis] = slice as f64;
        }
        p
    }
}

/// Calls `visit` with the array offset of every voxel whose centre the tip covers on its way from `from`
/// to `to` in a straight line, and of the voxels on that line itself (so that a tip smaller than a voxel
/// still draws). A voxel may be visited twice. Returns a box that holds all of them, or `None` when the
/// tip stays outside the volume.
pub fn sweep(
    grid: &Grid,
    tip: BrushTip,
    from: VoxelPoint,
    to: VoxelPoint,
    mut visit: impl FnMut(usize),
) -> Option<VoxelBox> {
    let (a, b) = (tip.pinned(from), tip.pinned(to));
    if !(a.is_finite() && b.is_finite() && tip.radius_mm().is_finite()) {
        return None;
    }
    let mm_from_voxel = grid.affine.matrix().matrix3;
    let reach = tip.reach(mm_from_voxel);
    let touched = VoxelBox {
        min: (a.min(b) - reach).floor().to_array().map(|v| v as i64),
        max: (a.max(b) + reach).ceil().to_array().map(|v| v as i64),
    }
    .clipped(grid.dims)?;
    visit_capsule(grid, touched, tip.radius_mm(), [a, b], &mut visit);
    visit_line(grid, [a, b], &mut visit);
    Some(touched)
}

/// Voxels of `within` whose centre is at most `radius_mm` from the segment between `ends` (voxel coordinates).
fn visit_capsule(
    grid: &Grid,
    within: VoxelBox,
    radius_mm: f64,
    ends: [DVec3; 2],
    visit: &mut impl FnMut(usize),
) {
    let mm_from_voxel = grid.affine.matrix().matrix3;
    let along = mm_from_voxel * (ends[1] - ends[0]);
    let per_length = 1.0 / along.length_squared().max(f64::MIN_POSITIVE);
    let limit = radius_mm * radius_mm * (1.0 + 1e-9);
    for k in within.min[2]..=within.max[2] {
        for j in within.min[1]..=within.max[1] {
            let row = grid.offset(0, j as usize, k as usize);
            for i in within.min[0]..=within.max[0] {
                let voxel = DVec3::new(i as f64, j as f64, k as f64);
                let p = mm_from_voxel * (voxel - ends[0]);
                let t = (p.dot(along) * per_length).clamp(0.0, 1.0);
                if (p - along * t).length_squared() <= limit {
                    visit(row + i as usize);
                }
            }
        }
    }
}

/// The voxels nearest to points on the segment, close enough together to leave no gap.
fn visit_line(grid: &Grid, ends: [DVec3; 2], visit: &mut impl FnMut(usize)) {
    let steps = ((ends[1] - ends[0]).abs().max_element() * 2.0)
        .ceil()
        .max(1.0);
    for step in 0..=steps as usize {
        let p = ends[0].lerp(ends[1], step as f64 / steps);
        if let Some(offset) = grid.offset_of(VoxelPoint(p).nearest()) {
            visit(offset);
        }
    }
}
