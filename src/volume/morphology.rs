//! Clean-up of masks: holes and islands.
//!
//! These work on the mask alone, cut to its bounds by [`Crop`], so that a small structure in a large scan
//! costs little.

use rayon::prelude::*;

use crate::geometry::{VoxelBox, VoxelIndex};

use crate::util::short_debug;

use super::components::{Connectivity, largest_component};
use super::{LabelMap, Mask};

/// A part of a mask: voxels of a box, `i` fastest.
#[derive(Clone, PartialEq, Eq)]
pub struct Crop {
    /// Where in the volume; inside it.
    pub bounds: VoxelBox,
    /// 0 or 1 per voxel of the box.
    pub voxels: Vec<u8>,
}

short_debug! {
    Crop: |crop| format_args!("crop {:?}", crop.bounds);
}

impl Crop {
    /// The voxels of one label, cut to its bounds; `None` when the label is empty.
    pub fn of_label(labels: &LabelMap, value: u16) -> Option<Self> {
        let bounds = label_bounds(labels, value)?;
        Some(Self::of_label_in(labels, value, bounds))
    }

    /// The voxels of one label in a box inside the volume.
    pub fn of_label_in(labels: &LabelMap, value: u16, bounds: VoxelBox) -> Self {
        let mut voxels = Vec::with_capacity(bounds.size().iter().product());
        for row in rows(labels.grid.dims, bounds) {
            voxels.extend(labels.voxels[row].iter().map(|&v| u8::from(v == value)));
        }
        Self { bounds, voxels }
    }

    /// The voxels of a mask, cut to their bounds; `None` when it is empty.
    pub fn of_mask(mask: &Mask) -> Option<Self> {
        let bounds = mask.bounds()?;
        let voxels = rows(mask.grid.dims, bounds).flatten();
        let voxels = voxels.map(|at| u8::from(mask.voxels[at] != 0)).collect();
        Some(Self { bounds, voxels })
    }

    /// Voxels along each axis of the box.
    pub fn dims(&self) -> [usize; 3] {
        self.bounds.size()
    }

    /// Leaves those voxels that `is_wanted` says, asked by their offsets in a volume of these dims.
    pub fn keep_offsets(&mut self, dims: [usize; 3], is_wanted: impl Fn(usize) -> bool) {
        for (voxel, offset) in self
            .voxels
            .iter_mut()
            .zip(rows(dims, self.bounds).flatten())
        {
            *voxel &= u8::from(is_wanted(offset));
        }
    }

    /// The array offset, in a volume of these dims, and the place of each of its voxels.
    pub fn offsets(&self, dims: [usize; 3]) -> impl Iterator<Item = (usize, VoxelIndex)> {
        let VoxelBox { min, .. } = self.bounds;
        let [ni, nj, _] = self.dims();
        let inside = self.voxels.iter().enumerate().filter(|(_, v)| **v != 0);
        inside.map(move |(n, _)| {
            let place = [n % ni, n / ni % nj, n / (ni * nj)];
            let at = [0, 1, 2].map(|d| min[d] + place[d] as i64);
            let [i, j, k] = at.map(|v| v as usize);
            (i + dims[0] * (j + dims[1] * k), VoxelIndex(at))
        })
    }

    /// No voxel of a box.
    pub fn empty(bounds: VoxelBox) -> Self {
        Self {
            bounds,
            voxels: vec![0; bounds.size().iter().product()],
        }
    }

    /// The same over another box: nothing where that reaches further, cut where it does not.
    pub fn moved_to(&self, bounds: VoxelBox) -> Self {
        let mut moved = Self::empty(bounds);
        moved.put(self);
        moved
    }

    /// Takes over the voxels of another crop where the boxes overlap.
    pub fn put(&mut self, other: &Self) {
        let (to, from) = (self.bounds, other.bounds);
        let Some(shared) = to.intersection(from) else {
            return;
        };
        let within = |b: VoxelBox| rows(b.size(), shared.relative_to(b.min));
        for (to, from) in within(to).zip(within(from)) {
            self.voxels[to].copy_from_slice(&other.voxels[from]);
        }
    }

    /// Goes so many voxels further along each axis, inside the volume or not.
    pub fn shift(&mut self, by: [i64; 3]) {
        for (d, by) in by.into_iter().enumerate() {
            self.bounds.min[d] += by;
            self.bounds.max[d] += by;
        }
    }

    /// Number of its voxels.
    pub fn count(&self) -> usize {
        self.voxels.iter().filter(|&&v| v != 0).count()
    }

    /// Whether a voxel belongs to it.
    pub fn holds(&self, voxel: VoxelIndex) -> bool {
        self.place_of(voxel).is_some_and(|at| self.voxels[at] != 0)
    }

    /// Takes a voxel out, if it is in the box.
    pub fn remove(&mut self, voxel: VoxelIndex) {
        if let Some(at) = self.place_of(voxel) {
            self.voxels[at] = 0;
        }
    }

    fn place_of(&self, voxel: VoxelIndex) -> Option<usize> {
        let [ni, nj, _] = self.dims();
        let [i, j, k] = [0, 1, 2].map(|d| (voxel.0[d] - self.bounds.min[d]) as usize);
        self.bounds.contains(voxel).then(|| i + ni * (j + nj * k))
    }

    /// The crop mirrored along an axis: index `n` becomes `sum - n`.
    pub fn mirrored(&self, axis: usize, sum: i64) -> Self {
        let mut mirrored = self.clone();
        mirrored.bounds.min[axis] = sum - self.bounds.max[axis];
        mirrored.bounds.max[axis] = sum - self.bounds.min[axis];
        for index in self.bounds.min[axis]..=self.bounds.max[axis] {
            let mut slice = self.moved_to(self.bounds.slice(axis, index));
            slice.bounds = self.bounds.slice(axis, sum - index);
            mirrored.put(&slice);
        }
        mirrored
    }

