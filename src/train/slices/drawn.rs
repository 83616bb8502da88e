//! What a user draws on a slice, simulated: where the target is, and a box around it.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use crate::train::published::Scan;

use super::samples::Place;

/// Boxes around the target of each slice, MedSAM's way.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DrawnBoxes {
    /// By how much of the picture's side each side of a box lies outside the target at most; it is drawn between 0 and
    /// this. MedSAM's 20 of 1024 pixels are 0.02.
    pub loosening: f32,
}

/// The slices of a scan on which a structure is drawn.
pub(super) fn labelled_slices(scan: &Scan, labels: &[(u16, String)]) -> Vec<Place> {
    let is_labelled = |k: &usize| scan.classes(*k, labels).iter().any(|c| *c > 0);
    let slices = (0..scan.image.grid().dims[2]).filter(is_labelled);
    let place = |slice| Place {
        slice,
        mirrored: false,
    };
    slices.map(place).collect()
}

/// The pixels or voxels, 0 or 1, of one of the structures there; none where there is none of any. Class 0 is the background.
pub(in crate::train) fn target_of<C: Copy + Default + Ord>(
    classes: &[C],
    rng: &mut ChaCha8Rng,
) -> Vec<u8> {
    let is_one = |class: &C| *class > C::default();
    let mut there: Vec<C> = classes.iter().copied().filter(is_one).collect();
    there.sort_unstable();
    there.dedup();
    let target = match there.len() {
        0 => return vec![0; classes.len()],
        count => there[rng.random_range(0..count)],
    };
    classes.iter().map(|&c| u8::from(c == target)).collect()
}

impl DrawnBoxes {
    /// Refuses what no box can be drawn by.
    pub fn check(self) -> Result<(), String> {
        if (0.0..=1.0).contains(&self.loosening) {
            return Ok(());
        }
        Err("loosening is a share of the picture's side, from 0 to 1".to_owned())
    }

    /// A box around a target of `side` × `side` pixels: corners x0, y0, x1, y1 in shares of the side. A slice that resizing
    /// left no target on has a box around all of it.
    pub fn around(self, target: &[u8], side: usize, rng: &mut ChaCha8Rng) -> [f32; 4] {
        let inside = (0..target.len()).filter(|&pixel| target[pixel] > 0);
        let tight = inside.fold(None, |tight: Option<[usize; 4]>, pixel| {
            let (x, y) = (pixel % side, pixel / side);
            let [x0, y0, x1, y1] = tight.unwrap_or([x, y, x, y]);
            Some([x0.min(x), y0.min(y), x1.max(x), y1.max(y)])
        });
        let [x0, y0, x1, y1] = tight.unwrap_or([0, 0, side - 1, side - 1]);
        let mut outward = || rng.random::<f32>() * self.loosening;
        let first = |edge: usize, outward: f32| (edge as f32 / side as f32 - outward).max(0.0);
        let last = |edge: usize, outward: f32| ((edge + 1) as f32 / side as f32 + outward).min(1.0);
        [
            first(x0, outward()),
            first(y0, outward()),
            last(x1, outward()),
            last(y1, outward()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn a_box_holds_its_target_and_lies_outside_it_by_no_more_than_it_may() {
        let side = 20;
        let target: Vec<u8> = (0..side * side)
            .map(|p| u8::from((4..8).contains(&(p % side)) && (10..19).contains(&(p / side))))
            .collect();
        let tight = [0.2, 0.5, 0.4, 0.95];
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let exact = DrawnBoxes { loosening: 0.0 };
        assert_eq!(exact.around(&target, side, &mut rng), tight);
        let loose = DrawnBoxes { loosening: 0.1 };
        let mut farthest = [0.0_f32; 4];
        for _ in 0..200 {
            let found = loose.around(&target, side, &mut rng);
            let outward = [0, 1, 2, 3].map(|n| (found[n] - tight[n]) * [-1.0, -1.0, 1.0, 1.0][n]);
            assert!(
                outward.iter().all(|v| (-1e-6..0.1001).contains(v)),
                "{found:?}"
            );
            farthest = [0, 1, 2, 3].map(|n| farthest[n].max(outward[n]));
            assert!(found[3] <= 1.0);
        }
        assert!(farthest[..3].iter().all(|&v| v > 0.08), "{farthest:?}");
        let nothing = exact.around(&vec![0; side * side], side, &mut rng);
        assert_eq!(nothing, [0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn each_structure_of_a_slice_is_the_target_at_times() {
        let classes = [0, 3, 3, 0, 1, 0];
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let found: Vec<Vec<u8>> = (0..20).map(|_| target_of(&classes, &mut rng)).collect();
        for target in [[0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 0]] {
            assert!(found.iter().any(|f| *f == target));
        }
        assert!(found.iter().all(|f| f.contains(&1)));
        assert_eq!(target_of(&[0, 0], &mut rng), [0, 0]);
    }
}
