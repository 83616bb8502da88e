//! What is measured of a label: its values, shape and uptake.
//!
//! Lengths are between voxel centres, in mm of the grid's affine, so that they hold on oblique and sheared grids too;
//! the surface takes the length of a step on each axis. Values that are no finite number are counted and left out.

mod csv;
mod hull;
mod intensity;
mod recist;
mod shape;
mod suv;

use crate::geometry::{Plane, VoxelBox};

use super::morphology::{Crop, rows};
use super::{ImageVolume, LabelLayers, LabelMap, LabelTable, ThirdAxis};

pub use csv::{Measured, csv, quoted};
pub use intensity::Intensity;
pub use recist::{Recist, long_axis};
pub use shape::Shape;
pub use suv::{MTV_SHARE, Suv, SuvAsked, SuvScale, Tracer};

/// What to measure beside the values and the shape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    /// The plane of the RECIST axes.
    pub plane: Plane,
    /// How values become SUV, where that is known.
    pub suv: Option<SuvAsked>,
}

/// What was measured of one label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelStatistics {
    /// Number of voxels.
    pub voxels: usize,
    /// How many of them hold no finite number.
    pub not_finite: usize,
    /// The finite values; `None` where there is none.
    pub intensity: Option<Intensity>,
    /// Sizes and places; `None` where the third axis is time.
    pub shape: Option<Shape>,
    /// Long and short axis; `None` where the third axis is time.
    pub recist: Option<Recist>,
    /// Uptake; `None` unless it was asked for and there are finite values.
    pub suv: Option<Suv>,
}

/// Measures the voxels of one label, which lie in `bounds` (see [`bounds_by_label`]); `None` when it has none there.
///
/// # Panics
/// If scan and labels differ in dims.
pub fn measure(
    image: &ImageVolume,
    labels: &LabelMap,
    (value, bounds): (u16, VoxelBox),
    asked: &Asked,
) -> Option<LabelStatistics> {
    let dims = image.grid().dims;
    assert_eq!(dims, labels.grid.dims, "labels must lie on the scan");
    measure_voxels(image, &Crop::of_label_in(labels, value, bounds), asked)
}

/// Measures every label that has voxels, layer by layer, in ascending order of values; `step` hears which share is done.
///
/// # Panics
/// If scan and labels differ in dims.
pub fn measure_all(
    image: &ImageVolume,
    (layers, table): (&LabelLayers, &LabelTable),
    asked: &Asked,
    mut step: impl FnMut(f32),
) -> Vec<Measured> {
    let of_map = |(layer, map)| {
        let found = bounds_by_label(map).into_iter();
        found.map(move |label| (layer, map, label))
    };
    let layers = layers.maps().iter().map(AsRef::as_ref).enumerate();
    let found: Vec<(usize, &LabelMap, (u16, VoxelBox))> = layers.flat_map(of_map).collect();
    let measured = found
        .iter()
        .enumerate()
        .filter_map(|(n, &(layer, map, label))| {
            step(n as f32 / found.len() as f32);
            Some(Measured {
                value: label.0,
                name: table.get(label.0).map(|l| l.name.clone()),
                layer,
                statistics: measure(image, map, label, asked)?,
            })
        });
    measured.collect()
}

/// Measures voxels that were taken out of a label map on the scan's voxels; `None` when there is none.
pub fn measure_voxels(image: &ImageVolume, label: &Crop, asked: &Asked) -> Option<LabelStatistics> {
    let grid = image.grid();
    let offsets = rows(grid.dims, label.bounds).flatten();
    let inside = offsets.zip(&label.voxels).filter(|&(_, &v)| v != 0);
    let voxels = inside.clone().count();
    let mut values: Vec<f64> = inside
        .map(|(offset, _)| image.value(offset))
        .filter(|value| value.is_finite())
        .collect();
    if voxels == 0 {
        return None;
    }
    let is_space = image.third_axis() == ThirdAxis::Space;
    let suv_of = |asked: SuvAsked| Suv::of(image, label, &values, asked);
    let suv = asked.suv.filter(|_| is_space).and_then(suv_of);
    let not_finite = voxels - values.len();
    let (intensity, (shape, recist)) = rayon::join(
        || Intensity::of(&mut values),
        || {
            rayon::join(
                || is_space.then(|| Shape::of(label, grid)),
                || is_space.then(|| Recist::of(label, grid, asked.plane)),
            )
        },
    );
    Some(LabelStatistics {
        voxels,
        not_finite,
        intensity,
        shape,
        recist,
        suv,
    })
}

/// The values that occur, ascending, with the tight boxes around their voxels; background left out. Reads the map once,
/// however many labels there are.
pub fn bounds_by_label(labels: &LabelMap) -> Vec<(u16, VoxelBox)> {
    bounds_by_label_in(labels, VoxelBox::whole(labels.grid.dims))
}

/// The same of the voxels in a box that lies inside the map.
pub fn bounds_by_label_in(labels: &LabelMap, within: VoxelBox) -> Vec<(u16, VoxelBox)> {
    let mut found: Vec<Option<VoxelBox>> = vec![None; usize::from(u16::MAX) + 1];
    for offsets in rows(labels.grid.dims, within) {
        let [mut first, j, k] = labels.grid.voxel_at(offsets.start).0;
        // A row is few runs of equal values.
        for run in labels.voxels[offsets].chunk_by(|a, b| a == b) {
            let last = first + run.len() as i64 - 1;
            if run[0] != 0 {
                let run_box = VoxelBox {
                    min: [first, j, k],
                    max: [last, j, k],
                };
                let of_label = &mut found[usize::from(run[0])];
                *of_label = Some(of_label.map_or(run_box, |b| b.union(run_box)));
            }
            first = last + 1;
        }
    }
    let by_value = found.into_iter().enumerate();
    by_value
        .filter_map(|(value, bounds)| Some((value as u16, bounds?)))
        .collect()
}
