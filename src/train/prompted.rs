//! Samples for the prompted path, and the user who clicks on the model's mistakes.

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use crate::geometry::{VoxelBox, WorldPoint};
use crate::models::prosector1::RegionImage;
use crate::models::prosector1::prompt_channels::RegionPrompts;
use crate::models::prosector1::region::{SIDE, anatomical_axes, balanced, region_grid};
use crate::prompt::Polarity;
use crate::volume::components::{Connectivity, connected_components};
use crate::volume::distance::squared_distance_mm;
use crate::volume::metrics::dice;
use crate::volume::{Grid, resample};

use super::augment::{jitter, log_uniform, rotated, vary_values};
use super::cases::{Case, Dataset, Target};
use super::procedural;

const DIMS: [usize; 3] = [SIDE; 3];

/// A region, its target, and what the user did first.
pub(super) struct PromptedSample {
    /// What the network sees.
    pub image: RegionImage,
    /// How much of each voxel the target covers.
    pub truth: Vec<f32>,
    /// The first prompts.
    pub prompts: RegionPrompts,
}

/// How the user starts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    Box,
    Click,
    Correction,
}

impl Start {
    fn random(rng: &mut ChaCha8Rng) -> Self {
        match rng.random_range(0..100) {
            0..45 => Self::Box,
            45..88 => Self::Click,
            _ => Self::Correction,
        }
    }

    /// Length of the region relative to the target's.
    fn relative_extent(self, rng: &mut ChaCha8Rng) -> f64 {
        match self {
            Self::Box => rng.random_range(1.4..1.9),
            Self::Click => log_uniform(rng, 1.3, 4.5),
            Self::Correction => rng.random_range(1.3..2.2),
        }
    }
}

/// A sample from a labelled scan; `None` when the random region missed the target.
pub(super) fn from_dataset(rng: &mut ChaCha8Rng, dataset: &Dataset) -> Option<PromptedSample> {
    let case = dataset.cases.choose(rng)?;
    let target = case.targets.choose(rng)?;
    let start = Start::random(rng);
    let image = if dataset.config.cropped_around_target {
        case.image.cropped(random_crop(rng, case, target))?
    } else {
        case.image.clone()
    };
    let region = random_region(rng, case.grid(), target, start);
    let mut values = resample::resample_image(&image, &region, 0.0);
    let inside = resample::inside(image.grid(), &region);
    vary_values(rng, &mut values, image.modality());
    let truth = resample::resample_label(&case.labels, target.value, &region);
    let image = RegionImage::from_values(values, inside, image.modality());
    finish(rng, image, truth, start)
}

/// A sample from a procedural scene.
pub(super) fn from_procedure(rng: &mut ChaCha8Rng) -> Option<PromptedSample> {
    let start = Start::random(rng);
    let relative = start.relative_extent(rng);
    let scene = procedural::scene(rng, relative);
    let inside = vec![1.0; scene.truth.len()];
    let image = RegionImage::from_values(scene.values, inside, scene.modality);
    finish(rng, image, scene.truth, start)
}

/// The target's box with a random margin on each side, as someone else might have cropped the scan.
fn random_crop(rng: &mut ChaCha8Rng, case: &Case, target: &Target) -> VoxelBox {
    let spacing = case.grid().spacing_mm();
    let mut margin = |d: usize| (rng.random_range(2.0..60.0) / spacing[d]) as i64;
    VoxelBox {
        min: std::array::from_fn(|d| target.bounds.min[d] - margin(d)),
        max: std::array::from_fn(|d| target.bounds.max[d] + margin(d)),
    }
}

