//! Sampling one grid's values on another grid.

use glam::{DAffine3, DVec3};
use rayon::prelude::*;

use crate::geometry::{Affine, VoxelBox, VoxelPoint};
use crate::with_voxels;

use super::{Grid, ImageVolume, LabelMap, Mask, Rescale, VoxelData};

/// A grid at right angles that needs so many times the voxels belongs to axes that nearly coincide, which no scanner has.
const MOST_GROWTH: f64 = 64.0;

/// What rounding moves a corner by at most, in voxels.
const ROUNDING_VOXELS: f64 = 1e-3;

/// Voxel coordinates of `from` for voxel coordinates of `target`.
fn from_target(from: &Grid, target: &Grid) -> DAffine3 {
    from.affine.inverse() * target.affine.matrix()
}

/// The voxels of `target` that the voxels of `from` cover; `None` where the two do not meet.
pub fn covered(from: &Grid, target: &Grid) -> Option<VoxelBox> {
    let (low, high) = reach(from, from_target(target, from), 0.5);
    let bounds = VoxelBox {
        min: low.floor().to_array().map(|v| v as i64),
        max: high.ceil().to_array().map(|v| v as i64),
    };
    bounds.clipped(target.dims)
}

/// Lowest and highest coordinates of a grid's corners after a map; `beyond` is how far corners lie out of the centres of the
/// outermost voxels, in voxels.
fn reach(grid: &Grid, map: DAffine3, beyond: f64) -> (DVec3, DVec3) {
    let (mut low, mut high) = (DVec3::INFINITY, DVec3::NEG_INFINITY);
    for corner in 0..8 {
        let at = |d: usize| match corner >> d & 1 {
            0 => -beyond,
            _ => grid.dims[d] as f64 - 1.0 + beyond,
        };
        let p = map.transform_point3(DVec3::from_array(std::array::from_fn(at)));
        (low, high) = (low.min(p), high.max(p));
    }
    (low, high)
}

/// Trilinear values of a scan at the voxels of `target`; `outside` beyond the scan's border.
///
/// Where the target is coarser than the scan, the mean over up to three samples per axis is taken, so that thin
/// structures do not alias.
pub fn resample_image(image: &ImageVolume, target: &Grid, outside: f32) -> Vec<f32> {
    let rescale = image.rescale();
    with_voxels!(image.voxels(), v => resample(image.grid(), target, outside, |offset| {
        let value = rescale.apply(v[offset] as f64) as f32;
        if value.is_finite() { value } else { outside }
    }))
}

/// A sheared scan on a grid at right angles that covers it, as [`image_on_grid`] gives it; `None` also where two axes nearly
/// coincide.
pub fn at_right_angles(image: &ImageVolume) -> Option<ImageVolume> {
    image_on_grid(image, &right_angled(image.grid())?)
}

/// A scan on another grid, in its stored type (whole numbers beyond 16 bits and double precision as `f32`): trilinear, and
/// outside of the scan the lowest value. `None` for films, whose third axis is no length, and for scans in colour.
pub fn image_on_grid(image: &ImageVolume, target: &Grid) -> Option<ImageVolume> {
    if image.third_axis().is_time() || image.colours().is_some() {
        return None;
    }
    let (low, high) = image.value_range()?;
    let Rescale { slope, intercept } = image.rescale();
    let lowest = if slope < 0.0 { high } else { low };
    let outside = ((lowest - intercept) / slope) as f32;
    let values = with_voxels!(image.voxels(), v => resample(image.grid(), target, outside, |offset| {
        let value = v[offset] as f32;
        if value.is_finite() { value } else { outside }
    }));
    macro_rules! whole {
        ($kind:ident, $type:ty) => {
            VoxelData::$kind(values.iter().map(|v| v.round() as $type).collect())
        };
    }
    let voxels = match image.voxels() {
        VoxelData::U8(_) => whole!(U8, u8),
        VoxelData::I8(_) => whole!(I8, i8),
        VoxelData::U16(_) => whole!(U16, u16),
        VoxelData::I16(_) => whole!(I16, i16),
        _ => VoxelData::F32(values),
    };
    Some(ImageVolume::new(
        *target,
        voxels,
        image.rescale(),
        image.modality(),
    ))
}

