//! Lesions painted into real scans: lumps with lobes, spiculae, rims and necrosis, whose values take after those of real
//! lesions beside their surroundings.

use glam::Vec3;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::geometry::{VoxelBox, VoxelIndex};
use crate::train::augment::{log_uniform, vary_values};
use crate::train::cases::{Cases, TrainingCase};
use crate::train::field::{VOXELS, position, quantiles, smooth_noise};
use crate::train::user::FirstMove;
use crate::volume::{Grid, Modality, resample};

use super::forms;
use super::place::Place;
use super::{Maker, Scene};

pub(super) const MAKER: Maker = Maker {
    name: "lesions",
    scene,
};

/// Sizes in mm.
const SIZE_MM: (f64, f64) = (5.0, 90.0);
/// Least size in voxels of the scan: less could not be told from noise.
const LEAST_VOXELS: f64 = 3.0;
/// Steps of a distribution of values.
const STEPS: usize = 9;
/// Below this there is air among the tissue of a CT, HU.
const LUNG_HU: f32 = -400.0;

fn scene(rng: &mut ChaCha8Rng, cases: &Cases, first: &FirstMove) -> Option<Scene> {
    let case = cases.any_scan(rng)?;
    let grid = case.grid();
    let centre = tissue(rng, case)?;
    let size_mm = random_size_mm(rng, grid);
    let offset = grid.offset_of(centre)? as u32;
    let place = Place {
        grid,
        bounds: around(grid, centre, size_mm),
        voxels: &[offset],
    };
    let region = place.region(rng, first);
    let mut values = resample::resample_image(&case.image, &region, 0.0);
    let inside = resample::inside(grid, &region);
    let middle = region
        .voxel_from_world(grid.world_from_voxel(centre.center()))
        .0
        .as_vec3();
    let spacing_mm = region.spacing_mm().iter().product::<f64>().cbrt();
    let depth = depths(rng, middle, (size_mm / spacing_mm / 2.0) as f32);
    let look = Look::random(rng, cases, case.image.modality(), &values, &depth)?;
    look.paint(rng, &mut values, &depth);
    let truth = depth
        .iter()
        .zip(&inside)
        .map(|(d, i)| (d + 0.5).clamp(0.0, 1.0) * i)
        .collect();
    let modality = vary_values(rng, &mut values, case.image.modality());
    Some(Scene {
        values,
        inside,
        truth,
        modality,
        weight: 1.0,
    })
}

fn random_size_mm(rng: &mut ChaCha8Rng, grid: &Grid) -> f64 {
    let spacing = grid.spacing_mm();
    let coarsest = spacing.into_iter().fold(0.0, f64::max);
    let shortest = (0..3)
        .map(|d| grid.dims[d] as f64 * spacing[d])
        .fold(f64::INFINITY, f64::min);
    let least = SIZE_MM.0.max(LEAST_VOXELS * coarsest);
    log_uniform(rng, least, SIZE_MM.1.min(0.7 * shortest).max(1.05 * least))
}

/// A voxel that is brighter than most of a handful: rather tissue than air, though lung as well.
fn tissue(rng: &mut ChaCha8Rng, case: &TrainingCase) -> Option<VoxelIndex> {
    let grid = case.grid();
    let mut candidates: Vec<(f64, VoxelIndex)> = (0..3)
        .filter_map(|_| {
            let voxel = VoxelIndex(grid.dims.map(|n| rng.random_range(0..n as i64)));
            Some((case.image.value(grid.offset_of(voxel)?), voxel))
        })
        .collect();
    candidates.sort_by(|a, b| a.0.total_cmp(&b.0));
    Some(candidates.get(rng.random_range(1..3))?.1)
}

fn around(grid: &Grid, centre: VoxelIndex, size_mm: f64) -> VoxelBox {
    let half = grid
        .spacing_mm()
        .map(|s| (size_mm / s / 2.0).round() as i64);
    VoxelBox {
        min: std::array::from_fn(|d| centre.0[d] - half[d]),
        max: std::array::from_fn(|d| centre.0[d] + half[d]),
    }
}

/// How deep each voxel lies in the lesion, in voxels; its surface is uneven, or drawn out into spiculae.
fn depths(rng: &mut ChaCha8Rng, middle: Vec3, radius: f32) -> Vec<f32> {
    let form = forms::lump(rng, middle, radius.max(1.3));
    let is_spiculated = rng.random_bool(0.2);
    let (knots, share) = if is_spiculated { (14, 0.3) } else { (7, 0.15) };
    let uneven = smooth_noise(rng, knots);
    let strength = share * rng.random_range(0.0..1.0) as f32 * radius;
    (0..VOXELS)
        .into_par_iter()
        .map(|v| form.depth(Vec3::from_array(position(v))) + strength * uneven[v])
        .collect()
}

/// What a lesion looks like where it lies.
struct Look {
    /// Values at evenly spaced quantiles, in the scan's unit.
    values: [f32; STEPS],
    /// Depth of a rim in voxels and what is added to it.
    rim: Option<(f32, f32)>,
    /// Depth of a necrosis in voxels and what is added to it.
    necrosis: Option<(f32, f32)>,
    /// Voxels over which it passes into its surroundings.
    softness: f32,
}

