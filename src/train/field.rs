//! Fields of numbers on a region, `i` fastest: random smooth ones, and what blurs them.

use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::models::prosector1::region::SIDE;
pub(super) use crate::models::prosector1::region::position;

use super::augment::normal;

/// Voxels of a region.
pub(super) const VOXELS: usize = SIDE.pow(3);

/// The voxel nearest to a position; `None` outside the region.
pub(super) fn voxel_at(p: [f32; 3]) -> Option<usize> {
    let mut at = [0; 3];
    for d in 0..3 {
        let x = p[d].round();
        if !(0.0..SIDE as f32).contains(&x) {
            return None;
        }
        at[d] = x as usize;
    }
    Some(at[0] + SIDE * (at[1] + SIDE * at[2]))
}

/// A smooth random field about ±1: normal numbers on a coarse grid of `knots³`, interpolated linearly.
pub(super) fn smooth_noise(rng: &mut ChaCha8Rng, knots: usize) -> Vec<f32> {
    let coarse: Vec<f32> = (0..knots.pow(3)).map(|_| normal(rng) as f32).collect();
    let scale = (knots - 1) as f32 / (SIDE - 1) as f32;
    let split = |at: usize| {
        let x = at as f32 * scale;
        let low = (x as usize).min(knots - 2);
        (low, x - low as f32)
    };
    let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
    (0..VOXELS)
        .into_par_iter()
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

/// Blurs with weights 1, 2, 1 along each axis, as often as `times` says for it.
pub(super) fn blur(values: &mut [f32], times: [usize; 3]) {
    for (axis, &times) in times.iter().enumerate() {
        for _ in 0..times {
            along(values, axis, |line, out| {
                for (at, out) in out.iter_mut().enumerate() {
                    let before = line[at.saturating_sub(1)];
                    let after = line[(at + 1).min(SIDE - 1)];
                    *out = 0.25 * (before + after) + 0.5 * line[at];
                }
            });
        }
    }
}

/// Makes slices `thickness` voxels thick across an axis: each holds the mean of what it covers.
pub(super) fn thicken(values: &mut [f32], axis: usize, thickness: usize) {
    along(values, axis, |line, out| {
        for (slice, out) in line.chunks(thickness).zip(out.chunks_mut(thickness)) {
            out.fill(slice.iter().sum::<f32>() / slice.len() as f32);
        }
    });
}

/// Replaces each line along an axis by what `work` makes of it.
fn along(values: &mut [f32], axis: usize, work: impl Fn(&[f32; SIDE], &mut [f32; SIDE])) {
    let stride = SIDE.pow(axis as u32);
    let (mut line, mut made) = ([0.0; SIDE], [0.0; SIDE]);
    for start in (0..VOXELS).filter(|v| (v / stride).is_multiple_of(SIDE)) {
        for (at, value) in line.iter_mut().enumerate() {
            *value = values[start + at * stride];
        }
        work(&line, &mut made);
        for (at, &value) in made.iter().enumerate() {
            values[start + at * stride] = value;
        }
    }
}

/// The values below which each of the shares `q` of the values lies; all zero where there is none.
pub(super) fn quantiles<const N: usize>(values: &mut [f32], q: [f64; N]) -> [f32; N] {
    values.sort_unstable_by(f32::total_cmp);
    let last = values.len().saturating_sub(1) as f64;
    q.map(|q| {
        let at = (last * q).round() as usize;
        values.get(at).copied().unwrap_or(0.0)
    })
}
