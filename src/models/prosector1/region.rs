//! The region of a scan that the network looks at: a box of `side³` samples along the patient's axes.

use glam::{DMat3, DVec3};

use crate::geometry::{Affine, Orientation, VoxelBox, VoxelPoint, WorldPoint};
use crate::volume::Grid;

/// Samples along each side of a region.
pub const SIDE: usize = 48;

/// The indices i, j, k of a region's voxel, of its offset in arrays.
pub fn voxel_at(v: usize) -> [usize; 3] {
    [v % SIDE, v / SIDE % SIDE, v / (SIDE * SIDE)]
}

/// The position of a region's voxel in its voxel coordinates.
pub fn position(v: usize) -> [f32; 3] {
    voxel_at(v).map(|x| x as f32)
}

/// How far a position is from the middle of a box, given by its lower and upper faces: 1 on the ellipsoid in it.
pub fn radius_in_box(p: [f32; 3], [low, high]: [[f32; 3]; 2]) -> f32 {
    (0..3)
        .map(|d| {
            let half = ((high[d] - low[d]) / 2.0).max(0.5);
            ((p[d] - (low[d] + high[d]) / 2.0) / half).powi(2)
        })
        .sum::<f32>()
        .sqrt()
}

/// The directions in the world that the region's axes follow: the scan's own voxel axes, ordered and turned so
/// that they point to the patient's Right, Anterior and Superior.
pub fn anatomical_axes(scan: &Grid) -> DMat3 {
    let orientation = Orientation::of(&scan.affine);
    let axis = |ras: usize| {
        let voxel_axis = orientation.voxel_axis_of(ras);
        let direction = scan.affine.column(voxel_axis).normalize();
        if orientation.0[voxel_axis].ras().1 {
            direction
        } else {
            -direction
        }
    };
    DMat3::from_cols(axis(0), axis(1), axis(2))
}

/// The grid of a region of `extent_mm` along each of `axes`, centred on `centre`.
pub fn region_grid(axes: DMat3, centre: WorldPoint, extent_mm: [f64; 3]) -> Grid {
    let step: [DVec3; 3] = std::array::from_fn(|d| axes.col(d) * (extent_mm[d] / SIDE as f64));
    let half = (SIDE as f64 - 1.0) / 2.0;
    let origin = centre.0 - (step[0] + step[1] + step[2]) * half;
    let affine = Affine::from_columns(step[0], step[1], step[2], origin)
        .expect("extents are positive and the scan's axes independent");
    Grid::new([SIDE; 3], affine)
}

/// `region` moved by half a voxel at most, so that its voxels lie on those of `scan`, where both have the same spacing:
/// nothing is then lost to interpolation.
pub fn on_voxels_of(scan: &Grid, region: Grid) -> Grid {
    let of_scan = scan.affine.inverse() * region.affine.matrix();
    let mut steps = (0..3).map(|d| of_scan.matrix3.col(d));
    let agree = steps.all(|s| (s - s.round()).length() < 0.02 && (s.length() - 1.0).abs() < 0.02);
    if !agree {
        return region;
    }
    let first = of_scan.translation;
    let moved = of_scan.matrix3.inverse() * (first.round() - first);
    Grid::new(
        region.dims,
        region.affine.stepped(moved.to_array(), [1.0; 3]),
    )
}

/// Extents no less than a third of the longest, so that no region is a sliver.
pub fn balanced(extent_mm: [f64; 3]) -> [f64; 3] {
    let longest = extent_mm.iter().copied().fold(0.0, f64::max);
    extent_mm.map(|e| e.max(longest / 3.0))
}

/// A box along the patient's axes: what a region should be about.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    axes: DMat3,
    /// Corners in coordinates along `axes`, in mm.
    low: DVec3,
    high: DVec3,
}

impl Span {
    /// The span of a voxel box of some grid.
    pub fn of_voxels(grid: &Grid, bounds: VoxelBox) -> Self {
        let corners = (0..8).map(|c| {
            VoxelPoint(DVec3::from_array(std::array::from_fn(|d| {
                if c >> d & 1 == 1 {
                    bounds.max[d] as f64 + 0.5
                } else {
                    bounds.min[d] as f64 - 0.5
                }
            })))
        });
        let mut points = corners.map(|c| grid.world_from_voxel(c));
        let first = Self::of_point(grid, points.next().expect("a box has eight corners"));
        points.fold(first, Self::with_point)
    }

    /// The span of a point.
    pub fn of_point(grid: &Grid, point: WorldPoint) -> Self {
        let axes = anatomical_axes(grid);
        let at = axes.inverse() * point.0;
        Self {
            axes,
            low: at,
            high: at,
        }
    }

    /// The span that also holds a point.
    pub fn with_point(self, point: WorldPoint) -> Self {
        let at = self.axes.inverse() * point.0;
        Self {
            low: self.low.min(at),
            high: self.high.max(at),
            ..self
        }
    }

