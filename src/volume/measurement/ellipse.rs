//! An ellipse in a slice, and the scan's values at the voxels whose centres lie in it: its centre, and the end of each of
//! its two half axes.

use std::f64::consts::{PI, TAU};

use glam::{DMat2, DVec2, DVec3};

use super::{Reading, Shape};
use crate::geometry::{VoxelIndex, VoxelPoint, WorldPoint};
use crate::volume::ImageVolume;
use crate::volume::statistics::Intensity;

pub const SHAPE: Shape = Shape {
    id: "ellipse",
    title: "Ellipse",
    points: 3,
    reading,
    line,
    pulled,
};

/// Corners of the line that shows one.
const CORNERS: usize = 72;

fn half_axes(points: &[DVec3]) -> [DVec3; 2] {
    [points[1] - points[0], points[2] - points[0]]
}

fn reading(points: &[DVec3], image: &ImageVolume) -> Reading {
    let [u, v] = half_axes(points);
    let mut values = values_inside(points, image);
    let axes = [u, v].map(|axis| 2.0 * axis.length());
    Reading {
        length_mm: Some(axes[0].max(axes[1])),
        short_mm: Some(axes[0].min(axes[1])),
        area_mm2: Some(PI * u.cross(v).length()),
        voxels: Some(values.len()),
        values: Intensity::of(&mut values),
        degrees: None,
    }
}

/// The values of the slice that the centre is in. Which of the voxel axes is across that slice follows from the axes of the
/// ellipse: they run least along it.
fn values_inside(points: &[DVec3], image: &ImageVolume) -> Vec<f64> {
    let grid = image.grid();
    let [u, v] = half_axes(points);
    let gram = DMat2::from_cols_array(&[u.dot(u), u.dot(v), u.dot(v), v.dot(v)]);
    if gram.determinant() <= 0.0 {
        return Vec::new();
    }
    let (into_axes, to_voxels) = (gram.inverse(), grid.affine.inverse().matrix3);
    let centre = grid.voxel_from_world(WorldPoint(points[0])).0;
    let (du, dv) = (to_voxels * u, to_voxels * v);
    let reach = DVec3::from_array([0, 1, 2].map(|d| du[d].hypot(dv[d])));
    let across = (0..3)
        .min_by(|&a, &b| reach[a].total_cmp(&reach[b]))
        .unwrap_or(2);
    let slice = VoxelPoint(centre).nearest().0[across];
    let bounds = |d: usize| match d == across {
        true => (slice, slice),
        false => (
            (centre[d] - reach[d]).ceil() as i64,
            (centre[d] + reach[d]).floor() as i64,
        ),
    };
    let inside = |d: usize| {
        let (low, high) = bounds(d);
        low.max(0)..=high.min(grid.dims[d] as i64 - 1)
    };
    let mut values = Vec::new();
    for k in inside(2) {
        for j in inside(1) {
            for i in inside(0) {
                let voxel = VoxelIndex([i, j, k]);
                let mut away = voxel.center().0 - centre;
                away[across] = 0.0;
                let away = grid.affine.matrix().matrix3 * away;
                let part = into_axes * DVec2::new(away.dot(u), away.dot(v));
                if part.length_squared() <= 1.0 {
                    let value = grid.offset_of(voxel).map(|offset| image.value(offset));
                    values.extend(value.filter(|v| v.is_finite()));
                }
            }
        }
    }
    values
}

fn line(points: &[DVec3]) -> Vec<DVec3> {
    let [u, v] = half_axes(points);
    (0..=CORNERS)
        .map(|n| {
            let (sin, cos) = (n as f64 / CORNERS as f64 * TAU).sin_cos();
            points[0] + u * cos + v * sin
        })
        .collect()
}

/// Its centre takes it along; the end of an axis turns it and makes that axis longer or shorter, the other stays as long and
/// at a right angle.
fn pulled(points: &[DVec3], point: usize, to: DVec3) -> Vec<DVec3> {
    let centre = points[0];
    let [u, v] = half_axes(points);
    if point == 0 {
        return vec![to, to + u, to + v];
    }
    let (pulled, normal) = (to - centre, u.cross(v).normalize_or_zero());
    let beside = normal.cross(pulled).normalize_or_zero();
    if beside == DVec3::ZERO {
        return points.to_vec();
    }
    match point {
        1 => vec![centre, to, centre + beside * v.length()],
        _ => vec![centre, centre - beside * u.length(), to],
    }
}
