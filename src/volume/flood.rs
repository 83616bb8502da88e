//! The connected region around a voxel, as far as voxels are accepted.

use std::ops::Range;

use crate::geometry::{VoxelBox, VoxelIndex};

use super::Grid;
use super::morphology::Crop;

/// The voxels of a box that are joined to `seed` face to face by voxels that `accepts(array offset)` says, the seed
/// included. `None` where the seed is not accepted or not in the box. The work goes with the region, not with the box.
pub fn flooded(
    grid: &Grid,
    within: VoxelBox,
    seed: VoxelIndex,
    accepts: impl Fn(usize) -> bool,
) -> Option<Crop> {
    let within = within.clipped(grid.dims)?;
    let start = grid.offset_of(seed)?;
    if !within.contains(seed) || !accepts(start) {
        return None;
    }
    let mut flood = Flood {
        grid,
        within,
        seen: Bits::new(within.size().iter().product()),
        runs: Vec::new(),
    };
    let mut stack = vec![start];
    while let Some(at) = stack.pop() {
        if !flood.seen.holds(flood.place(at)) {
            let run = flood.take_run(at, &accepts);
            flood.neighbours(&run, &accepts, &mut stack);
            flood.runs.push(run);
        }
    }
    Some(crop_of(grid, &flood.runs))
}

struct Flood<'a> {
    grid: &'a Grid,
    within: VoxelBox,
    seen: Bits,
    runs: Vec<Range<usize>>,
}

impl Flood<'_> {
    /// The accepted voxels around `at` in its row; they are seen from then on.
    fn take_run(&mut self, at: usize, accepts: &impl Fn(usize) -> bool) -> Range<usize> {
        let row = at - at % self.grid.dims[0];
        let (first, last) = (
            row + self.within.min[0] as usize,
            row + self.within.max[0] as usize,
        );
        let mut run = at..at + 1;
        while run.start > first && accepts(run.start - 1) {
            run.start -= 1;
        }
        while run.end <= last && accepts(run.end) {
            run.end += 1;
        }
        let place = self.place(run.start);
        (place..place + run.len()).for_each(|place| self.seen.add(place));
        run
    }

    /// Where a voxel of the box is in the bits.
    fn place(&self, offset: usize) -> usize {
        let at = self.grid.voxel_at(offset).0;
        let [i, j, k] = [0, 1, 2].map(|d| (at[d] - self.within.min[d]) as usize);
        let [ni, nj, _] = self.within.size();
        i + ni * (j + nj * k)
    }

    /// Puts one voxel of every accepted stretch of the four neighbouring rows on the stack.
    fn neighbours(
        &self,
        run: &Range<usize>,
        accepts: &impl Fn(usize) -> bool,
        stack: &mut Vec<usize>,
    ) {
        let at = self.grid.voxel_at(run.start);
        for (axis, by) in [(1, -1), (1, 1), (2, -1), (2, 1)] {
            let mut other = at;
            other.0[axis] += by;
            if !self.within.contains(other) {
                continue;
            }
            let Some(start) = self.grid.offset_of(other) else {
                continue;
            };
            let mut joins = false;
            let place = self.place(start);
            for (n, offset) in (start..start + run.len()).enumerate() {
                let is_new = !self.seen.holds(place + n) && accepts(offset);
                if is_new && !joins {
                    stack.push(offset);
                }
                joins = is_new;
            }
        }
    }
}

fn crop_of(grid: &Grid, runs: &[Range<usize>]) -> Crop {
    let box_of = |run: &Range<usize>| {
        VoxelBox::from_corners(grid.voxel_at(run.start), grid.voxel_at(run.end - 1))
    };
    let bounds = runs.iter().map(box_of).reduce(VoxelBox::union);
    let mut crop = Crop::empty(bounds.unwrap_or(grid.bounds()));
    let [ni, nj, _] = crop.dims();
    for run in runs {
        let [i, j, k] = grid.voxel_at(run.start).0;
        let [i0, j0, k0] = crop.bounds.min;
        let at = (i - i0) as usize + ni * ((j - j0) as usize + nj * (k - k0) as usize);
        crop.voxels[at..at + run.len()].fill(1);
    }
    crop
}

/// A bit for each voxel.
struct Bits(Vec<u64>);

impl Bits {
    fn new(len: usize) -> Self {
        Self(vec![0; len.div_ceil(64)])
    }

    fn holds(&self, at: usize) -> bool {
        self.0[at / 64] >> (at % 64) & 1 != 0
    }

    fn add(&mut self, at: usize) {
        self.0[at / 64] |= 1 << (at % 64);
    }
}
