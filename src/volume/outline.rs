//! Which voxels an outline drawn on a slice encloses.

use glam::DVec3;

use crate::geometry::{VoxelBox, VoxelPoint};

use super::Grid;

/// Calls `visit` with the array offset of every voxel whose centre lies inside the closed outline through `corners`
/// (voxel coordinates), by the even-odd rule, on the slice of `normal_axis` nearest to the first corner. A centre on an
/// edge belongs to the lower side only, so that outlines that share an edge share no voxel. Returns a box that holds all
/// of them, or `None` where there are none: fewer than three corners, or all outside the volume.
pub fn fill_outline(
    grid: &Grid,
    normal_axis: usize,
    corners: &[VoxelPoint],
    visit: &mut dyn FnMut(usize),
) -> Option<VoxelBox> {
    if corners.len() < 3 || corners.iter().any(|c| !c.0.is_finite()) {
        return None;
    }
    let slice = corners[0].nearest().0[normal_axis];
    let [across, down] = [(normal_axis + 1) % 3, (normal_axis + 2) % 3];
    let flat: Vec<[f64; 2]> = corners.iter().map(|c| [c.0[across], c.0[down]]).collect();
    let (low, high) = flat.iter().fold(
        ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]),
        |(low, high), c| {
            (
                [low[0].min(c[0]), low[1].min(c[1])],
                [high[0].max(c[0]), high[1].max(c[1])],
            )
        },
    );
    let mut bounds = VoxelBox {
        min: [slice; 3],
        max: [slice; 3],
    };
    for (axis, n) in [(across, 0), (down, 1)] {
        bounds.min[axis] = low[n].ceil() as i64;
        bounds.max[axis] = high[n].floor() as i64;
    }
    let bounds = bounds.clipped(grid.dims)?;
    let mut at = [slice as usize; 3];
    let mut crossings = Vec::new();
    for row in bounds.min[down]..=bounds.max[down] {
        crossings_of(&flat, row as f64, &mut crossings);
        at[down] = row as usize;
        for pair in crossings.chunks_exact(2) {
            let first = (pair[0].ceil() as i64).max(bounds.min[across]);
            let last = (pair[1].ceil() as i64 - 1).min(bounds.max[across]);
            for column in first..=last {
                at[across] = column as usize;
                visit(grid.offset(at[0], at[1], at[2]));
            }
        }
    }
    Some(bounds)
}

/// How deep an outline cuts, across the slice that it is drawn on.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Depth {
    /// Through the whole volume.
    #[default]
    Whole,
    /// This many mm in all, half of them to each side: the slices no further off than that, and always the one drawn on.
    SlabMm(f64),
}

/// The slices across `normal_axis`, the first and the last, that an outline on one of them reaches.
pub fn slices_cut(grid: &Grid, normal_axis: usize, slice: i64, depth: Depth) -> [i64; 2] {
    let last = grid.dims[normal_axis] as i64 - 1;
    match depth {
        Depth::Whole => [0, last],
        Depth::SlabMm(mm) => {
            let apart_mm = grid
                .affine
                .column(normal_axis)
                .dot(normal(grid, normal_axis))
                .abs();
            // Half of 5 mm slices 0.5 mm apart are 5 of them, whatever the rounding.
            let reach = (mm / 2.0 / apart_mm * (1.0 + 1e-9)).max(0.0) as i64;
            [(slice - reach).max(0), (slice + reach).min(last)]
        }
    }
}

/// Calls `visit` for every voxel whose centre lies inside the outline as one looks at it: as [`fill_outline`] on each of
/// the `slices` (first and last), the outline moved there at right angles to its slice, in mm. Where the slices of a scan
/// lie askew, that is not along the voxels. Returns a box that holds all of them.
pub fn fill_through(
    grid: &Grid,
    normal_axis: usize,
    corners: &[VoxelPoint],
    slices: [i64; 2],
    visit: &mut dyn FnMut(usize),
) -> Option<VoxelBox> {
    let drawn_on = corners.first()?.nearest().0[normal_axis] as f64;
    // One slice further, in voxels, at right angles to the slices.
    let mut step = grid.affine.inverse().matrix3 * normal(grid, normal_axis);
    step /= step[normal_axis];
    let filled = (slices[0]..=slices[1]).filter_map(|slice| {
        let moved: Vec<VoxelPoint> = corners
            .iter()
            .map(|corner| {
                let mut moved = corner.0 + step * (slice as f64 - drawn_on);
                moved[normal_axis] = slice as f64;
                VoxelPoint(moved)
            })
            .collect();
        fill_outline(grid, normal_axis, &moved, visit)
    });
    filled.reduce(VoxelBox::union)
}

/// The direction at right angles to the slices across an axis, of length 1.
fn normal(grid: &Grid, normal_axis: usize) -> DVec3 {
    let [across, down] = [(normal_axis + 1) % 3, (normal_axis + 2) % 3];
    let [across, down] = [across, down].map(|axis| grid.affine.column(axis));
    across.cross(down).normalize()
}

/// Where the outline's edges cross the line `y`, in order.
fn crossings_of(flat: &[[f64; 2]], y: f64, crossings: &mut Vec<f64>) {
    crossings.clear();
    let edges = flat.iter().zip(flat.iter().cycle().skip(1));
    crossings.extend(edges.filter_map(|(a, b)| {
        let crosses = (a[1] <= y) != (b[1] <= y);
        crosses.then(|| a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]))
    }));
    crossings.sort_by(f64::total_cmp);
}