impl Look {
    /// `None` where the lesion lies outside the region.
    fn random(
        rng: &mut ChaCha8Rng,
        cases: &Cases,
        modality: Modality,
        scan: &[f32],
        depth: &[f32],
    ) -> Option<Self> {
        let shell = |d: f32| (-6.0..=0.0).contains(&d);
        let near = scan.iter().zip(depth).filter(|(_, d)| shell(**d));
        let mut near: Vec<f32> = near.map(|(v, _)| *v).collect();
        let deepest = depth.iter().copied().fold(0.0, f32::max);
        if near.is_empty() || deepest == 0.0 {
            return None;
        }
        let [p10, median, p90] = quantiles(&mut near, [0.1, 0.5, 0.9]);
        let mut all = scan.to_vec();
        let [low, high] = quantiles(&mut all, [0.02, 0.98]);
        let range = (high - low).max(f32::MIN_POSITIVE);
        let spread = ((p90 - p10) / 2.6).clamp(0.03 * range, 0.25 * range);
        let values = match relative_to_surroundings(rng, cases, modality) {
            Some(relative) if rng.random_bool(0.6) => relative.map(|r| median + spread * r),
            _ => made_up(rng, modality, median, range),
        };
        let contrast = 0.3 * range * rng.random_range(-1.0..1.0) as f32;
        Some(Self {
            values: if modality == Modality::Ct && median < LUNG_HU {
                made_up(rng, modality, median, range)
            } else {
                values
            },
            rim: rng
                .random_bool(0.25)
                .then(|| (deepest * rng.random_range(0.15..0.4) as f32, contrast)),
            necrosis: rng
                .random_bool(0.25)
                .then(|| (deepest * rng.random_range(0.4..0.8) as f32, -contrast)),
            softness: rng.random_range(0.3..2.0) as f32,
        })
    }

    fn paint(&self, rng: &mut ChaCha8Rng, scan: &mut [f32], depth: &[f32]) {
        let (coarse, fine) = (smooth_noise(rng, 9), smooth_noise(rng, 24));
        for (v, value) in scan.iter_mut().enumerate() {
            let depth = depth[v];
            let share = (depth / self.softness + 0.5).clamp(0.0, 1.0);
            if share == 0.0 {
                continue;
            }
            // About even between 0 and 1, as the noise is about normal.
            let rank = 0.5 + 0.5 * (0.9 * (0.7 * coarse[v] + 0.7 * fine[v])).tanh();
            let mut own = at_rank(&self.values, rank);
            if let Some((_, added)) = self.rim.filter(|(within, _)| depth < *within) {
                own += added;
            }
            if let Some((_, added)) = self.necrosis.filter(|(beyond, _)| depth > *beyond) {
                own += added;
            }
            *value += share * (own - *value);
        }
    }
}

fn at_rank(values: &[f32; STEPS], rank: f32) -> f32 {
    let at = rank.clamp(0.0, 1.0) * (STEPS - 1) as f32;
    let low = (at as usize).min(STEPS - 2);
    values[low] + (at - low as f32) * (values[low + 1] - values[low])
}

/// Evenly spaced quantiles of a real lesion's values, as multiples of the spread of what lies around it, from its median.
fn relative_to_surroundings(
    rng: &mut ChaCha8Rng,
    cases: &Cases,
    modality: Modality,
) -> Option<[f32; STEPS]> {
    let (case, target) = cases.any_lesion(rng, modality)?;
    let value = |v: usize| case.image.value(v) as f32;
    let mut own: Vec<f32> = target.voxels.iter().map(|&v| value(v as usize)).collect();
    let grid = case.grid();
    let around = target.bounds.grown(3).clipped(grid.dims)?;
    let mut near: Vec<f32> = (0..2000)
        .filter_map(|_| {
            let at = std::array::from_fn(|d| rng.random_range(around.min[d]..=around.max[d]));
            let offset = grid.offset_of(VoxelIndex(at))?;
            (case.labels.voxels[offset] == 0).then(|| value(offset))
        })
        .collect();
    let [p10, median, p90] = quantiles(&mut near, [0.1, 0.5, 0.9]);
    let spread = (p90 - p10) / 2.6;
    let steps = std::array::from_fn(|s| s as f64 / (STEPS - 1) as f64);
    let own = quantiles(&mut own, steps);
    (spread > 0.0).then(|| own.map(|v| ((v - median) / spread).clamp(-6.0, 8.0)))
}

/// Quantiles of a lesion of any contrast; in CT what tissue, fluid or an eaten bone has.
fn made_up(rng: &mut ChaCha8Rng, modality: Modality, around: f32, range: f32) -> [f32; STEPS] {
    const SIGNS: [f32; 2] = [-1.0, 1.0];
    let sign = *SIGNS.choose(rng).unwrap_or(&1.0);
    let (middle, spread) = match modality {
        Modality::Ct if !(LUNG_HU..200.0).contains(&around) => {
            (rng.random_range(-40.0..90.0), rng.random_range(4.0..30.0))
        }
        Modality::Ct => (
            around + sign * log_uniform(rng, 10.0, 80.0) as f32,
            rng.random_range(4.0..25.0),
        ),
        Modality::Pet => (
            around + range * log_uniform(rng, 0.3, 2.0) as f32,
            range * rng.random_range(0.02..0.3),
        ),
        Modality::Mr => (
            around + sign * range * log_uniform(rng, 0.1, 0.8) as f32,
            range * rng.random_range(0.01..0.12),
        ),
    };
    std::array::from_fn(|s| middle + spread * (4.0 * s as f32 / (STEPS - 1) as f32 - 2.0))
}
