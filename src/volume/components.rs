//! Connected components of a binary mask.
//!
//! Voxels are joined row by row as runs along `i`, with a union-find over the runs: the work goes with the
//! number of runs, not of voxels.

use std::ops::Range;

/// Which voxels count as neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    /// Voxels that share a face.
    Six,
    /// Voxels that share a face, an edge or a corner.
    TwentySix,
}

impl Connectivity {
    /// The steps `[dj, dk]` to the neighbouring rows that come earlier in the array.
    fn earlier_rows(self) -> &'static [[isize; 2]] {
        match self {
            Self::Six => &[[-1, 0], [0, -1]],
            Self::TwentySix => &[[-1, 0], [-1, -1], [0, -1], [1, -1]],
        }
    }

    /// How many voxels apart along `i` runs of neighbouring rows may be and still touch.
    fn slack(self) -> usize {
        match self {
            Self::Six => 0,
            Self::TwentySix => 1,
        }
    }
}

/// Labels the connected components of `mask` (`i` fastest, any non-zero voxel is inside).
///
/// Returns a label per voxel, 0 outside and 1, 2, .. in the order in which the components' first voxels
/// occur in the array, and the number of voxels of each component (`sizes[0]` is label 1's).
///
/// # Panics
/// If the mask does not fill `dims`.
pub fn connected_components(
    mask: &[u8],
    dims: [usize; 3],
    connectivity: Connectivity,
) -> (Vec<u32>, Vec<usize>) {
    let pieces = Pieces::of(mask, dims, connectivity);
    let mut labels = vec![0u32; mask.len()];
    for (run, label) in pieces.runs() {
        labels[run.clone()].fill(label);
    }
    (labels, pieces.sizes)
}

/// The largest component as a 0/1 mask, the first of equals; `None` when the mask is empty.
///
/// # Panics
/// If the mask does not fill `dims`.
pub fn largest_component(
    mask: &[u8],
    dims: [usize; 3],
    connectivity: Connectivity,
) -> Option<Vec<u8>> {
    let pieces = Pieces::of(mask, dims, connectivity);
    let sizes = &pieces.sizes;
    let best = (0..sizes.len()).max_by_key(|&c| (sizes[c], std::cmp::Reverse(c)))?;
    let mut largest = vec![0u8; mask.len()];
    for (run, label) in pieces.runs() {
        if label as usize == best + 1 {
            largest[run.clone()].fill(1);
        }
    }
    Some(largest)
}

/// The runs of a mask and the component of each.
#[derive(Debug, Clone)]
pub struct Pieces {
    /// Array offsets, ascending; no run goes over the end of a row.
    runs: Vec<Range<usize>>,
    /// From 1, in the order of first runs.
    labels: Vec<u32>,
    /// Voxels of each component.
    sizes: Vec<usize>,
}

impl Pieces {
    /// The components of `mask` (`i` fastest, any non-zero voxel is inside).
    ///
    /// # Panics
    /// If the mask does not fill `dims`.
    pub fn of(mask: &[u8], dims: [usize; 3], connectivity: Connectivity) -> Self {
        assert_eq!(
            mask.len(),
            dims.iter().product::<usize>(),
            "the mask must fill the grid"
        );
        let (runs, rows) = runs_by_row(mask, dims[0]);
        let mut parents: Vec<u32> = (0..runs.len() as u32).collect();
        let (nj, nk) = (dims[1] as isize, dims[2] as isize);
        for row in 0..rows.len() {
            let (j, k) = (row as isize % nj, row as isize / nj);
            for [dj, dk] in connectivity.earlier_rows() {
                let (other_j, other_k) = (j + dj, k + dk);
                if (0..nj).contains(&other_j) && (0..nk).contains(&other_k) {
                    let other = (other_j + nj * other_k) as usize;
                    let apart = (row - other) * dims[0];
                    let pair = [rows[other].clone(), rows[row].clone()];
                    join_rows(&runs, pair, apart, connectivity.slack(), &mut parents);
                }
            }
        }
        Self::numbered(runs, parents)
    }

    /// Each run (array offsets, within one row, ascending) with the label of its component, from 1.
    pub fn runs(&self) -> impl Iterator<Item = (&Range<usize>, u32)> {
        self.runs.iter().zip(self.labels.iter().copied())
    }

    /// Voxels of each component; label 1's come first.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// The label of the component at an array offset, 0 where there is none.
    pub fn at(&self, offset: usize) -> u32 {
        let after = self.runs.partition_point(|run| run.end <= offset);
        match self.runs.get(after) {
            Some(run) if run.contains(&offset) => self.labels[after],
            _ => 0,
        }
    }

    /// Numbers the components in the order of their first runs.
    fn numbered(runs: Vec<Range<usize>>, mut parents: Vec<u32>) -> Self {
        let mut labels: Vec<u32> = Vec::with_capacity(runs.len());
        let mut sizes = Vec::new();
        for (n, run) in runs.iter().enumerate() {
            let root = root_of(&mut parents, n as u32) as usize;
            // A root is the first run of its component, so it has its label already.
            let label = if root == n {
                sizes.push(0);
                sizes.len() as u32
            } else {
                labels[root]
            };
            labels.push(label);
            sizes[label as usize - 1] += run.len();
        }
        Self {
            runs,
            labels,
            sizes,
        }
    }
}

/// The runs of non-zero voxels, and for each row which of the runs are its own.
fn runs_by_row(mask: &[u8], ni: usize) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
    let mut runs = Vec::new();
    let mut rows = Vec::new();
    for (row, line) in mask.chunks_exact(ni.max(1)).enumerate() {
        let first = runs.len();
        let mut at = 0;
        while let Some(gap) = line[at..].iter().position(|&v| v != 0) {
            let start = at + gap;
            let len = line[start..].iter().position(|&v| v == 0);
            at = len.map_or(line.len(), |len| start + len);
            runs.push(row * ni + start..row * ni + at);
        }
        rows.push(first..runs.len());
    }
    (runs, rows)
}

/// Joins the runs of two neighbouring rows that touch; the second row's offsets are `apart` higher.
fn join_rows(
    runs: &[Range<usize>],
    [earlier, later]: [Range<usize>; 2],
    apart: usize,
    slack: usize,
    parents: &mut [u32],
) {
    let (mut a, mut b) = (earlier.start, later.start);
    while a < earlier.end && b < later.end {
        let (above, below) = (runs[a].start + apart..runs[a].end + apart, runs[b].clone());
        if above.start < below.end + slack && below.start < above.end + slack {
            let (x, y) = (root_of(parents, a as u32), root_of(parents, b as u32));
            parents[x.max(y) as usize] = x.min(y);
        }
        if above.end < below.end {
            a += 1;
        } else {
            b += 1;
        }
    }
}

/// The first run of the component that a run is in, as far as known; shortens the way there.
fn root_of(parents: &mut [u32], mut run: u32) -> u32 {
    while parents[run as usize] != run {
        let next = parents[parents[run as usize] as usize];
        parents[run as usize] = next;
        run = next;
    }
    run
}
