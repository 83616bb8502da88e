//! Composed shapes of random brightness in a random surrounding, so that prompts work beyond the anatomy at hand.

use glam::Vec3;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::models::prosector1::region::SIDE;
use crate::train::augment::acquisition::acquire;
use crate::train::augment::{log_uniform, normal};
use crate::train::cases::Cases;
use crate::train::field::{VOXELS, position, smooth_noise};
use crate::train::user::FirstMove;

use super::forms::{self, Form};
use super::{Maker, Scene};

pub(super) const MAKER: Maker = Maker {
    name: "shapes",
    scene,
};

/// A form and how bright it is.
struct Thing {
    form: Box<dyn Form>,
    brightness: f32,
}

fn scene(rng: &mut ChaCha8Rng, _: &Cases, first: &FirstMove) -> Option<Scene> {
    let side = SIDE as f64;
    let radius = side / first.relative / 2.0;
    let spread = if first.looks_at_mark() { 0.12 } else { 0.05 };
    let middle = about_the_middle(rng, spread * side);
    let target = Thing {
        form: forms::any(rng, middle, radius as f32),
        brightness: random_brightness(rng),
    };
    let others: Vec<Thing> = (0..rng.random_range(2..9))
        .map(|_| {
            let size = radius.min(0.3 * side) * log_uniform(rng, 0.35, 1.6);
            // A twin of the target, or a satellite, can only be told apart by where it is.
            let is_twin = rng.random_bool(0.2);
            let centre = about_the_middle(rng, 0.5 * side);
            Thing {
                form: forms::any(rng, centre, size as f32),
                brightness: if is_twin {
                    target.brightness
                } else {
                    random_brightness(rng)
                },
            }
        })
        .collect();
    let warp: [Vec<f32>; 3] = std::array::from_fn(|_| smooth_noise(rng, 6));
    let strength = rng.random_range(0.0..3.0) as f32;
    let (background, texture) = (smooth_noise(rng, 4), smooth_noise(rng, 16));
    let shading = rng.random_range(0.0..0.2) as f32;
    let grain = rng.random_range(0.0..0.12) as f32;
    let (mut values, truth): (Vec<f32>, Vec<f32>) = (0..VOXELS)
        .into_par_iter()
        .map(|v| {
            let moved = Vec3::from_array(std::array::from_fn(|d| warp[d][v]));
            let p = Vec3::from_array(position(v)) + strength * moved;
            let covered = target.form.depth(p);
            let top = if covered > 0.0 {
                Some(&target)
            } else {
                others.iter().rev().find(|other| other.form.depth(p) > 0.0)
            };
            let brightness = top.map_or(0.4, |thing| thing.brightness);
            let value = brightness + shading * background[v] + grain * texture[v];
            (value, (covered + 0.5).clamp(0.0, 1.0))
        })
        .unzip();
    let modality = acquire(rng, &mut values);
    Some(Scene {
        values,
        inside: vec![1.0; VOXELS],
        truth,
        modality,
        weight: 1.0,
    })
}

/// A brightness that differs from the surroundings', often by little.
fn random_brightness(rng: &mut ChaCha8Rng) -> f32 {
    let contrast = 0.22 * normal(rng);
    (0.4 + contrast + 0.06 * contrast.signum()) as f32
}

fn about_the_middle(rng: &mut ChaCha8Rng, spread: f64) -> Vec3 {
    let middle = (SIDE as f64 - 1.0) / 2.0;
    Vec3::from_array(std::array::from_fn(|_| {
        (middle + rng.random_range(-spread..spread)) as f32
    }))
}