    /// The voxels of both boxes that belong to it as `keep(in this one, in the other)` says.
    pub fn combined(&self, other: &Self, keep: impl Fn(bool, bool) -> bool) -> Self {
        let bounds = self.bounds.union(other.bounds);
        let (a, b) = (self.moved_to(bounds), other.moved_to(bounds));
        let pairs = a.voxels.iter().zip(&b.voxels);
        Self {
            bounds,
            voxels: pairs
                .map(|(&a, &b)| u8::from(keep(a != 0, b != 0)))
                .collect(),
        }
    }

    /// The crop with its holes filled: background that is not 6-connected to the border of the box.
    pub fn holes_filled(&self) -> Self {
        Self {
            bounds: self.bounds,
            voxels: fill_holes(&self.voxels, self.dims()),
        }
    }

    /// The crop with the holes of each slice across an axis filled: background that is not 4-connected to the border of
    /// the box in that slice.
    pub fn holes_filled_across(&self, axis: usize) -> Self {
        Self {
            bounds: self.bounds,
            voxels: fill_holes_along(
                &self.voxels,
                self.dims(),
                std::array::from_fn(|d| d != axis),
            ),
        }
    }

    /// The largest 26-connected piece alone.
    pub fn largest_island(&self) -> Self {
        Self {
            bounds: self.bounds,
            voxels: largest_component(&self.voxels, self.dims(), Connectivity::TwentySix)
                .unwrap_or_default(),
        }
    }
}

/// The array offsets of each row (along `i`) of a box inside a volume of these dims, ascending.
pub fn rows(
    dims: [usize; 3],
    bounds: VoxelBox,
) -> impl Iterator<Item = std::ops::Range<usize>> + Clone {
    let [ni, nj, _] = dims;
    (bounds.min[2]..=bounds.max[2]).flat_map(move |k| {
        (bounds.min[1]..=bounds.max[1]).map(move |j| {
            let row = ni * (j as usize + nj * k as usize);
            row + bounds.min[0] as usize..row + bounds.max[0] as usize + 1
        })
    })
}

/// The tight box around one label's voxels; `None` when it has none. Slices are looked through side by side: the window
/// waits for this in scans of hundreds of megabytes.
pub fn label_bounds(labels: &LabelMap, value: u16) -> Option<VoxelBox> {
    let [ni, nj, _] = labels.grid.dims;
    let slices = labels.voxels.par_chunks_exact(ni * nj).enumerate();
    slices
        .filter_map(|(k, slice)| label_bounds_in_slice(slice, ni, k as i64, value))
        .reduce_with(VoxelBox::union)
}

fn label_bounds_in_slice(slice: &[u16], ni: usize, k: i64, value: u16) -> Option<VoxelBox> {
    let boxes = slice.chunks_exact(ni).enumerate().filter_map(|(j, line)| {
        // Most rows have none, and `contains` sees that many voxels at a time.
        if !line.contains(&value) {
            return None;
        }
        let first = line.iter().position(|&v| v == value)?;
        let last = line.iter().rposition(|&v| v == value)?;
        Some(VoxelBox {
            min: [first as i64, j as i64, k],
            max: [last as i64, j as i64, k],
        })
    });
    boxes.reduce(VoxelBox::union)
}

/// The mask (0 or 1 per voxel) with its holes filled: background that is not 6-connected to the border.
pub fn fill_holes(mask: &[u8], dims: [usize; 3]) -> Vec<u8> {
    fill_holes_along(mask, dims, [true; 3])
}

/// As [`fill_holes`], where only steps along some axes connect, and only the faces at their ends are a border.
fn fill_holes_along(mask: &[u8], dims: [usize; 3], along: [bool; 3]) -> Vec<u8> {
    const OUTSIDE: u8 = 2;
    let mut state: Vec<u8> = mask.iter().map(|&v| u8::from(v != 0)).collect();
    let mut stack: Vec<usize> = border(dims, along).collect();
    let step = [1, dims[0], dims[0] * dims[1]];
    while let Some(at) = stack.pop() {
        if state[at] != 0 {
            continue;
        }
        state[at] = OUTSIDE;
        let position = [at % dims[0], at / dims[0] % dims[1], at / step[2]];
        for d in (0..3).filter(|&d| along[d]) {
            if position[d] > 0 && state[at - step[d]] == 0 {
                stack.push(at - step[d]);
            }
            if position[d] + 1 < dims[d] && state[at + step[d]] == 0 {
                stack.push(at + step[d]);
            }
        }
    }
    state.iter().map(|&v| u8::from(v != OUTSIDE)).collect()
}

/// Offsets of the voxels on the faces at the ends of these axes; those on edges may come more than once.
fn border(dims: [usize; 3], along: [bool; 3]) -> impl Iterator<Item = usize> {
    let [ni, nj, nk] = dims;
    let at_end = move |d: usize, index: usize| along[d] && (index == 0 || index + 1 == dims[d]);
    (0..nk).flat_map(move |k| {
        (0..nj).flat_map(move |j| {
            let row = ni * (j + nj * k);
            let whole = at_end(1, j) || at_end(2, k);
            let step = if whole || ni == 1 { 1 } else { ni - 1 };
            let row = if whole || along[0] {
                row..row + ni
            } else {
                row..row
            };
            row.step_by(step)
        })
    })
}