/// A grid at right angles that covers a sheared one: its first axis and the plane of its first two stay, so that the
/// slices of a tilted gantry stay slices, and steps are those of the sheared one across each other.
fn right_angled(grid: &Grid) -> Option<Grid> {
    let [i, j, k] = std::array::from_fn(|d| grid.affine.column(d));
    let across = |v: DVec3, from: DVec3| v - from * (v.dot(from) / from.length_squared());
    let j = across(j, i);
    let k = across(across(k, i), j);
    let origin = grid.world_from_voxel(VoxelPoint(DVec3::ZERO)).0;
    let upright = Affine::from_columns(i, j, k, origin).ok()?;
    let here_from_there = upright.inverse() * grid.affine.matrix();
    let (low, high) = reach(grid, here_from_there, 0.0);
    // A corner that rounding moved adds no slice.
    let first = (low + ROUNDING_VOXELS).floor();
    let last = (high - ROUNDING_VOXELS).ceil();
    let dims = (last - first)
        .max(DVec3::ZERO)
        .to_array()
        .map(|n| n as usize + 1);
    let needed: f64 = dims.iter().map(|&n| n as f64).product();
    if needed > MOST_GROWTH * grid.len() as f64 {
        return None;
    }
    Some(Grid {
        dims,
        affine: upright.stepped(first.to_array(), [1.0; 3]),
        ..*grid
    })
}

/// Trilinear values of a field given per voxel of `from`.
pub fn resample_field(values: &[f32], from: &Grid, target: &Grid, outside: f32) -> Vec<f32> {
    resample(from, target, outside, |offset| values[offset])
}

/// How much of each target voxel the mask covers, 0..=1.
pub fn resample_mask(mask: &Mask, target: &Grid) -> Vec<f32> {
    resample(&mask.grid, target, 0.0, |offset| {
        f32::from(u8::from(mask.voxels[offset] != 0))
    })
}

/// The same where a value per voxel of `from` says in percent how much of it counts.
pub fn resample_percent(percent: &[u8], from: &Grid, target: &Grid) -> Vec<f32> {
    resample(from, target, 0.0, |offset| {
        f32::from(percent[offset]) / 100.0
    })
}

/// How much of each target voxel one label covers, 0..=1.
pub fn resample_label(labels: &LabelMap, value: u16, target: &Grid) -> Vec<f32> {
    resample_label_where(labels, target, |v| v == value)
}

/// How much of each target voxel the labels that are wanted cover together, 0..=1.
pub fn resample_label_where(
    labels: &LabelMap,
    target: &Grid,
    is_wanted: impl Fn(u16) -> bool + Sync,
) -> Vec<f32> {
    resample(&labels.grid, target, 0.0, |offset| {
        f32::from(u8::from(is_wanted(labels.voxels[offset])))
    })
}

/// Whether the centre of each target voxel lies in a box of voxels of `from`: 1 or 0.
pub fn inside_box(from: &Grid, voxels: VoxelBox, target: &Grid) -> Vec<f32> {
    map_points(from, target, |p| {
        let holds =
            |d: usize| p[d] >= voxels.min[d] as f64 - 0.5 && p[d] <= voxels.max[d] as f64 + 0.5;
        f32::from(u8::from((0..3).all(holds)))
    })
}

/// The nearest voxel's label at the voxels of `target`; 0 outside. The inverse of itself on equal grids.
pub fn resample_labels(labels: &LabelMap, target: &Grid) -> LabelMap {
    let voxels = map_points(&labels.grid, target, |p| {
        let nearest = VoxelPoint(p).nearest();
        labels
            .grid
            .offset_of(nearest)
            .map_or(0, |offset| labels.voxels[offset])
    });
    LabelMap {
        grid: *target,
        voxels,
    }
}

