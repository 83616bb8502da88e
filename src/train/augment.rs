//! Random variation of regions: where they lie, and what the scanner would have made of them.

pub(super) mod acquisition;

use glam::{DMat3, DQuat, DVec3, EulerRot};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::volume::Modality;

/// A number from the normal distribution (Box-Muller).
pub(super) fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * rng.random_range(f64::MIN_POSITIVE..1.0).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

/// A number whose logarithm is uniform between those of `low` and `high`.
pub(super) fn log_uniform(rng: &mut ChaCha8Rng, low: f64, high: f64) -> f64 {
    rng.random_range(low.ln()..high.ln()).exp()
}

/// A vector with each coordinate uniform in ±`range`.
pub(super) fn jitter(rng: &mut ChaCha8Rng, range: f64) -> DVec3 {
    DVec3::from_array(std::array::from_fn(|_| rng.random_range(-range..=range)))
}

/// `axes` turned by up to `degrees` about each of them.
pub(super) fn rotated(rng: &mut ChaCha8Rng, axes: DMat3, degrees: f64) -> DMat3 {
    let [a, b, c] = jitter(rng, degrees.to_radians()).to_array();
    axes * DMat3::from_quat(DQuat::from_euler(EulerRot::XYZ, a, b, c))
}

/// Changes a region's values as another scanner or protocol might: shift, scale, contrast, shading, resolution and noise.
/// Returns the kind of scan that they are to be shown as, which is another one than they are now and then: a file may say
/// so wrongly, or not at all.
pub(super) fn vary_values(
    rng: &mut ChaCha8Rng,
    values: &mut [f32],
    modality: Modality,
) -> Modality {
    if rng.random_bool(0.15) {
        acquisition::worsen(rng, values);
    }
    match modality {
        Modality::Ct => {
            let shift = 8.0 * normal(rng) as f32;
            let scale = 1.0 + 0.03 * normal(rng) as f32;
            let noise = noise_level(rng, 20.0);
            for v in values {
                *v = *v * scale + shift + noise * fast_normal(rng);
            }
        }
        Modality::Mr | Modality::Pet => {
            let high = values.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
            let power = log_uniform(rng, 0.65, 1.5) as f32;
            let noise = noise_level(rng, 0.03);
            let is_inverted = modality == Modality::Mr && rng.random_bool(0.08);
            let shading = acquisition::shading(rng, modality);
            for (v, shading) in values.iter_mut().zip(shading) {
                let mut relative = (*v / high).max(0.0).powf(power) * shading;
                if is_inverted {
                    relative = 1.0 - relative;
                }
                *v = (relative + noise * fast_normal(rng)).max(0.0) * high;
            }
        }
    }
    shown_as(rng, modality)
}

/// The kind of scan that a file may be taken for.
fn shown_as(rng: &mut ChaCha8Rng, modality: Modality) -> Modality {
    match modality {
        Modality::Ct if rng.random_bool(0.1) => Modality::Mr,
        Modality::Mr if rng.random_bool(0.06) => Modality::Pet,
        Modality::Pet if rng.random_bool(0.06) => Modality::Mr,
        same => same,
    }
}

/// Standard deviation of the noise: none in half of the cases.
fn noise_level(rng: &mut ChaCha8Rng, largest: f32) -> f32 {
    if rng.random_bool(0.5) {
        rng.random_range(0.0..largest)
    } else {
        0.0
    }
}

/// Nearly normal, for noise per voxel: four uniform numbers from one word.
pub(super) fn fast_normal(rng: &mut ChaCha8Rng) -> f32 {
    let bytes = rng.random::<u32>().to_le_bytes();
    let sum: f32 = bytes.iter().map(|&b| f32::from(b)).sum();
    (sum - 510.0) / 148.0
}
