//! What is measured of a structure that was found, as `benches/anatomy.py` measures it of the training patients.

use glam::DVec3;

use crate::geometry::{Orientation, VoxelBox, VoxelIndex};
use crate::models::trust::Traits;
use crate::volume::distance::squared_distance_mm;
use crate::volume::{Grid, ImageVolume, Modality};

/// Names of traits.
pub(super) const VOLUME: &str = "volume_ml";
pub(super) const EXTENTS: [&str; 3] = ["extent_r_mm", "extent_a_mm", "extent_s_mm"];

const BONE_HU: f32 = 250.0;
const AIR_HU: f32 = -300.0;
/// The shell around a structure in MR that it is compared with, distances in mm.
const SHELL_MM: [f32; 2] = [1.0, 6.0];

/// Measures of a structure.
#[derive(Debug, Clone)]
pub(super) struct Signs {
    pub traits: Traits,
    /// Its centre of gravity, RAS.
    pub centre_mm: DVec3,
    /// Between the outermost voxel centres along right, anterior and superior.
    pub extent_mm: DVec3,
    /// Whether the scan's border cuts it across these axes.
    pub is_cut: [bool; 3],
}

impl Signs {
    /// Measures the voxels of the scan for which `is_in` holds, in a box that has them all; `None` where there are
    /// none.
    pub fn of(
        image: &ImageVolume,
        within: VoxelBox,
        is_in: impl Fn(VoxelIndex) -> bool,
    ) -> Option<Self> {
        let place = Place::of(image.grid(), within, &is_in)?;
        let mut signs = place.signs();
        match image.modality() {
            Modality::Ct => add_densities(image, &place, &mut signs.traits),
            Modality::Mr | Modality::Pet => {
                add_contrast(image, place.bounds, is_in, &mut signs.traits);
            }
        }
        Some(signs)
    }

    /// Its volume.
    pub fn volume_ml(&self) -> f64 {
        self.traits.get(VOLUME).unwrap_or(0.0)
    }
}

/// Where a structure's voxels are.
struct Place {
    offsets: Vec<usize>,
    bounds: VoxelBox,
    centre_mm: DVec3,
    low_mm: DVec3,
    high_mm: DVec3,
    grid: Grid,
}

impl Place {
    fn of(grid: &Grid, within: VoxelBox, is_in: &impl Fn(VoxelIndex) -> bool) -> Option<Self> {
        let within = within.clipped(grid.dims)?;
        let (mut offsets, mut bounds) = (Vec::new(), None::<VoxelBox>);
        let (mut sum, mut low, mut high) = (DVec3::ZERO, DVec3::INFINITY, DVec3::NEG_INFINITY);
        for voxel in voxels(within).filter(|&v| is_in(v)) {
            let Some(offset) = grid.offset_of(voxel) else {
                continue;
            };
            let at = grid.world_from_voxel(voxel.center()).0;
            (sum, low, high) = (sum + at, low.min(at), high.max(at));
            let own = VoxelBox {
                min: voxel.0,
                max: voxel.0,
            };
            bounds = Some(bounds.map_or(own, |b| b.union(own)));
            offsets.push(offset);
        }
        Some(Self {
            bounds: bounds?,
            centre_mm: sum / offsets.len() as f64,
            offsets,
            low_mm: low,
            high_mm: high,
            grid: *grid,
        })
    }

    fn signs(&self) -> Signs {
        let extent_mm = self.high_mm - self.low_mm;
        let voxel_ml = self.grid.affine.voxel_volume_mm3() / 1000.0;
        let mut traits = Traits::default();
        traits.add(VOLUME, self.offsets.len() as f64 * voxel_ml);
        for (name, extent) in EXTENTS.iter().zip(extent_mm.to_array()) {
            traits.add(*name, extent);
        }
        let orientation = Orientation::of(&self.grid.affine);
        let is_cut = [0, 1, 2].map(|ras| {
            let axis = orientation.voxel_axis_of(ras);
            let last = self.grid.dims[axis] as i64 - 1;
            self.bounds.min[axis] == 0 || self.bounds.max[axis] == last
        });
        Signs {
            traits,
            centre_mm: self.centre_mm,
            extent_mm,
            is_cut,
        }
    }
}

fn voxels(within: VoxelBox) -> impl Iterator<Item = VoxelIndex> {
    let VoxelBox { min, max } = within;
    (min[2]..=max[2])
        .flat_map(move |k| (min[1]..=max[1]).map(move |j| (j, k)))
        .flat_map(move |(j, k)| (min[0]..=max[0]).map(move |i| VoxelIndex([i, j, k])))
}

/// In Hounsfield units.
fn add_densities(image: &ImageVolume, place: &Place, traits: &mut Traits) {
    let mut values: Vec<f32> = place
        .offsets
        .iter()
        .map(|&o| image.value(o) as f32)
        .collect();
    let share = |is_one: &dyn Fn(f32) -> bool| {
        values.iter().filter(|&&v| is_one(v)).count() as f64 / values.len() as f64
    };
    traits.add("bone_share", share(&|v| v > BONE_HU));
    traits.add("air_share", share(&|v| v < AIR_HU));
    // Airways, and what lies beyond the body or was cut away, say nothing of the tissue.
    values.retain(|&v| v >= AIR_HU);
    if !values.is_empty() {
        let middle = values.len() / 2;
        let median = *values.select_nth_unstable_by(middle, f32::total_cmp).1;
        traits.add("median", f64::from(median));
    }
}

/// How much darker or brighter than its surroundings it is, and how even beside them, where values have no unit.
fn add_contrast(
    image: &ImageVolume,
    bounds: VoxelBox,
    is_in: impl Fn(VoxelIndex) -> bool,
    traits: &mut Traits,
) {
    let grid = image.grid();
    let spacing_mm = grid.spacing_mm();
    let margin = spacing_mm.map(|s| (f64::from(SHELL_MM[1]) / s).ceil() as i64);
    let wider = VoxelBox {
        min: std::array::from_fn(|d| bounds.min[d] - margin[d]),
        max: std::array::from_fn(|d| bounds.max[d] + margin[d]),
    };
    let Some(around) = wider.clipped(grid.dims) else {
        return;
    };
    let offsets: Vec<usize> = voxels(around).filter_map(|v| grid.offset_of(v)).collect();
    let outside: Vec<u8> = voxels(around).map(|v| u8::from(!is_in(v))).collect();
    let squared_mm = squared_distance_mm(&outside, around.size(), spacing_mm);
    let values_where = |is_one: &dyn Fn(f32) -> bool| -> Vec<f64> {
        let chosen = offsets.iter().zip(&squared_mm).filter(|&(_, &d)| is_one(d));
        chosen.map(|(&o, _)| image.value(o)).collect()
    };
    let [near, far] = SHELL_MM.map(|mm| mm * mm);
    let shell = values_where(&|d| d > near && d <= far);
    let inside = values_where(&|d| d == 0.0);
    let ((mean, spread), (mean_around, spread_around)) = (moments(&inside), moments(&shell));
    traits.add("contrast", (mean - mean_around) / spread_around);
    traits.add("evenness", spread / spread_around);
}

/// Mean and standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt())
}
