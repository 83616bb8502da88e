//! Objects that nobody labelled: parts of real scans that edges bound, at many scales. What such a part is called does
//! not matter to a user who points at it (nnInteractive, Isensee et al. 2025, owes much of its reach to such targets).

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::geometry::{VoxelBox, VoxelIndex, WorldPoint};
use crate::models::prosector1::region::{SIDE, anatomical_axes, region_grid};
use crate::train::augment::{log_uniform, vary_values};
use crate::train::cases::{Cases, TrainingCase};
use crate::train::field::{VOXELS, blur, quantiles};
use crate::train::user::FirstMove;
use crate::volume::{Grid, Modality, resample};

use super::merging::merge;
use super::place::Place;
use super::{Maker, Scene};

pub(super) const MAKER: Maker = Maker {
    name: "supervoxels",
    scene,
};

/// Nobody confirmed these targets.
const WEIGHT: f32 = 0.6;
/// Sizes of a part, in voxels of the region in which it was found.
const SIZES: std::ops::Range<usize> = 90..26_000;
/// Largest share of a part's voxels on the region's border.
const MOST_ON_BORDER: f64 = 0.04;
/// CT windows in which edges are looked for, HU.
const CT_WINDOWS: [[f32; 2]; 4] = [
    [-160.0, 240.0],
    [-1000.0, 200.0],
    [-100.0, 900.0],
    [-40.0, 120.0],
];

fn scene(rng: &mut ChaCha8Rng, cases: &Cases, first: &FirstMove) -> Option<Scene> {
    let case = cases.any_scan(rng)?;
    let found_in = random_look(rng, case);
    let coverage = object(rng, case, &found_in)?;
    let voxels: Vec<u32> = (0..VOXELS as u32)
        .filter(|&v| coverage[v as usize] > 0.5)
        .collect();
    let place = Place {
        grid: &found_in,
        bounds: bounds(&found_in, &voxels)?,
        voxels: &voxels,
    };
    let region = place.region(rng, first);
    let mut values = resample::resample_image(&case.image, &region, 0.0);
    let inside = resample::inside(case.grid(), &region);
    let modality = vary_values(rng, &mut values, case.image.modality());
    Some(Scene {
        values,
        inside,
        truth: resample::resample_field(&coverage, &found_in, &region, 0.0),
        modality,
        weight: WEIGHT,
    })
}

/// A random cube of the scan, rather about bright voxels than about air.
fn random_look(rng: &mut ChaCha8Rng, case: &TrainingCase) -> Grid {
    let grid = case.grid();
    let mut voxel = || VoxelIndex(grid.dims.map(|n| rng.random_range(0..n as i64)));
    let value = |v: VoxelIndex| grid.offset_of(v).map_or(0.0, |at| case.image.value(at));
    let (a, b) = (voxel(), voxel());
    let brighter = if value(a) >= value(b) { a } else { b };
    let spacing = grid.spacing_mm();
    let longest = (0..3)
        .map(|d| grid.dims[d] as f64 * spacing[d])
        .fold(1.0, f64::max);
    let finest = spacing.into_iter().fold(f64::INFINITY, f64::min);
    let least = (24.0 * finest).min(0.8 * longest);
    let side = log_uniform(rng, least, longest.min(320.0).max(1.01 * least));
    let centre = WorldPoint(grid.world_from_voxel(brighter.center()).0);
    region_grid(anatomical_axes(grid), centre, [side; 3])
}

/// How much of each voxel of a cube of the scan a random object in it covers.
fn object(rng: &mut ChaCha8Rng, case: &TrainingCase, cube: &Grid) -> Option<Vec<f32>> {
    let mut values = resample::resample_image(&case.image, cube, 0.0);
    let inside = resample::inside(case.grid(), cube);
    blur(&mut values, [rng.random_range(0..3); 3]);
    let [low, high] = window(rng, &values, &inside, case.image.modality());
    for (value, inside) in values.iter_mut().zip(&inside) {
        let seen = (*value - low) / (high - low).max(f32::MIN_POSITIVE);
        // What lies beyond the scan is an object of its own, that is never chosen.
        *value = if *inside > 0.0 {
            seen.clamp(0.0, 1.0)
        } else {
            9.0
        };
    }
    let (labels, sizes) = merge(&values, log_uniform(rng, 2.0, 90.0) as f32);
    let chosen = choose(rng, &labels, &sizes, &inside)?;
    let mut coverage: Vec<f32> = labels
        .iter()
        .map(|&l| f32::from(u8::from(l == chosen)))
        .collect();
    blur(&mut coverage, [1; 3]);
    Some(coverage)
}

fn window(rng: &mut ChaCha8Rng, values: &[f32], inside: &[f32], modality: Modality) -> [f32; 2] {
    if modality == Modality::Ct {
        return CT_WINDOWS[rng.random_range(0..CT_WINDOWS.len())];
    }
    let known = values.iter().zip(inside).filter(|(_, i)| **i > 0.0);
    let mut known: Vec<f32> = known.map(|(v, _)| *v).collect();
    quantiles(&mut known, [0.01, 0.99])
}

/// A label of fair size that the cube does not cut; larger ones rather.
fn choose(rng: &mut ChaCha8Rng, labels: &[u32], sizes: &[usize], inside: &[f32]) -> Option<u32> {
    let mut on_border = vec![0usize; sizes.len()];
    let is_border = |v: usize| {
        let at = [v % SIDE, v / SIDE % SIDE, v / (SIDE * SIDE)];
        at.iter().any(|&x| x == 0 || x == SIDE - 1)
    };
    for v in 0..VOXELS {
        if inside[v] == 0.0 {
            on_border[labels[v] as usize] = VOXELS;
        } else if is_border(v) {
            on_border[labels[v] as usize] += 1;
        }
    }
    let weight = |l: usize| {
        let fits =
            SIZES.contains(&sizes[l]) && (on_border[l] as f64) < MOST_ON_BORDER * sizes[l] as f64;
        if fits { (sizes[l] as f64).sqrt() } else { 0.0 }
    };
    let all: f64 = (0..sizes.len()).map(weight).sum();
    let mut left = rng.random::<f64>() * all;
    (0..sizes.len())
        .find(|&l| {
            let weight = weight(l);
            left -= weight;
            weight > 0.0 && left <= 0.0
        })
        .map(|l| l as u32)
}

fn bounds(grid: &Grid, voxels: &[u32]) -> Option<VoxelBox> {
    let boxes = voxels.iter().map(|&v| {
        let at = grid.voxel_at(v as usize).0;
        VoxelBox { min: at, max: at }
    });
    boxes.reduce(VoxelBox::union)
}