    /// A region with the span in its middle, `context` times as long, and no side below `least_mm`.
    pub fn region(&self, context: f64, least_mm: f64) -> Grid {
        let extent = balanced(((self.high - self.low) * context).to_array());
        region_grid(self.axes, self.centre(), extent.map(|e| e.max(least_mm)))
    }

    /// A region about the span's middle, `extent_mm` long along the axes beside the span, and no side below `least_mm`.
    pub fn region_of(&self, extent_mm: [f64; 3], least_mm: f64) -> Grid {
        let extent = balanced((self.high - self.low + DVec3::from_array(extent_mm)).to_array());
        region_grid(self.axes, self.centre(), extent.map(|e| e.max(least_mm)))
    }

    /// Lengths along the axes in mm.
    pub fn size_mm(&self) -> [f64; 3] {
        (self.high - self.low).to_array()
    }

    /// The middle.
    pub fn centre(&self) -> WorldPoint {
        WorldPoint(self.axes * ((self.low + self.high) / 2.0))
    }

    /// The place nearest to `centre` about which a region of `extent_mm` along the axes lies within the span; the
    /// span's middle along axes where the region is the longer one.
    pub fn centre_within(&self, centre: WorldPoint, extent_mm: [f64; 3]) -> WorldPoint {
        let room = (self.high - self.low - DVec3::from_array(extent_mm)).max(DVec3::ZERO) / 2.0;
        let from_middle = self.axes.inverse() * centre.0 - (self.low + self.high) / 2.0;
        WorldPoint(self.centre().0 + self.axes * from_middle.clamp(-room, room))
    }

    /// Whether a grid along the same axes covers the span.
    pub fn is_within(&self, grid: &Grid) -> bool {
        let covered = Self::of_voxels(grid, grid.bounds());
        self.low.cmpge(covered.low).all() && self.high.cmple(covered.high).all()
    }

    /// Whether a region shows the span well: with a margin around it, and not too small.
    pub fn fits(&self, region: &Grid) -> bool {
        let margin = (self.high - self.low) * 0.1;
        let shown = Self::of_voxels(region, region.bounds());
        let held = (self.low - margin).cmpge(shown.low).all()
            && (self.high + margin).cmple(shown.high).all();
        let share = (self.high - self.low) / (shown.high - shown.low);
        held && share.max_element() >= 0.4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_voxel(scan: &Grid, region: &Grid) -> DVec3 {
        let point = region.world_from_voxel(VoxelPoint(DVec3::ZERO));
        scan.affine.voxel_from_world(point).0
    }

    #[test]
    fn a_region_of_the_scan_s_spacing_lies_on_its_voxels() {
        let oblique =
            DMat3::from_rotation_z(0.3) * DMat3::from_diagonal(DVec3::new(-1.0, 1.0, 1.0));
        let [i, j, k] = [0, 1, 2].map(|d| oblique.col(d));
        let affine = Affine::from_columns(i, j, k, DVec3::new(5.0, -3.0, 11.0)).unwrap();
        let scan = Grid::new([35, 51, 36], affine);
        let centre = WorldPoint(DVec3::new(-10.3, 20.4, 30.2));
        let region = region_grid(anatomical_axes(&scan), centre, [SIDE as f64; 3]);
        let moved = on_voxels_of(&scan, region);
        let (before, after) = (first_voxel(&scan, &region), first_voxel(&scan, &moved));
        assert!((before - before.round()).length() > 0.1);
        assert!((after - after.round()).length() < 1e-9, "{after}");
        assert!((after - before).abs().max_element() <= 0.5);
        let steps = first_voxel(&scan, &moved)
            - scan
                .affine
                .inverse()
                .transform_point3(moved.world_from_voxel(VoxelPoint(DVec3::ONE)).0);
        assert!((steps.abs() - DVec3::ONE).length() < 1e-9, "{steps}");
    }

    #[test]
    fn a_region_is_moved_into_its_scan() {
        let affine = Affine::from_spacing([1.0, 1.0, 2.0], [10.0, 0.0, 0.0]);
        let scan = Grid::new([40, 60, 20], affine);
        let span = Span::of_voxels(&scan, scan.bounds());
        let wanted = WorldPoint(DVec3::new(12.0, 25.0, 3.0));
        let WorldPoint(moved) = span.centre_within(wanted, [32.0, 48.0, 48.0]);
        assert_eq!(moved, DVec3::new(25.5, 25.0, 19.0));
    }

    #[test]
    fn a_region_of_another_spacing_stays_where_it_is() {
        let scan = Grid::new([64; 3], Affine::from_spacing([1.0, 1.0, 3.0], [0.0; 3]));
        let centre = WorldPoint(DVec3::splat(20.3));
        let region = region_grid(anatomical_axes(&scan), centre, [SIDE as f64; 3]);
        assert_eq!(on_voxels_of(&scan, region), region);
    }
}
