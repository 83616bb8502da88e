//! `Sam.postprocess_masks` on a square map: bilinear to the encoder's image side and back, which slightly blurs.

use rayon::prelude::*;

/// Enlarging and shrinking along one axis, put together: for each place the places it is made of.
#[derive(Debug, Clone)]
pub struct UpAndDown {
    taps: Vec<Vec<(usize, f32)>>,
}

impl UpAndDown {
    /// For maps of `side`, enlarged to `image_side` and back.
    pub fn new(side: usize, image_side: usize) -> Self {
        let up = half_pixel_taps(side, image_side);
        let down = half_pixel_taps(image_side, side);
        let compose = |place: &Vec<(usize, f32)>| {
            let mut taps: Vec<(usize, f32)> = Vec::with_capacity(4);
            for &(large, weight) in place {
                for &(small, other) in &up[large] {
                    match taps.iter_mut().find(|(at, _)| *at == small) {
                        Some((_, sum)) => *sum += weight * other,
                        None => taps.push((small, weight * other)),
                    }
                }
            }
            taps
        };
        Self {
            taps: down.iter().map(compose).collect(),
        }
    }

    /// Applies it to both axes of each map in `maps` `[n, side, side]`.
    pub fn apply(&self, maps: &[f32]) -> Vec<f32> {
        let side = self.taps.len();
        let mut out = vec![0.0; maps.len()];
        out.par_chunks_mut(side * side)
            .zip(maps.par_chunks(side * side))
            .for_each(|(out, map)| self.apply_to_map(map, out));
        out
    }

    fn apply_to_map(&self, map: &[f32], out: &mut [f32]) {
        let side = self.taps.len();
        let mut across = Vec::with_capacity(map.len());
        for row in map.chunks_exact(side) {
            let blend = |taps: &Vec<(usize, f32)>| taps.iter().map(|&(x, w)| row[x] * w).sum();
            across.extend(self.taps.iter().map(blend).collect::<Vec<f32>>());
        }
        for (line, taps) in out.chunks_exact_mut(side).zip(&self.taps) {
            for &(row, weight) in taps {
                let source = &across[row * side..][..side];
                for (out, value) in line.iter_mut().zip(source) {
                    *out += value * weight;
                }
            }
        }
    }
}

/// PyTorch's bilinear sampling along an axis, `align_corners=False`.
fn half_pixel_taps(from: usize, to: usize) -> Vec<Vec<(usize, f32)>> {
    let step = from as f32 / to as f32;
    (0..to)
        .map(|place| {
            let at = ((place as f32 + 0.5) * step - 0.5).max(0.0);
            let below = (at as usize).min(from - 1);
            let share = at - below as f32;
            let above = (below + 1).min(from - 1);
            let taps = [(below, 1.0 - share), (above, share)];
            taps.into_iter().filter(|(_, w)| *w != 0.0).collect()
        })
        .collect()
}
