//! AutoSAM's augmentation (`batchgenerators` in the authors' loader): light, noise, mirroring, rotation and size. Their
//! elastic deformation, which moves pixels by less than one on average, is left out, and the image is interpolated
//! linearly instead of cubically.

use rand::{Rng, RngExt as _};

use crate::models::checkpoint::normal;

use super::samples::PlainSlice;

/// Chance of each change.
const CHANCE: f64 = 0.5;
/// Largest rotation in radians.
const TURN: f64 = 0.1;
/// Smallest and largest size.
const SIZES: [f64; 2] = [0.5, 1.9];
/// Smallest and largest exponent.
const GAMMAS: [f64; 2] = [0.5, 2.0];
/// Largest standard deviation of the noise.
const NOISE: f64 = 0.1;

/// Varies a slice of `side` × `side` grey pixels; the picture that results has three channels, which differ.
pub(super) fn varied(slice: &PlainSlice, side: usize, rng: &mut impl Rng) -> PlainSlice {
    let mut channels = vec![slice.picture.clone(); 3];
    if rng.random_bool(CHANCE) {
        for channel in &mut channels {
            let more = 1.0 + normal(rng);
            channel.iter_mut().for_each(|v| *v += more);
        }
    }
    if rng.random_bool(CHANCE) {
        bend(&mut channels, around_one(GAMMAS, rng) as f32);
    }
    if rng.random_bool(CHANCE) {
        let deviation = rng.random_range(0.0..NOISE) as f32;
        let values = channels.iter_mut().flatten();
        values.for_each(|v| *v += deviation * normal(rng));
    }
    let moved = Moved {
        side,
        mirrored: rng.random_bool(CHANCE),
        angle: if rng.random_bool(CHANCE) {
            rng.random_range(-TURN..TURN)
        } else {
            0.0
        },
        size: if rng.random_bool(CHANCE) {
            around_one(SIZES, rng)
        } else {
            1.0
        },
    };
    PlainSlice {
        picture: channels.iter().flat_map(|c| moved.picture(c)).collect(),
        classes: moved.classes(&slice.classes),
    }
}

/// A number below 1 or above it, with equal chances.
fn around_one([low, high]: [f64; 2], rng: &mut impl Rng) -> f64 {
    if rng.random_bool(CHANCE) {
        rng.random_range(low..1.0)
    } else {
        rng.random_range(1.0..high)
    }
}

/// Raises all values to a power within their common range.
fn bend(channels: &mut [Vec<f32>], gamma: f32) {
    const TINY: f32 = 1e-7;
    let values = || channels.iter().flatten().copied();
    let low = values().fold(f32::INFINITY, f32::min);
    let range = values().fold(f32::NEG_INFINITY, f32::max) - low;
    for value in channels.iter_mut().flatten() {
        let share = (*value - low) / (range + TINY);
        *value = share.powf(gamma) * (range + TINY) + low;
    }
}

/// Where a varied slice's pixels come from: about its middle, the outermost pixels beyond the border.
struct Moved {
    side: usize,
    mirrored: bool,
    angle: f64,
    size: f64,
}

impl Moved {
    /// Row and column that a pixel comes from.
    fn source(&self, pixel: usize) -> [f64; 2] {
        let last = (self.side - 1) as f64;
        let middle = last / 2.0;
        let (y, x) = ((pixel / self.side) as f64, (pixel % self.side) as f64);
        let (y, x) = (y - middle, x - middle);
        let (sin, cos) = self.angle.sin_cos();
        let row = (y * cos - x * sin) * self.size + middle;
        let column = (y * sin + x * cos) * self.size + middle;
        let column = if self.mirrored { last - column } else { column };
        [row, column].map(|v| v.clamp(0.0, last))
    }

    fn picture(&self, values: &[f32]) -> Vec<f32> {
        let value = |pixel: usize| {
            let at = self.source(pixel);
            let low = at.map(|v| v as usize);
            let high = low.map(|v| (v + 1).min(self.side - 1));
            let share = [0, 1].map(|d| (at[d] - low[d] as f64) as f32);
            let row = |y: usize| {
                let (a, b) = (
                    values[y * self.side + low[1]],
                    values[y * self.side + high[1]],
                );
                a + (b - a) * share[1]
            };
            let (above, below) = (row(low[0]), row(high[0]));
            above + (below - above) * share[0]
        };
        (0..values.len()).map(value).collect()
    }

    fn classes(&self, classes: &[u8]) -> Vec<u8> {
        let class = |pixel: usize| {
            let [row, column] = self.source(pixel).map(|v| v.round() as usize);
            classes[row * self.side + column]
        };
        (0..classes.len()).map(class).collect()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// A bright square that is also labelled.
    fn square(side: usize) -> PlainSlice {
        let inside = |pixel: usize| {
            let (y, x) = (pixel / side, pixel % side);
            (5..12).contains(&y) && (9..17).contains(&x)
        };
        PlainSlice {
            picture: (0..side * side)
                .map(|p| f32::from(u8::from(inside(p))))
                .collect(),
            classes: (0..side * side).map(|p| u8::from(inside(p))).collect(),
        }
    }

    #[test]
    fn nothing_moves_without_a_reason() {
        let slice = square(24);
        let same = Moved {
            side: 24,
            mirrored: false,
            angle: 0.0,
            size: 1.0,
        };
        assert_eq!(same.picture(&slice.picture), slice.picture);
        assert_eq!(same.classes(&slice.classes), slice.classes);
    }

    #[test]
    fn labels_go_where_the_picture_goes() {
        let slice = square(24);
        let moved = Moved {
            side: 24,
            mirrored: true,
            angle: 0.1,
            size: 0.7,
        };
        let (picture, classes) = (moved.picture(&slice.picture), moved.classes(&slice.classes));
        let agree = picture.iter().zip(&classes);
        let agree = agree.filter(|&(&v, &c)| (v > 0.5) == (c == 1)).count();
        assert!(agree > 24 * 24 * 97 / 100, "{agree}");
        // Pixels that come from nearer the middle show it larger.
        let count = |classes: &[u8]| classes.iter().filter(|c| **c == 1).count();
        assert!(count(&classes) > count(&slice.classes) * 3 / 2);
    }

    #[test]
    fn varied_slices_have_three_channels_of_numbers() {
        let slice = square(24);
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for _ in 0..20 {
            let varied = varied(&slice, 24, &mut rng);
            assert_eq!(varied.picture.len(), 3 * 24 * 24);
            assert!(varied.picture.iter().all(|v| v.is_finite()));
            assert_eq!(varied.classes.len(), 24 * 24);
        }
    }
}