fn random_region(rng: &mut ChaCha8Rng, grid: &Grid, target: &Target, start: Start) -> Grid {
    let axes = anatomical_axes(grid);
    let size_mm = size_along(axes, grid, target.bounds);
    let relative = start.relative_extent(rng);
    let middle = middle_of(grid, target.bounds);
    let (centre, extent_mm) = if start == Start::Click {
        let mean = size_mm.iter().product::<f64>().cbrt();
        let length = (mean * relative).clamp(12.0, 450.0);
        let on_target = target
            .voxels
            .choose(rng)
            .map(|&v| grid.world_from_voxel(grid.voxel_at(v as usize).center()));
        let seen = if rng.random_bool(0.5) {
            on_target
        } else {
            None
        };
        let centre = seen.unwrap_or(middle).0 + jitter(rng, 0.08 * length);
        (
            centre,
            std::array::from_fn(|_| length * log_uniform(rng, 0.85, 1.18)),
        )
    } else {
        let extent = balanced(size_mm.map(|s| s * relative));
        let shift = jitter(rng, 0.05) * glam::DVec3::from_array(extent);
        (middle.0 + axes * shift, extent)
    };
    region_grid(rotated(rng, axes, 6.0), WorldPoint(centre), extent_mm)
}

fn middle_of(grid: &Grid, bounds: VoxelBox) -> WorldPoint {
    let middle = std::array::from_fn(|d| (bounds.min[d] + bounds.max[d]) as f64 / 2.0);
    grid.world_from_voxel(crate::geometry::VoxelPoint(glam::DVec3::from_array(middle)))
}

/// Length of a voxel box along each of `axes`, in mm.
fn size_along(axes: glam::DMat3, grid: &Grid, bounds: VoxelBox) -> [f64; 3] {
    let size = bounds.size();
    std::array::from_fn(|d| {
        (0..3)
            .map(|a| {
                (grid.affine.column(a) * size[a] as f64)
                    .dot(axes.col(d))
                    .abs()
            })
            .sum()
    })
}

fn finish(
    rng: &mut ChaCha8Rng,
    image: RegionImage,
    truth: Vec<f32>,
    start: Start,
) -> Option<PromptedSample> {
    let target: Vec<u8> = truth
        .iter()
        .zip(&image.inside)
        .map(|(&t, &i)| u8::from(t > 0.5 && i > 0.0))
        .collect();
    let mut prompts = RegionPrompts::default();
    match start {
        Start::Box => prompts.target_box = Some(drawn_box(rng, &target)?),
        Start::Click => prompts
            .clicks
            .push((place(rng, &target)?, Polarity::Positive)),
        Start::Correction => {
            let wrong = damaged(rng, &truth);
            let click = correction(rng, &wrong, &target);
            prompts.previous = Some(wrong);
            prompts.clicks.extend(click);
        }
    }
    Some(PromptedSample {
        image,
        truth,
        prompts,
    })
}

/// The tight box around the target as a user draws it: exact, a little off, or loose.
fn drawn_box(rng: &mut ChaCha8Rng, target: &[u8]) -> Option<[[f32; 3]; 2]> {
    let mask = crate::volume::Mask {
        grid: Grid::new(
            DIMS,
            crate::geometry::Affine::from_spacing([1.0; 3], [0.0; 3]),
        ),
        voxels: target.to_vec(),
    };
    let bounds = mask.bounds()?;
    let slack = match rng.random_range(0..10) {
        0..5 => (0.0, 0.02),
        5..8 => (-0.05, 0.08),
        _ => (0.05, 0.2),
    };
    let mut face = |d: usize| {
        let side = bounds.size()[d] as f64;
        (rng.random_range(slack.0..slack.1) * side) as f32
    };
    Some([
        std::array::from_fn(|d| bounds.min[d] as f32 - 0.5 - face(d)),
        std::array::from_fn(|d| bounds.max[d] as f32 + 0.5 + face(d)),
    ])
}

/// Where a user clicks into a mask: its deepest voxel, or one not far from as deep.
fn place(rng: &mut ChaCha8Rng, mask: &[u8]) -> Option<[f32; 3]> {
    let depth = squared_distance_mm(mask, DIMS, [1.0; 3]);
    let deepest = (0..depth.len()).max_by(|&a, &b| depth[a].total_cmp(&depth[b]))?;
    if depth[deepest] <= 0.0 {
        return None;
    }
    let chosen = if rng.random_bool(0.6) {
        deepest
    } else {
        let deep: Vec<usize> = (0..depth.len())
            .filter(|&v| depth[v] > 0.25 * depth[deepest])
            .collect();
        *deep.choose(rng)?
    };
    Some([
        (chosen % SIDE) as f32,
        (chosen / SIDE % SIDE) as f32,
        (chosen / (SIDE * SIDE)) as f32,
    ])
}