/// Whether the centre of each target voxel lies inside `from`: 1 or 0.
pub fn inside(from: &Grid, target: &Grid) -> Vec<f32> {
    map_points(from, target, |p| {
        f32::from(u8::from(is_inside(p, from.dims)))
    })
}

fn is_inside(p: DVec3, dims: [usize; 3]) -> bool {
    (0..3).all(|d| p[d] >= -0.5 && p[d] <= dims[d] as f64 - 0.5)
}

/// Evaluates, for each voxel of `target`, a function of its centre in voxel coordinates of `from`; in parallel over rows.
pub(crate) fn map_points<T: Clone + Default + Send>(
    from: &Grid,
    target: &Grid,
    value: impl Fn(DVec3) -> T + Sync,
) -> Vec<T> {
    let map = from_target(from, target);
    let [ni, nj, _] = target.dims;
    let mut out = vec![T::default(); target.len()];
    out.par_chunks_mut(ni).enumerate().for_each(|(row, out)| {
        let (j, k) = ((row % nj) as f64, (row / nj) as f64);
        for (i, out) in out.iter_mut().enumerate() {
            *out = value(map.transform_point3(DVec3::new(i as f64, j, k)));
        }
    });
    out
}

fn resample(
    from: &Grid,
    target: &Grid,
    outside: f32,
    value: impl Fn(usize) -> f32 + Sync,
) -> Vec<f32> {
    let map = from_target(from, target);
    let samples = samples_per_axis(map);
    let shifts: Vec<DVec3> = shifts(samples).map(|s| map.transform_vector3(s)).collect();
    let weight = 1.0 / shifts.len() as f32;
    map_points(from, target, |centre| {
        if !is_inside(centre, from.dims) {
            return outside;
        }
        let sum: f32 = shifts
            .iter()
            .map(|&s| trilinear(centre + s, from.dims, &value))
            .sum();
        sum * weight
    })
}

/// How many samples a target voxel needs along each of its axes: its length in voxels of the source.
fn samples_per_axis(map: DAffine3) -> [usize; 3] {
    std::array::from_fn(|d| (map.matrix3.col(d).length() - 0.25).round().clamp(1.0, 3.0) as usize)
}

/// Evenly spread positions inside a target voxel, relative to its centre.
fn shifts(samples: [usize; 3]) -> impl Iterator<Item = DVec3> {
    let at = |n: usize, s: usize| (s as f64 + 0.5) / n as f64 - 0.5;
    let [a, b, c] = samples;
    (0..a * b * c).map(move |s| DVec3::new(at(a, s % a), at(b, s / a % b), at(c, s / (a * b))))
}

/// The trilinear value at a point, with coordinates clamped to the volume.
#[inline]
fn trilinear(p: DVec3, dims: [usize; 3], value: &impl Fn(usize) -> f32) -> f32 {
    let mut low = [0usize; 3];
    let mut high = [0usize; 3];
    let mut part = [0f32; 3];
    for d in 0..3 {
        let x = p[d].clamp(0.0, dims[d] as f64 - 1.0);
        low[d] = x as usize;
        high[d] = (low[d] + 1).min(dims[d] - 1);
        part[d] = (x - low[d] as f64) as f32;
    }
    let row = |j: usize, k: usize| {
        let start = dims[0] * (j + dims[1] * k);
        let (a, b) = (value(start + low[0]), value(start + high[0]));
        a + (b - a) * part[0]
    };
    let plane = |k: usize| {
        let (a, b) = (row(low[1], k), row(high[1], k));
        a + (b - a) * part[1]
    };
    let (a, b) = (plane(low[2]), plane(high[2]));
    a + (b - a) * part[2]
}
