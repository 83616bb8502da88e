//! Procedural regions: warped blobs of random brightness, so that prompts work beyond the anatomy at hand.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::models::prosector1::region::SIDE;
use crate::volume::Modality;

use super::augment::{log_uniform, normal};

/// Values of a made-up scan on a region and one of its shapes as the target.
pub(super) struct Procedural {
    /// A value per voxel.
    pub values: Vec<f32>,
    /// Target, 0 or 1 per voxel.
    pub truth: Vec<f32>,
    /// Kind of scan the values pass for.
    pub modality: Modality,
}

/// An ellipsoid whose surface a smooth field moves.
struct Blob {
    centre: [f32; 3],
    radii: [f32; 3],
    brightness: f32,
}

/// A random scene whose target is about `extent / relative` voxels long, near the middle of the region.
pub(super) fn scene(rng: &mut ChaCha8Rng, relative: f64) -> Procedural {
    let side = SIDE as f64;
    let warp: [Vec<f32>; 3] = std::array::from_fn(|_| smooth_noise(rng, 6));
    let strength = rng.random_range(0.0..3.5) as f32;
    let background = smooth_noise(rng, 4);
    let texture = smooth_noise(rng, 16);
    let size = side / relative / 2.0;
    let target = blob(rng, size, 0.06 * side);
    let others: Vec<Blob> = (0..rng.random_range(2..8))
        .map(|_| {
            let size = size * log_uniform(rng, 0.4, 1.6);
            blob(rng, size, 0.5 * side)
        })
        .collect();
    let noise = rng.random_range(0.02..0.35) as f32;
    let shading = rng.random_range(0.0..0.6) as f32;
    let grain = rng.random_range(0.0..0.4) as f32;
    let mut values = vec![0.0; SIDE.pow(3)];
    let mut truth = vec![0.0; SIDE.pow(3)];
    for v in 0..values.len() {
        let p: [f32; 3] = std::array::from_fn(|d| {
            let at = v / SIDE.pow(d as u32) % SIDE;
            at as f32 + strength * warp[d][v]
        });
        let mut value = shading * background[v] + grain * texture[v];
        if let Some(other) = others.iter().rev().find(|b| b.holds(p)) {
            value += other.brightness;
        }
        if target.holds(p) {
            value = target.brightness + 0.5 * shading * background[v] + grain * texture[v];
            truth[v] = 1.0;
        }
        values[v] = value + noise * normal(rng) as f32;
    }
    dress(rng, values, truth)
}

/// Gives the values the range of a modality.
fn dress(rng: &mut ChaCha8Rng, mut values: Vec<f32>, truth: Vec<f32>) -> Procedural {
    let modality = match rng.random_range(0..3) {
        0 => Modality::Ct,
        1 => Modality::Mr,
        _ => Modality::Pet,
    };
    let (offset, scale) = match modality {
        Modality::Ct => (rng.random_range(-60.0..80.0), rng.random_range(30.0..120.0)),
        Modality::Mr | Modality::Pet => (300.0, 100.0),
    };
    for v in &mut values {
        *v = offset + scale * *v;
    }
    Procedural {
        values,
        truth,
        modality,
    }
}

fn blob(rng: &mut ChaCha8Rng, size: f64, spread: f64) -> Blob {
    let middle = (SIDE as f64 - 1.0) / 2.0;
    let brightness = 0.8 * normal(rng);
    Blob {
        centre: std::array::from_fn(|_| (middle + rng.random_range(-spread..spread)) as f32),
        radii: std::array::from_fn(|_| (size * log_uniform(rng, 0.6, 1.3)).max(1.5) as f32),
        brightness: (brightness + 0.25 * brightness.signum()) as f32,
    }
}

impl Blob {
    fn holds(&self, p: [f32; 3]) -> bool {
        (0..3)
            .map(|d| ((p[d] - self.centre[d]) / self.radii[d]).powi(2))
            .sum::<f32>()
            <= 1.0
    }
}

/// A smooth random field about ±1: normal numbers on a coarse grid of `knots³`, interpolated linearly.
fn smooth_noise(rng: &mut ChaCha8Rng, knots: usize) -> Vec<f32> {
    let coarse: Vec<f32> = (0..knots.pow(3)).map(|_| normal(rng) as f32).collect();
    let scale = (knots - 1) as f32 / (SIDE - 1) as f32;
    let split = |at: usize| {
        let x = at as f32 * scale;
        let low = (x as usize).min(knots - 2);
        (low, x - low as f32)
    };
    let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
    (0..SIDE.pow(3))
        .map(|v| {
            let (i, x) = split(v % SIDE);
            let (j, y) = split(v / SIDE % SIDE);
            let (k, z) = split(v / (SIDE * SIDE));
            let row = |j: usize, k: usize| {
                let at = i + knots * (j + knots * k);
                mix(coarse[at], coarse[at + 1], x)
            };
            let plane = |k: usize| mix(row(j, k), row(j + 1, k), y);
            mix(plane(k), plane(k + 1), z)
        })
        .collect()
}