/// What the user does on a first answer, a probability per voxel: clicks on its largest error, and hands it over as the
/// previous mask, sometimes as a mask without doubts. Returns the answer's Dice.
pub(super) fn correct(
    rng: &mut ChaCha8Rng,
    sample: &PromptedSample,
    prompts: &mut RegionPrompts,
    probability: &[f32],
) -> f32 {
    let target: Vec<u8> = sample.truth.iter().map(|&t| u8::from(t > 0.5)).collect();
    let answer: Vec<u8> = probability.iter().map(|&p| u8::from(p > 0.5)).collect();
    if prompts.target_box.is_none() || rng.random_bool(0.6) {
        let click = correction(rng, probability, &target);
        prompts.clicks.extend(click);
    }
    let is_mask = rng.random_bool(0.3);
    let handed = |&p: &f32| if is_mask { p.round() } else { p };
    prompts.previous = Some(probability.iter().map(handed).collect());
    dice(&answer, &target) as f32
}

/// The user's next click: into the largest connected error, positive where the target was missed.
fn correction(
    rng: &mut ChaCha8Rng,
    probability: &[f32],
    target: &[u8],
) -> Option<([f32; 3], Polarity)> {
    let missed = |v: usize| target[v] != 0 && probability[v] <= 0.5;
    let extra = |v: usize| target[v] == 0 && probability[v] > 0.5;
    let largest = |is_error: &dyn Fn(usize) -> bool| {
        let error: Vec<u8> = (0..target.len()).map(|v| u8::from(is_error(v))).collect();
        let (parts, sizes) = connected_components(&error, DIMS, Connectivity::TwentySix);
        let part = (0..sizes.len()).max_by_key(|&p| sizes[p])?;
        let mask: Vec<u8> = parts
            .iter()
            .map(|&p| u8::from(p == part as u32 + 1))
            .collect();
        Some((sizes[part], mask))
    };
    let (missed, extra) = (largest(&missed), largest(&extra));
    let is_missed = missed.as_ref().map_or(0, |m| m.0) >= extra.as_ref().map_or(0, |e| e.0);
    let (mask, polarity) = if is_missed {
        (missed?.1, Polarity::Positive)
    } else {
        (extra?.1, Polarity::Negative)
    };
    Some((place(rng, &mask)?, polarity))
}

/// A mask as another tool or an earlier result might have left it: grown, shrunk or shifted.
fn damaged(rng: &mut ChaCha8Rng, truth: &[f32]) -> Vec<f32> {
    let shift: [i64; 3] = std::array::from_fn(|_| rng.random_range(-4..=4));
    let radius: i64 = rng.random_range(1..=3);
    let grown = rng.random_bool(0.5);
    let at = |p: [i64; 3]| {
        let inside = p.iter().all(|&x| (0..SIDE as i64).contains(&x));
        inside && truth[(p[0] + SIDE as i64 * (p[1] + SIDE as i64 * p[2])) as usize] > 0.5
    };
    let ends = [-radius, 0, radius];
    (0..truth.len() as i64)
        .map(|v| {
            let side = SIDE as i64;
            let p = [v % side, v / side % side, v / (side * side)];
            let near = |d: usize, by: i64| {
                let mut q: [i64; 3] = std::array::from_fn(|a| p[a] + shift[a]);
                q[d] += by;
                at(q)
            };
            let mut around = (0..3).flat_map(|d| ends.map(|by| (d, by)));
            let holds = if grown {
                around.any(|(d, by)| near(d, by))
            } else {
                around.all(|(d, by)| near(d, by))
            };
            f32::from(u8::from(holds))
        })
        .collect()
}
