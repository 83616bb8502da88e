//! Where a user clicks: first into the target, then on what is wrong.

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use crate::models::prosector1::region::SIDE;
use crate::prompt::Polarity;
use crate::train::augment::jitter;
use crate::train::field::{position, voxel_at};
use crate::volume::components::{Connectivity, connected_components};
use crate::volume::distance::squared_distance_mm;

const DIMS: [usize; 3] = [SIDE; 3];
/// Distance between the marks of a scribble in region voxels: its balls touch.
const SCRIBBLE_STEP: f32 = 3.0;

/// The first click into a target: now and then it misses by a voxel or two.
pub(super) fn first(rng: &mut ChaCha8Rng, target: &[u8]) -> Option<[f32; 3]> {
    let at = position(place(rng, target)?);
    Some(if rng.random_bool(0.1) {
        let off = jitter(rng, 2.5).as_vec3().to_array();
        std::array::from_fn(|d| (at[d] + off[d]).clamp(0.0, SIDE as f32 - 1.0))
    } else {
        at
    })
}

/// Marks along straight strokes between voxels of the target, those that lie in it.
pub(super) fn scribble(rng: &mut ChaCha8Rng, target: &[u8]) -> Option<Vec<[f32; 3]>> {
    let inside: Vec<usize> = (0..target.len()).filter(|&v| target[v] != 0).collect();
    let mut from = position(place(rng, target)?);
    let mut marks = vec![from];
    for _ in 0..rng.random_range(1..3) {
        let to = position(*inside.choose(rng)?);
        let length = distance(from, to);
        let steps = (length / SCRIBBLE_STEP) as usize;
        let along = (1..=steps).map(|s| {
            let share = s as f32 * SCRIBBLE_STEP / length;
            std::array::from_fn(|d| from[d] + share * (to[d] - from[d]))
        });
        marks.extend(along.filter(|&p| voxel_at(p).is_some_and(|v| target[v] != 0)));
        from = to;
    }
    Some(marks)
}

fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    (0..3).map(|d| (a[d] - b[d]).powi(2)).sum::<f32>().sqrt()
}

/// Where a user clicks into a mask: mostly its deepest voxel or one not far from as deep, sometimes any.
fn place(rng: &mut ChaCha8Rng, mask: &[u8]) -> Option<usize> {
    let depth = squared_distance_mm(mask, DIMS, [1.0; 3]);
    let deepest = (0..depth.len()).max_by(|&a, &b| depth[a].total_cmp(&depth[b]))?;
    if depth[deepest] <= 0.0 {
        return None;
    }
    let least = match rng.random_range(0..100) {
        0..55 => return Some(deepest),
        55..88 => 0.25 * depth[deepest],
        _ => 0.0,
    };
    let deep: Vec<usize> = (0..depth.len()).filter(|&v| depth[v] > least).collect();
    deep.choose(rng).copied()
}

/// The user's next click on an answer, a probability per voxel: into the largest connected error, positive where the
/// target was missed. Sometimes another error is taken. `None` where there is none.
pub(super) fn correction(
    rng: &mut ChaCha8Rng,
    probability: &[f32],
    target: &[u8],
) -> Option<([f32; 3], Polarity)> {
    let wrong: Vec<u8> = probability
        .iter()
        .zip(target)
        .map(|(&p, &t)| u8::from((p > 0.5) != (t != 0)))
        .collect();
    let (parts, sizes) = connected_components(&wrong, DIMS, Connectivity::TwentySix);
    let largest = (0..sizes.len()).max_by_key(|&p| sizes[p])?;
    let part = if rng.random_bool(0.85) {
        largest
    } else {
        rng.random_range(0..sizes.len())
    };
    let is_part = |&label: &u32| u8::from(label == part as u32 + 1);
    let mask: Vec<u8> = parts.iter().map(is_part).collect();
    let at = place(rng, &mask)?;
    let polarity = if target[at] != 0 {
        Polarity::Positive
    } else {
        Polarity::Negative
    };
    Some((position(at), polarity))
}
