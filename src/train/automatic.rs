//! Samples for the automatic path: a region, and the structures known in it.

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use crate::geometry::{VoxelIndex, WorldPoint};
use crate::models::Structure;
use crate::models::prosector1::RegionImage;
use crate::models::prosector1::region::{SIDE, Span, anatomical_axes, on_voxels_of, region_grid};
use crate::volume::resample;

use super::answered::AnsweredSample;
use super::augment::{jitter, log_uniform, rotated, vary_values};
use super::cases::{Dataset, TrainingCase};

/// A region and how much of each of its voxels the structures cover.
pub(super) struct AutomaticSample {
    /// What the network sees.
    pub image: RegionImage,
    /// How much of the first answer the refiner is to believe; none where structures are not refined.
    pub trust: Option<f32>,
    /// A value per voxel and channel, channels last; 0 where it is not known.
    pub truth: Vec<f32>,
    /// Whether a channel's truth is known.
    pub known: Vec<bool>,
    /// What a teacher answered there, where one teaches the one structure.
    pub answered: Option<AnsweredSample>,
}

impl AutomaticSample {
    /// Whether its structures are refined at full resolution.
    pub fn is_refined(&self) -> bool {
        self.trust.is_some()
    }
}

/// A random region of a random case.
pub(super) fn sample(
    rng: &mut ChaCha8Rng,
    dataset: &Dataset,
    structures: &[Structure],
) -> AutomaticSample {
    let case = dataset
        .cases
        .choose(rng)
        .expect("a dataset without cases is refused on loading");
    let variation = dataset.config.variation;
    let mut axes = anatomical_axes(case.grid());
    let mut extent_mm = dataset.config.spacing_mm.map(|s| s * SIDE as f64);
    let as_it_is = rng.random_bool(variation.as_it_is);
    let mirrored = !as_it_is && rng.random_bool(variation.mirrored);
    if !as_it_is {
        axes = rotated(rng, axes, variation.rotation_degrees);
        let (least, most) = (1.0 / variation.scale, variation.scale);
        extent_mm = extent_mm.map(|e| e * log_uniform(rng, least, most));
    }
    if mirrored {
        axes.x_axis = -axes.x_axis;
    }
    let mut centre = centre(rng, case, extent_mm[0]);
    if as_it_is {
        let scan = Span::of_voxels(case.grid(), case.grid().bounds());
        centre = scan.centre_within(centre, extent_mm);
    }
    let mut region = region_grid(axes, centre, extent_mm);
    if as_it_is {
        region = on_voxels_of(case.grid(), region);
    }
    let mut values = resample::resample_image(&case.image, &region, -1000.0);
    let inside = resample::inside(case.grid(), &region);
    let modality = if as_it_is {
        case.image.modality()
    } else {
        vary_values(rng, &mut values, case.image.modality())
    };
    let truth: Vec<Option<Vec<f32>>> = (0..structures.len())
        .map(|channel| {
            let seen = if mirrored {
                mirror_channel(structures, channel)
            } else {
                channel
            };
            let target = case.targets.iter().find(|t| t.channel == Some(seen));
            match target {
                Some(t) => Some(resample::resample_label(&case.labels, t.value, &region)),
                None => {
                    is_known_absent(dataset, structures, channel).then(|| vec![0.0; region.len()])
                }
            }
        })
        .collect();
    AutomaticSample {
        image: RegionImage::from_values(values, inside, modality),
        trust: dataset.config.refined.then(|| trust(rng)),
        truth: channels_last(&truth, region.len()),
        known: truth.iter().map(Option::is_some).collect(),
        answered: case.answered.as_ref().map(|a| a.on(case.grid(), &region)),
    }
}

/// None at all half of the time, else any amount.
fn trust(rng: &mut ChaCha8Rng) -> f32 {
    if rng.random_bool(0.5) {
        0.0
    } else {
        rng.random()
    }
}

fn channels_last(channels: &[Option<Vec<f32>>], voxels: usize) -> Vec<f32> {
    let mut out = vec![0.0; voxels * channels.len()];
    for (channel, values) in channels.iter().enumerate() {
        let places = out.iter_mut().skip(channel).step_by(channels.len());
        for (out, &value) in places.zip(values.iter().flatten()) {
            *out = value;
        }
    }
    out
}

/// Whether a structure that a case does not show is truly not there, rather than not contoured.
fn is_known_absent(dataset: &Dataset, structures: &[Structure], channel: usize) -> bool {
    let structure = &structures[channel];
    let is_one_of_its_own = dataset
        .config
        .structures
        .values()
        .any(|name| name == &structure.name);
    structure.is_known_in(dataset.config.modality)
        && !(is_one_of_its_own && dataset.config.absent_is_unknown)
}

/// The channel of the same structure on the other side of the body.
fn mirror_channel(structures: &[Structure], channel: usize) -> usize {
    let name = &structures[channel].name;
    let other = match name.split_once('_') {
        Some(("right", rest)) => format!("left_{rest}"),
        Some(("left", rest)) => format!("right_{rest}"),
        _ => return channel,
    };
    structures
        .iter()
        .position(|s| s.name == other)
        .unwrap_or(channel)
}

/// Near a labelled structure three times in four, anywhere in the scan otherwise.
fn centre(rng: &mut ChaCha8Rng, case: &TrainingCase, extent_mm: f64) -> WorldPoint {
    let grid = case.grid();
    let near_target = rng.random_bool(0.75);
    let target = case.targets.choose(rng).filter(|_| near_target);
    let voxel = match target.and_then(|t| t.voxels.choose(rng)) {
        Some(&offset) => grid.voxel_at(offset as usize),
        None => VoxelIndex(grid.dims.map(|n| rng.random_range(0..n as i64))),
    };
    let point = grid.world_from_voxel(voxel.center());
    WorldPoint(point.0 + jitter(rng, 0.2 * extent_mm))
}
