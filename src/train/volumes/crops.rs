//! Crops of labelled scans to train on, and how they are varied.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::models::volumes::{Intensity, LabelledVolume};
use crate::volume::VolumeArray;

/// How often and how far crops are varied.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::train) struct Variation {
    /// Chance of mirroring along each axis.
    pub flip: f64,
    /// Chance of quarter turns in the plane of two axes.
    pub turn: f64,
    /// The plane that is turned.
    pub plane: [usize; 2],
    /// Chance of another size, and its range.
    pub zoom: (f64, [f64; 2]),
    /// Chance of other values, and by how much they differ at most, in the scan's units.
    pub shift: (f64, f32),
    /// How far the crop lies from where it was drawn at most, as a share of its side.
    pub jitter: f64,
    /// Share of crops that lie on a labelled voxel, where the scan has any.
    pub on_target: f64,
}

impl Variation {
    /// 3DSAM-adapter's training transforms.
    pub const THREEDSAM: Self = Self {
        flip: 0.5,
        turn: 0.5,
        plane: [0, 1],
        zoom: (0.8, [0.85, 1.25]),
        shift: (0.5, 20.0),
        jitter: 0.1,
        on_target: 2.0 / 3.0,
    };
    /// AutoProSAM's.
    pub const AUTOPROSAM: Self = Self {
        flip: 0.1,
        turn: 0.1,
        plane: [0, 1],
        zoom: (0.0, [1.0, 1.0]),
        shift: (0.0, 0.0),
        jitter: 0.0,
        on_target: 2.0 / 3.0,
    };
    /// None, on the target: 3DSAM-adapter's transforms for choosing the best epoch.
    pub const CHOOSING: Self = Self {
        flip: 0.0,
        turn: 0.0,
        on_target: 1.0,
        ..Self::AUTOPROSAM
    };
}

/// A crop and its labels.
pub(in crate::train) struct Crop {
    /// Normalised values.
    pub image: VolumeArray,
    /// The class of each voxel.
    pub classes: VolumeArray,
}

/// Draws a crop of `side`.
pub(in crate::train) fn draw(
    case: &LabelledVolume,
    side: usize,
    intensity: &Intensity,
    variation: &Variation,
    rng: &mut ChaCha8Rng,
) -> Crop {
    let (zoom_chance, [low, high]) = variation.zoom;
    let zoom = if rng.random_bool(zoom_chance) {
        rng.random_range(low..=high)
    } else {
        1.0
    };
    let extent = ((side as f64 / zoom).round() as usize).max(1);
    let start = place(case, extent, variation, rng);
    let mut image = case.image.cut(start, [extent; 3], f32::NAN);
    let mut classes = case.classes.cut(start, [extent; 3], 0.0);
    vary_values(&mut image, intensity, variation, rng);
    if extent != side {
        image = image.resized([side; 3]);
        classes = classes.nearest([side; 3]);
    }
    turned(Crop { image, classes }, variation, rng)
}

/// First voxel of the crop: around a labelled voxel or any other, and inside the scan as far as it is large enough.
fn place(
    case: &LabelledVolume,
    side: usize,
    variation: &Variation,
    rng: &mut ChaCha8Rng,
) -> [i64; 3] {
    let dims = case.image.dims;
    let on_target = !case.labelled.is_empty() && rng.random_bool(variation.on_target);
    let voxel = if on_target {
        case.labelled[rng.random_range(0..case.labelled.len())] as usize
    } else {
        rng.random_range(0..case.image.values.len())
    };
    let at = [
        voxel / (dims[1] * dims[2]),
        voxel / dims[2] % dims[1],
        voxel % dims[2],
    ];
    std::array::from_fn(|d| {
        let most = (variation.jitter * side as f64) as i64;
        let start = at[d] as i64 - side as i64 / 2 + rng.random_range(-most..=most);
        let room = dims[d] as i64 - side as i64;
        // A scan smaller than the crop lies in its middle.
        if room < 0 {
            room / 2
        } else {
            start.clamp(0, room)
        }
    })
}

/// Normalises, with all values a little higher or lower; beyond the scan comes 0, the mean tissue.
fn vary_values(
    image: &mut VolumeArray,
    intensity: &Intensity,
    variation: &Variation,
    rng: &mut ChaCha8Rng,
) {
    let (chance, most) = variation.shift;
    let shift = if rng.random_bool(chance) {
        rng.random_range(-most..=most)
    } else {
        0.0
    };
    for value in &mut image.values {
        *value = normal(*value, intensity, shift);
    }
}

/// A whole scan as its crops are normalised.
pub(super) fn normalised(image: &VolumeArray, intensity: &Intensity) -> VolumeArray {
    let mut image = image.clone();
    for value in &mut image.values {
        *value = normal(*value, intensity, 0.0);
    }
    image
}

/// A value normalised, after `shift` was added.
fn normal(value: f32, intensity: &Intensity, shift: f32) -> f32 {
    match intensity {
        _ if value.is_nan() => 0.0,
        Intensity::Range(range) => {
            let clipped = value.clamp(range.clip[0], range.clip[1]);
            (clipped + shift - range.mean) / range.std
        }
        // The whole scan was normalised before.
        Intensity::Percentiles { .. } => value,
    }
}

fn turned(crop: Crop, variation: &Variation, rng: &mut ChaCha8Rng) -> Crop {
    let mut axes = [0, 1, 2];
    let mut flipped = [false; 3].map(|_| rng.random_bool(variation.flip));
    if rng.random_bool(variation.turn) {
        let [a, b] = variation.plane;
        let quarters = rng.random_range(1..=3);
        if quarters % 2 == 1 {
            axes.swap(a, b);
        }
        // A half turn mirrors both axes, a quarter turn one of them.
        flipped[a] ^= quarters <= 2;
        flipped[b] ^= quarters >= 2;
    }
    Crop {
        image: crop.image.transposed(axes, flipped),
        classes: crop.classes.transposed(axes, flipped),
    }
}

/// Clicks (d, w, h) as in 3DSAM-adapter's training: 10 on the target and 20 anywhere, or 20 anywhere without a target.
pub(in crate::train) fn training_clicks(
    classes: &VolumeArray,
    rng: &mut ChaCha8Rng,
) -> Vec<[f32; 3]> {
    let target: Vec<usize> = targets(classes);
    let mut clicks = Vec::with_capacity(30);
    if !target.is_empty() {
        clicks.extend((0..10).map(|_| target[rng.random_range(0..target.len())]));
    }
    clicks.extend((0..20).map(|_| rng.random_range(0..classes.values.len())));
    clicks.into_iter().map(|v| click(v, classes.dims)).collect()
}

/// Clicks for choosing: 10 on the target, or anywhere without one.
pub(super) fn choosing_clicks(classes: &VolumeArray, rng: &mut ChaCha8Rng) -> Vec<[f32; 3]> {
    let mut target = targets(classes);
    if target.is_empty() {
        target = (0..classes.values.len()).collect();
    }
    let voxels = (0..10).map(|_| target[rng.random_range(0..target.len())]);
    voxels.map(|v| click(v, classes.dims)).collect()
}

fn targets(classes: &VolumeArray) -> Vec<usize> {
    let inside = |v: &usize| classes.values[*v] > 0.5;
    (0..classes.values.len()).filter(inside).collect()
}

fn click(voxel: usize, [_, h, w]: [usize; 3]) -> [f32; 3] {
    [voxel / (h * w), voxel % w, voxel / w % h].map(|v| v as f32)
}
