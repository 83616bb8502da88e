//! Masks as another tool or an earlier result might have left them.

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use crate::models::prosector1::region::SIDE;
use crate::train::field::{VOXELS, position};

/// A target, `truth` being how much of each voxel it covers, as a mask that is grown or shrunk, and shifted; half missing;
/// or with a ball too much.
pub(super) fn damaged(rng: &mut ChaCha8Rng, truth: &[f32]) -> Vec<f32> {
    let shift = std::array::from_fn(|_| rng.random_range(-3..=3));
    let mask = displaced(truth, rng.random_range(0..=3), rng.random_bool(0.5), shift);
    match rng.random_range(0..10) {
        0..5 => mask,
        5..8 => halved(rng, mask),
        _ => spilt(rng, mask),
    }
}

/// Grown or shrunk by `radius` voxels along the axes, and moved by `shift`.
fn displaced(truth: &[f32], radius: i64, grown: bool, shift: [i64; 3]) -> Vec<f32> {
    let side = SIDE as i64;
    let at = |p: [i64; 3]| {
        let inside = p.iter().all(|x| (0..side).contains(x));
        inside && truth[(p[0] + side * (p[1] + side * p[2])) as usize] > 0.5
    };
    let ends = [-radius, 0, radius];
    (0..VOXELS as i64)
        .map(|v| {
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

/// Without what lies on one side of a voxel of it.
fn halved(rng: &mut ChaCha8Rng, mut mask: Vec<f32>) -> Vec<f32> {
    let inside: Vec<usize> = (0..VOXELS).filter(|&v| mask[v] > 0.0).collect();
    let Some(&through) = inside.choose(rng) else {
        return mask;
    };
    let (axis, keeps_low) = (rng.random_range(0..3), rng.random_bool(0.5));
    let cut = position(through)[axis];
    for v in inside {
        if (position(v)[axis] < cut) != keeps_low {
            mask[v] = 0.0;
        }
    }
    mask
}

/// With a ball around one of its voxels.
fn spilt(rng: &mut ChaCha8Rng, mut mask: Vec<f32>) -> Vec<f32> {
    let inside: Vec<usize> = (0..VOXELS).filter(|&v| mask[v] > 0.0).collect();
    let Some(&middle) = inside.choose(rng) else {
        return mask;
    };
    let centre = position(middle);
    let radius: f32 = rng.random_range(3.0..9.0);
    for (v, value) in mask.iter_mut().enumerate() {
        let p = position(v);
        let squared: f32 = (0..3).map(|d| (p[d] - centre[d]).powi(2)).sum();
        if squared < radius * radius {
            *value = 1.0;
        }
    }
    mask
}
