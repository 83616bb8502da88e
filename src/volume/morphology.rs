//! Clean-up of masks: holes and islands.
//!
//! These work on the mask alone, cut to its bounds by [`Crop`], so that a small structure in a large scan
//! costs little.

use crate::geometry::VoxelBox;

use super::LabelMap;
use super::components::{Connectivity, largest_component};

/// A part of a mask: voxels of a box, `i` fastest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crop {
    /// Where in the volume; inside it.
    pub bounds: VoxelBox,
    /// 0 or 1 per voxel of the box.
    pub voxels: Vec<u8>,
}

impl Crop {
    /// The voxels of one label, cut to its bounds; `None` when the label is empty.
    pub fn of_label(labels: &LabelMap, value: u16) -> Option<Self> {
        let bounds = label_bounds(labels, value)?;
        let mut voxels = Vec::with_capacity(bounds.size().iter().product());
        for row in rows(labels.grid.dims, bounds) {
            voxels.extend(labels.voxels[row].iter().map(|&v| u8::from(v == value)));
        }
        Some(Self { bounds, voxels })
    }

    /// Voxels along each axis of the box.
    pub fn dims(&self) -> [usize; 3] {
        self.bounds.size()
    }

    /// The crop with its holes filled: background that is not 6-connected to the border of the box.
    pub fn holes_filled(&self) -> Self {
        Self {
            bounds: self.bounds,
            voxels: fill_holes(&self.voxels, self.dims()),
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

/// The tight box around one label's voxels; `None` when it has none.
pub fn label_bounds(labels: &LabelMap, value: u16) -> Option<VoxelBox> {
    let [ni, nj, _] = labels.grid.dims;
    let mut found: Option<VoxelBox> = None;
    for (row, line) in labels.voxels.chunks_exact(ni).enumerate() {
        // Most rows have none, and `contains` sees that many voxels at a time.
        if !line.contains(&value) {
            continue;
        }
        let first = line.iter().position(|&v| v == value).unwrap_or(0);
        let last = line.iter().rposition(|&v| v == value).unwrap_or(first);
        let (j, k) = ((row % nj) as i64, (row / nj) as i64);
        let line_box = VoxelBox {
            min: [first as i64, j, k],
            max: [last as i64, j, k],
        };
        found = Some(found.map_or(line_box, |b| b.union(line_box)));
    }
    found
}

/// The mask (0 or 1 per voxel) with its holes filled: background that is not 6-connected to the border.
pub fn fill_holes(mask: &[u8], dims: [usize; 3]) -> Vec<u8> {
    const OUTSIDE: u8 = 2;
    let mut state: Vec<u8> = mask.iter().map(|&v| u8::from(v != 0)).collect();
    let mut stack: Vec<usize> = border(dims).collect();
    let step = [1, dims[0], dims[0] * dims[1]];
    while let Some(at) = stack.pop() {
        if state[at] != 0 {
            continue;
        }
        state[at] = OUTSIDE;
        let position = [at % dims[0], at / dims[0] % dims[1], at / step[2]];
        for d in 0..3 {
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

/// Offsets of the voxels on the six faces; those on edges come more than once.
fn border(dims: [usize; 3]) -> impl Iterator<Item = usize> {
    let [ni, nj, nk] = dims;
    (0..nk).flat_map(move |k| {
        (0..nj).flat_map(move |j| {
            let row = ni * (j + nj * k);
            let inner = j > 0 && j + 1 < nj && k > 0 && k + 1 < nk && ni > 1;
            let step = if inner { ni - 1 } else { 1 };
            (row..row + ni).step_by(step)
        })
    })
}
