//! Labelled structures: whole ones, one connected part of many, two together, and pieces cut off.

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use crate::geometry::VoxelBox;
use crate::train::augment::vary_values;
use crate::train::cases::{Dataset, Target, TrainingCase};
use crate::train::user::FirstMove;
use crate::volume::{Grid, LabelMap, resample};

use super::Scene;
use super::place::Place;

/// What of a label map is the target.
pub(super) struct Selection {
    values: Vec<u16>,
    /// Only what lies in this box.
    within: VoxelBox,
    /// Array offsets of some of its voxels.
    voxels: Vec<u32>,
}

impl Selection {
    /// A random target of a map; `None` where nothing is labelled.
    pub fn random(
        rng: &mut ChaCha8Rng,
        grid: &Grid,
        targets: &[Target],
        first: &FirstMove,
    ) -> Option<Self> {
        let target = targets.choose(rng)?;
        if target.parts.len() > 1 && rng.random_bool(0.7) {
            let part = *target.parts.choose(rng)?;
            return Self::inside(grid, target, part);
        }
        if !first.shows_extent() {
            return Self::inside(grid, target, target.bounds);
        }
        match rng.random_range(0..100) {
            0..12 => {
                let other = targets.choose(rng)?;
                let mut both = Self::inside(grid, target, target.bounds.union(other.bounds))?;
                both.values.push(other.value);
                both.voxels.extend(&other.voxels);
                Some(both)
            }
            12..27 => Self::inside(grid, target, piece(rng, target.bounds)),
            _ => Self::inside(grid, target, target.bounds),
        }
    }

    fn inside(grid: &Grid, target: &Target, within: VoxelBox) -> Option<Self> {
        let holds = |v: &u32| within.contains(grid.voxel_at(*v as usize));
        let voxels: Vec<u32> = target.voxels.iter().copied().filter(holds).collect();
        (!voxels.is_empty()).then(|| Self {
            values: vec![target.value],
            within,
            voxels,
        })
    }

    /// Where it lies on the map's grid.
    pub fn place<'a>(&'a self, grid: &'a Grid) -> Place<'a> {
        Place {
            grid,
            bounds: self.within,
            voxels: &self.voxels,
        }
    }

    /// How much of each voxel of a region it covers.
    pub fn on(&self, labels: &LabelMap, region: &Grid) -> Vec<f32> {
        let mut truth =
            resample::resample_label_where(labels, region, |v| self.values.contains(&v));
        let within = resample::inside_box(&labels.grid, self.within, region);
        for (truth, within) in truth.iter_mut().zip(within) {
            *truth *= within;
        }
        truth
    }
}

/// One side of a box, about half of it.
fn piece(rng: &mut ChaCha8Rng, of: VoxelBox) -> VoxelBox {
    let axis = rng.random_range(0..3);
    let cut = of.min[axis] + (of.size()[axis] as f64 * rng.random_range(0.3..0.7)) as i64;
    let mut piece = of;
    if rng.random_bool(0.5) {
        piece.max[axis] = cut;
    } else {
        piece.min[axis] = cut;
    }
    piece
}

/// A labelled target of a random scan of a dataset.
pub(in crate::train) fn scene(
    rng: &mut ChaCha8Rng,
    dataset: &Dataset,
    first: &FirstMove,
) -> Option<Scene> {
    let case = dataset.cases.choose(rng)?;
    let selection = Selection::random(rng, case.grid(), &case.targets, first)?;
    let image = if dataset.config.cropped_around_target {
        case.image
            .cropped(random_crop(rng, case, selection.within))?
    } else {
        case.image.clone()
    };
    let region = selection.place(case.grid()).region(rng, first);
    let mut values = resample::resample_image(&image, &region, 0.0);
    let inside = resample::inside(image.grid(), &region);
    let modality = vary_values(rng, &mut values, image.modality());
    Some(Scene {
        values,
        inside,
        truth: selection.on(&case.labels, &region),
        modality,
        weight: 1.0,
    })
}

/// A box with a random margin on each side, as someone else might have cropped the scan.
fn random_crop(rng: &mut ChaCha8Rng, case: &TrainingCase, around: VoxelBox) -> VoxelBox {
    let spacing = case.grid().spacing_mm();
    let mut margin = |d: usize| (rng.random_range(2.0..60.0) / spacing[d]) as i64;
    VoxelBox {
        min: std::array::from_fn(|d| around.min[d] - margin(d)),
        max: std::array::from_fn(|d| around.max[d] + margin(d)),
    }
}
