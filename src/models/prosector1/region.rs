//! The region of a scan that the network looks at: a box of `side³` samples along the patient's axes.

use glam::{DMat3, DVec3};

use crate::geometry::{Affine, Orientation, WorldPoint};
use crate::volume::Grid;

/// Samples along each side of a region.
pub const SIDE: usize = 48;

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

/// Extents no less than a third of the longest, so that no region is a sliver.
pub fn balanced(extent_mm: [f64; 3]) -> [f64; 3] {
    let longest = extent_mm.iter().copied().fold(1.0, f64::max);
    extent_mm.map(|e| e.max(longest / 3.0))
}
