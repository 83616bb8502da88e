//! What a scanner makes of what is there: blur, thick slices, shading, noise, and the range of values of its modality.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::train::field::{VOXELS, blur, smooth_noise, thicken};
use crate::volume::Modality;

use super::{fast_normal, log_uniform};

/// Lowers the resolution: blurred, or in slices up to four voxels thick across one axis.
pub(in crate::train) fn worsen(rng: &mut ChaCha8Rng, values: &mut [f32]) {
    if rng.random_bool(0.5) {
        blur(values, std::array::from_fn(|_| rng.random_range(0..3)));
    } else {
        let (axis, thickness) = (rng.random_range(0..3), rng.random_range(2..5));
        thicken(values, axis, thickness);
    }
}

/// Factors of a receive coil's uneven sensitivity, a value per voxel; none in half of the MR, and in nothing else.
pub(in crate::train) fn shading(rng: &mut ChaCha8Rng, modality: Modality) -> Vec<f32> {
    if modality != Modality::Mr || rng.random_bool(0.5) {
        return vec![1.0; VOXELS];
    }
    let strength = rng.random_range(0.05..0.4) as f32;
    let field = smooth_noise(rng, 3);
    field.iter().map(|f| (strength * f).exp()).collect()
}

/// Makes a scan of a made-up scene whose brightness is about 0..=1. Returns its modality.
pub(in crate::train) fn acquire(rng: &mut ChaCha8Rng, values: &mut [f32]) -> Modality {
    let modality = match rng.random_range(0..10) {
        0..4 => Modality::Ct,
        4..8 => Modality::Mr,
        _ => Modality::Pet,
    };
    if rng.random_bool(0.6) {
        worsen(rng, values);
    }
    let noise = log_uniform(rng, 0.004, 0.12) as f32;
    let shading = shading(rng, modality);
    let (offset, scale) = match modality {
        // A soft-tissue scene, or one that reaches from air to bone.
        Modality::Ct if rng.random_bool(0.7) => (
            rng.random_range(-120.0..20.0),
            rng.random_range(80.0..320.0),
        ),
        Modality::Ct => (-1000.0, rng.random_range(900.0..2200.0)),
        Modality::Mr | Modality::Pet => (0.0, 300.0),
    };
    for (v, shading) in values.iter_mut().zip(shading) {
        *v = offset + scale * (*v * shading + noise * fast_normal(rng));
    }
    modality
}
