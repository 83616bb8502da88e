//! A scan that windows to learn from are cut out of.

use half::f16;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::models::ModelError;
use crate::models::nnunet::{Narrowed, shown};
use crate::volume::VolumeArray;

use super::super::super::teacher::Learned;
use super::super::course::Wanted;

/// A scan as the network is shown it, and what is learnt there.
pub(super) struct Scan {
    dims: [usize; 3],
    values: Vec<f16>,
    /// 1 inside what is learnt.
    drawn: Vec<u8>,
    /// The same of what a teacher answered beside that, with its share in the loss.
    answer: Option<(Vec<u8>, f32)>,
    /// The voxels inside.
    target: Vec<usize>,
}

/// A part of it.
pub(super) struct Window {
    pub image: VolumeArray,
    pub wanted: Wanted,
}

impl Window {
    /// With other sides: values are interpolated, and each voxel belongs where the nearest one did.
    pub fn resized(self, sides: [usize; 3]) -> Self {
        if self.image.dims == sides {
            return self;
        }
        Self {
            image: self.image.resized(sides),
            wanted: self.wanted.map(|mask| mask.nearest(sides)),
        }
    }

    /// Mirrored along some axes.
    pub fn mirrored(self, axes: [bool; 3]) -> Self {
        let mirrored = |array: VolumeArray| array.transposed([0, 1, 2], axes);
        Self {
            image: mirrored(self.image),
            wanted: self.wanted.map(mirrored),
        }
    }
}

impl Scan {
    /// A case as the network of a model is shown it.
    ///
    /// # Errors
    /// A scan that the network does not take.
    pub fn of(narrowed: &Narrowed, learned: &Learned<'_>) -> Result<Self, ModelError> {
        let mut masks = vec![learned.target()];
        let share = learned.beside().map(|(answer, share)| {
            masks.push(answer);
            share
        });
        let (input, labels) = shown(narrowed, &learned.case.image, &masks)?;
        let mut labels = labels.into_iter();
        let drawn = labels.next().unwrap_or_default();
        let inside = drawn.iter().enumerate().filter(|(_, label)| **label != 0);
        // Hounsfield units that are not normalised stay numbers too.
        let kept = |v: f32| f16::from_f32(v.clamp(f16::MIN.to_f32(), f16::MAX.to_f32()));
        Ok(Self {
            dims: input.dims,
            values: input.values.into_iter().map(kept).collect(),
            answer: labels.next().zip(share),
            target: inside.map(|(place, _)| place).collect(),
            drawn,
        })
    }

    /// Whether anything of the structure is there.
    pub fn shows_target(&self) -> bool {
        !self.target.is_empty()
    }

    /// The first voxel of a window of these sides: anywhere, or around a voxel of the structure. It stays inside the scan as
    /// far as that is long enough, else the scan lies in its middle.
    pub fn start(&self, sides: [usize; 3], on_target: bool, rng: &mut ChaCha8Rng) -> [i64; 3] {
        let [_, rows, columns] = self.dims;
        let around = (on_target && self.shows_target()).then(|| {
            let voxel = self.target[rng.random_range(0..self.target.len())];
            [
                voxel / (rows * columns),
                voxel / columns % rows,
                voxel % columns,
            ]
        });
        std::array::from_fn(|d| {
            let room = self.dims[d] as i64 - sides[d] as i64;
            match around {
                _ if room <= 0 => room / 2,
                Some(voxel) => (voxel[d] as i64 - sides[d] as i64 / 2).clamp(0, room),
                None => rng.random_range(0..=room),
            }
        })
    }

    /// The window that begins there; beyond the scan the network is shown zeros, as in its answers.
    pub fn window(&self, start: [i64; 3], sides: [usize; 3]) -> Window {
        let mask = |labels: &[u8]| self.cut(labels, start, sides, f32::from);
        Window {
            image: self.cut(&self.values, start, sides, f16::to_f32),
            wanted: Wanted {
                drawn: mask(&self.drawn),
                answer: self.answer.as_ref().map(|(a, share)| (mask(a), *share)),
            },
        }
    }

    fn cut<T: Copy>(
        &self,
        values: &[T],
        start: [i64; 3],
        sides: [usize; 3],
        wide: impl Fn(T) -> f32,
    ) -> VolumeArray {
        let inside = |d: usize, at: usize| {
            let place = usize::try_from(start[d] + at as i64).ok();
            place.filter(|&place| place < self.dims[d])
        };
        let mut window = VolumeArray::filled(sides, 0.0);
        for (row, line) in window.values.chunks_exact_mut(sides[2]).enumerate() {
            let place = inside(0, row / sides[1]).zip(inside(1, row % sides[1]));
            let Some((plane, row)) = place else {
                continue;
            };
            let first = (plane * self.dims[1] + row) * self.dims[2];
            for (at, value) in line.iter_mut().enumerate() {
                if let Some(column) = inside(2, at) {
                    *value = wide(values[first + column]);
                }
            }
        }
        window
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn scan() -> Scan {
        let dims = [3, 4, 5];
        let target = 2 * 20 + 3 * 5 + 4;
        let mut drawn = vec![0; 60];
        drawn[target] = 1;
        Scan {
            dims,
            values: (0..60).map(|v| f16::from_f32(v as f32)).collect(),
            drawn,
            answer: None,
            target: vec![target],
        }
    }

    #[test]
    fn beyond_the_scan_a_window_is_zero() {
        let window = scan().window([2, 3, 3], [2, 1, 3]);
        assert_eq!(window.image.values, [58.0, 59.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(window.wanted.drawn.values, [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
        let before = scan().window([0, 0, -1], [1, 1, 3]);
        assert_eq!(before.image.values, [0.0, 0.0, 1.0]);
    }

    #[test]
    fn windows_on_the_target_show_it_and_stay_inside() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let scan = scan();
        for sides in [[2, 2, 2], [1, 4, 3], [3, 1, 1]] {
            let start = scan.start(sides, true, &mut rng);
            let shown = scan.window(start, sides).wanted.drawn;
            assert!(shown.values.contains(&1.0), "{start:?} of {sides:?}");
            for on_target in [true, false] {
                let start = scan.start(sides, on_target, &mut rng);
                let ends = (0..3).all(|d| (0..=3 + d as i64 - sides[d] as i64).contains(&start[d]));
                assert!(ends, "{start:?} of {sides:?}");
            }
        }
        assert_eq!(scan.start([7, 4, 6], false, &mut rng), [-2, 0, 0]);
    }
}
