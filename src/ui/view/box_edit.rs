//! Drawing and editing the 3D box in one view; the other views show the same box, so its depth is edited
//! there.

use egui::Pos2;
use glam::DVec3;

use crate::geometry::{Grid, VoxelBox, VoxelIndex, VoxelPoint};
use crate::ui::theme::GRAB_RADIUS;

use super::PlacedView;

/// Which sides of the box a drag moves: per voxel axis -1 the lower, +1 the upper, 0 none.
pub type Sides = [i8; 3];

/// A drag of the box tool under way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BoxDrag {
    /// A new box from this voxel.
    New {
        /// Where the drag began.
        start: VoxelIndex,
    },
    /// Some sides of an existing box follow the pointer.
    Resize {
        /// The box at the start.
        original: VoxelBox,
        /// What moves.
        sides: Sides,
    },
    /// The whole box follows the pointer.
    Move {
        /// The box at the start.
        original: VoxelBox,
        /// Where the drag began, in voxels.
        from: VoxelPoint,
    },
}

impl BoxDrag {
    /// What a drag that begins at `pos` does: a handle or an edge resizes, the inside moves, elsewhere a
    /// new box begins.
    pub fn begin(view: &PlacedView, pos: Pos2, existing: Option<VoxelBox>) -> Self {
        if let Some(original) = existing.filter(|b| is_in_slice(view, *b)) {
            if let Some(sides) = grabbed_sides(view, original, pos) {
                return Self::Resize { original, sides };
            }
            if original.contains(view.voxel_point(pos).nearest()) {
                return Self::Move {
                    original,
                    from: view.voxel_point(pos),
                };
            }
        }
        Self::New {
            start: view.clamped_voxel(pos),
        }
    }

    /// The box as it is with the pointer at `pos`.
    pub fn dragged(self, view: &PlacedView, pos: Pos2) -> VoxelBox {
        let dims = view.slice.grid().dims;
        match self {
            Self::New { start } => new_box(view, start, view.clamped_voxel(pos)),
            Self::Resize { original, sides } => {
                resized(original, sides, view.voxel_point(pos), dims)
            }
            Self::Move { original, from } => {
                let by = (view.voxel_point(pos).0 - from.0).round();
                moved(original, by, dims)
            }
        }
    }

    /// Whether the drag made a box worth keeping: a new one of a single voxel is a slip of the hand.
    pub fn is_deliberate(self, result: VoxelBox) -> bool {
        match self {
            Self::New { .. } => result.size().iter().filter(|&&n| n > 1).count() >= 2,
            _ => true,
        }
    }
}

/// Whether the view's slice goes through the box.
pub fn is_in_slice(view: &PlacedView, b: VoxelBox) -> bool {
    let normal = view.slice.normal_axis();
    (b.min[normal]..=b.max[normal]).contains(&view.slice.slice())
}

/// The eight handles of the box in this view.
pub fn handles(view: &PlacedView, b: VoxelBox) -> [(Sides, Pos2); 8] {
    const AROUND: [(i8, i8); 8] = [
        (-1, -1),
        (0, -1),
        (1, -1),
        (1, 0),
        (1, 1),
        (0, 1),
        (-1, 1),
        (-1, 0),
    ];
    let [across, down] = view.slice.in_plane_axes();
    AROUND.map(|(a, d)| {
        let mut sides = [0; 3];
        sides[across] = a;
        sides[down] = d;
        (sides, view.pos(side_position(view, b, sides)))
    })
}

/// The box's outline in this view, as four corners in order.
pub fn outline(view: &PlacedView, b: VoxelBox) -> [Pos2; 4] {
    let all = handles(view, b);
    [all[0].1, all[2].1, all[4].1, all[6].1]
}

fn side_position(view: &PlacedView, b: VoxelBox, sides: Sides) -> VoxelPoint {
    let normal = view.slice.normal_axis();
    VoxelPoint(DVec3::from_array(std::array::from_fn(|axis| {
        let (low, high) = (b.min[axis] as f64 - 0.5, b.max[axis] as f64 + 0.5);
        match sides[axis] {
            _ if axis == normal => view.slice.slice() as f64,
            -1 => low,
            1 => high,
            _ => (low + high) / 2.0,
        }
    })))
}

/// The handle under the pointer, else the edge under it.
pub fn grabbed_sides(view: &PlacedView, b: VoxelBox, pos: Pos2) -> Option<Sides> {
    let all = handles(view, b);
    let nearest = all
        .iter()
        .min_by(|x, y| x.1.distance(pos).total_cmp(&y.1.distance(pos)))?;
    if nearest.1.distance(pos) <= GRAB_RADIUS {
        return Some(nearest.0);
    }
    // Edge n runs from corner 2n to corner 2n+2, with its middle handle between them.
    (0..4).find_map(|edge| {
        let (from, middle, to) = (
            all[2 * edge].1,
            all[2 * edge + 1].0,
            all[(2 * edge + 2) % 8].1,
        );
        (distance_to_segment(pos, from, to) <= GRAB_RADIUS / 2.0).then_some(middle)
    })
}

fn distance_to_segment(p: Pos2, a: Pos2, b: Pos2) -> f32 {
    let along = b - a;
    let length_squared = along.length_sq().max(f32::EPSILON);
    let t = ((p - a).dot(along) / length_squared).clamp(0.0, 1.0);
    p.distance(a + along * t)
}

/// The box spanned in one view: as deep as it is wide and high on average, around the slice.
fn new_box(view: &PlacedView, start: VoxelIndex, end: VoxelIndex) -> VoxelBox {
    let grid = view.slice.grid();
    let normal = view.slice.normal_axis();
    let mut b = VoxelBox::from_corners(start, end);
    let depth_mm = mean_extent_mm(grid, b, view.slice.in_plane_axes());
    let half = (depth_mm / grid.spacing_mm()[normal] / 2.0).round() as i64;
    let (slice, last) = (view.slice.slice(), grid.dims[normal] as i64 - 1);
    b.min[normal] = (slice - half).clamp(0, last);
    b.max[normal] = (slice + half).clamp(0, last);
    b
}

fn mean_extent_mm(grid: &Grid, b: VoxelBox, axes: [usize; 2]) -> f64 {
    let (size, spacing) = (b.size(), grid.spacing_mm());
    axes.iter()
        .map(|&d| size[d] as f64 * spacing[d])
        .sum::<f64>()
        / 2.0
}

fn resized(original: VoxelBox, sides: Sides, to: VoxelPoint, dims: [usize; 3]) -> VoxelBox {
    let mut b = original;
    for axis in 0..3 {
        let last = dims[axis] as i64 - 1;
        match sides[axis] {
            -1 => b.min[axis] = ((to.0[axis] + 0.5).round() as i64).clamp(0, b.max[axis]),
            1 => b.max[axis] = ((to.0[axis] - 0.5).round() as i64).clamp(b.min[axis], last),
            _ => {}
        }
    }
    b
}

fn moved(original: VoxelBox, by: DVec3, dims: [usize; 3]) -> VoxelBox {
    let mut b = original;
    for axis in 0..3 {
        let last = dims[axis] as i64 - 1;
        let step = (by[axis] as i64).clamp(-original.min[axis], last - original.max[axis]);
        b.min[axis] += step;
        b.max[axis] += step;
    }
    b
}
