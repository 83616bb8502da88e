//! What a coarse pass over a scan leaves: where each structure may be, at half the canvas's resolution.

use crate::volume::Grid;
use crate::volume::components::{Connectivity, connected_components};

use super::canvas::{Output, THRESHOLD};
use super::region::{SIDE, voxel_at};

/// Canvas voxels along each side of one of the sketch's.
const CELL: usize = 2;
/// Logit, from the one at which a voxel is taken for a structure, above which it may be one. A coarse look sees a
/// structure cut by its border, and without refinement.
const MAYBE: f32 = -1.5;

/// For each cell the structures that may be there, a bit each in the order of the outputs; those beyond the last bit
/// share it.
pub(super) struct Sketch {
    dims: [usize; 3],
    cell_ml: f64,
    maybe: Vec<u32>,
}

impl Sketch {
    pub(super) fn new(canvas: &Grid) -> Self {
        let dims = canvas.dims.map(|n| n.div_ceil(CELL));
        let cell_mm3 = canvas.affine.voxel_volume_mm3() * CELL.pow(3) as f64;
        Self {
            dims,
            cell_ml: cell_mm3 / 1000.0,
            maybe: vec![0; dims.iter().product()],
        }
    }

    /// Adds what the logits of a window, channels last, say.
    pub(super) fn add(&mut self, start: [usize; 3], logits: &[f32], outputs: &[Output<'_>]) {
        let channels = logits.len() / SIDE.pow(3);
        for (v, logits) in logits.chunks_exact(channels).enumerate() {
            let is_maybe = |o: &Output<'_>| logits[o.channel] - THRESHOLD > MAYBE;
            let maybe = outputs.iter().enumerate().filter(|(_, o)| is_maybe(o));
            let bits = maybe.fold(0, |bits, (n, _)| bits | bit(n));
            if bits != 0 {
                let at = voxel_at(v);
                let [i, j, k] = std::array::from_fn(|d| (start[d] + at[d]) / CELL);
                self.maybe[i + self.dims[0] * (j + self.dims[1] * k)] |= bits;
            }
        }
    }

    /// Forgets what is smaller than `least_ml`, and then, of the structures for which `is_paired` holds, each connected
    /// part, and of the others all of it, unless `may_be` holds for those found in it. Structures go by their place in
    /// the outputs, `count` in all.
    pub(super) fn keep_where(
        &mut self,
        least_ml: f64,
        count: usize,
        is_paired: impl Fn(usize) -> bool,
        may_be: impl Fn(&[usize]) -> bool,
    ) {
        for by_part in [true, false] {
            let members: Vec<usize> = (0..count).filter(|&n| is_paired(n) == by_part).collect();
            let group = members.iter().fold(0, |bits, &n| bits | bit(n));
            let parts = self.parts_of(group, least_ml);
            let organ = |part: u32| if by_part { part } else { part.min(1) } as usize;
            let organs = parts.iter().map(|&p| organ(p)).max().unwrap_or(0);
            let mut cells = vec![vec![0usize; count]; organs + 1];
            for (&part, &maybe) in parts.iter().zip(&self.maybe) {
                for &n in members.iter().filter(|&&n| maybe & bit(n) != 0) {
                    cells[organ(part)][n] += 1;
                }
            }
            let is_kept: Vec<bool> = (0..=organs)
                .map(|o| {
                    let is_large = |&n: &usize| cells[o][n] as f64 * self.cell_ml >= least_ml;
                    let found: Vec<usize> = members.iter().copied().filter(is_large).collect();
                    o > 0 && !found.is_empty() && may_be(&found)
                })
                .collect();
            for (maybe, &part) in self.maybe.iter_mut().zip(&parts) {
                if !is_kept[organ(part)] {
                    *maybe &= !group;
                }
            }
        }
    }

    /// For each cell the connected part, from 1, of the structures of these bits; 0 where there is none, or a small one.
    fn parts_of(&self, bits: u32, least_ml: f64) -> Vec<u32> {
        let mask: Vec<u8> = self.maybe.iter().map(|m| u8::from(m & bits != 0)).collect();
        let (parts, sizes) = connected_components(&mask, self.dims, Connectivity::TwentySix);
        let is_small = |p: u32| p == 0 || sizes[p as usize - 1] as f64 * self.cell_ml < least_ml;
        parts
            .into_iter()
            .map(|p| if is_small(p) { 0 } else { p })
            .collect()
    }

    /// Whether a window holds anything that may be a structure.
    pub(super) fn touches(&self, start: [usize; 3]) -> bool {
        let range = |d: usize| start[d] / CELL..(start[d] + SIDE).div_ceil(CELL).min(self.dims[d]);
        range(2).any(|k| {
            range(1).any(|j| {
                let row = self.dims[0] * (j + self.dims[1] * k);
                let along = range(0);
                self.maybe[row + along.start..row + along.end]
                    .iter()
                    .any(|&m| m != 0)
            })
        })
    }
}

/// The bit of a structure.
fn bit(n: usize) -> u32 {
    1 << n.min(31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Affine;
    use crate::models::Structure;

    /// Logits of a window in which each of two structures may be in a cube of its own; first voxels and sides.
    fn logits(cubes: [(usize, usize); 2]) -> Vec<f32> {
        let is_in = |v: usize, (first, side): (usize, usize)| {
            voxel_at(v)
                .iter()
                .all(|&x| (first..first + side).contains(&x))
        };
        (0..SIDE.pow(3))
            .flat_map(|v| cubes.map(|cube| if is_in(v, cube) { 0.0 } else { -5.0 }))
            .collect()
    }

    #[test]
    fn close_looks_go_where_enough_of_a_region_may_be() {
        let canvas = Grid::new([144, 48, 48], Affine::from_spacing([1.0; 3], [0.0; 3]));
        let structures: Vec<Structure> = ["a", "b"]
            .iter()
            .map(|name| Structure {
                value: 1,
                name: (*name).to_owned(),
                color: None,
                modality: None,
            })
            .collect();
        let outputs: Vec<Output<'_>> = structures
            .iter()
            .enumerate()
            .map(|(channel, structure)| Output { structure, channel })
            .collect();
        let drawn = || {
            let mut sketch = Sketch::new(&canvas);
            sketch.add([0, 0, 0], &logits([(10, 10), (20, 10)]), &outputs);
            sketch.add([96, 0, 0], &logits([(10, 10), (30, 3)]), &outputs);
            sketch
        };
        let places = [[0, 0, 0], [48, 0, 0], [96, 0, 0]];
        let touched = |sketch: &Sketch| places.map(|w| sketch.touches(w));
        assert_eq!(touched(&drawn()), [true, false, true]);
        let both = |found: &[usize]| found.len() == 2;
        let mut by_part = drawn();
        by_part.keep_where(0.3, 2, |_| true, both);
        assert_eq!(
            touched(&by_part),
            [true, false, false],
            "one of them is a speck there"
        );
        let mut together = drawn();
        together.keep_where(0.3, 2, |_| false, both);
        assert_eq!(touched(&together), [true, false, true]);
        together.keep_where(0.3, 2, |_| false, |found| found.len() > 2);
        assert_eq!(touched(&together), [false; 3]);
    }
}
