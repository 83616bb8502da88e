//! Connected components of a binary mask.

use std::collections::VecDeque;

/// Which voxels count as neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    /// Voxels that share a face.
    Six,
    /// Voxels that share a face, an edge or a corner.
    TwentySix,
}

impl Connectivity {
    /// The steps to all neighbours.
    fn steps(self) -> Vec<[isize; 3]> {
        (0..27isize)
            .map(|n| [n % 3 - 1, n / 3 % 3 - 1, n / 9 - 1])
            .filter(|s| match self {
                Self::Six => s.iter().map(|v| v.abs()).sum::<isize>() == 1,
                Self::TwentySix => *s != [0, 0, 0],
            })
            .collect()
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
    assert_eq!(
        mask.len(),
        dims.iter().product::<usize>(),
        "the mask must fill the grid"
    );
    let steps = connectivity.steps();
    let mut labels = vec![0u32; mask.len()];
    let mut sizes = Vec::new();
    let mut front = VecDeque::new();
    for seed in 0..mask.len() {
        if mask[seed] == 0 || labels[seed] != 0 {
            continue;
        }
        let label = sizes.len() as u32 + 1;
        let mut size = 0usize;
        labels[seed] = label;
        front.push_back(seed);
        while let Some(at) = front.pop_front() {
            size += 1;
            for next in neighbours(at, dims, &steps) {
                if mask[next] != 0 && labels[next] == 0 {
                    labels[next] = label;
                    front.push_back(next);
                }
            }
        }
        sizes.push(size);
    }
    (labels, sizes)
}

/// The voxels of the largest component as a 0/1 mask, the first of equals; `None` when the mask is empty.
pub fn largest_component(
    mask: &[u8],
    dims: [usize; 3],
    connectivity: Connectivity,
) -> Option<Vec<u8>> {
    let (labels, sizes) = connected_components(mask, dims, connectivity);
    let best = (0..sizes.len()).max_by_key(|&c| (sizes[c], std::cmp::Reverse(c)))?;
    let label = best as u32 + 1;
    Some(labels.iter().map(|&l| u8::from(l == label)).collect())
}

/// Offsets of the neighbours of `at` that lie inside the grid.
fn neighbours(
    at: usize,
    dims: [usize; 3],
    steps: &[[isize; 3]],
) -> impl Iterator<Item = usize> + '_ {
    let [ni, nj, _] = dims;
    let position = [at % ni, at / ni % nj, at / (ni * nj)];
    steps.iter().filter_map(move |step| {
        let mut next = [0usize; 3];
        for d in 0..3 {
            next[d] = position[d]
                .checked_add_signed(step[d])
                .filter(|&p| p < dims[d])?;
        }
        Some(next[0] + ni * (next[1] + nj * next[2]))
    })
}
