//! The pieces of a mask by size.

use std::cmp::Reverse;

use super::components::{Connectivity, Pieces};
use super::morphology::Crop;

/// The pieces of a crop, ranked: the largest is the first, of equals the one with the lowest voxel in i, then j, then k.
#[derive(Debug, Clone)]
pub struct Islands {
    pieces: Pieces,
    /// The rank of each piece, from 0.
    ranks: Vec<usize>,
    /// Voxels by rank.
    sizes: Vec<usize>,
}

impl Crop {
    /// The pieces of the crop.
    pub fn islands(&self, connectivity: Connectivity) -> Islands {
        let pieces = Pieces::of(&self.voxels, self.dims(), connectivity);
        let [ni, nj, _] = self.dims();
        let mut first = vec![[usize::MAX; 3]; pieces.sizes().len()];
        for (run, label) in pieces.runs() {
            let at = [run.start % ni, run.start / ni % nj, run.start / (ni * nj)];
            let first = &mut first[label as usize - 1];
            *first = at.min(*first);
        }
        let mut order: Vec<usize> = (0..first.len()).collect();
        order.sort_unstable_by_key(|&piece| (Reverse(pieces.sizes()[piece]), first[piece]));
        let mut ranks = vec![0; order.len()];
        for (rank, &piece) in order.iter().enumerate() {
            ranks[piece] = rank;
        }
        Islands {
            sizes: order.iter().map(|&piece| pieces.sizes()[piece]).collect(),
            pieces,
            ranks,
        }
    }
}

impl Islands {
    /// Voxels of each piece, by rank.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// The pieces whose rank is wanted; `of` is the crop that they are pieces of.
    pub fn kept(&self, of: &Crop, is_wanted: impl Fn(usize) -> bool) -> Crop {
        Crop {
            bounds: of.bounds,
            voxels: self.painted(of, |rank| u8::from(is_wanted(rank))),
        }
    }

    /// For each voxel of the crop that they are pieces of what `value_of(rank)` says, nothing where there is no piece.
    pub fn painted<T: Copy + Default>(&self, of: &Crop, value_of: impl Fn(usize) -> T) -> Vec<T> {
        let mut painted = vec![T::default(); of.voxels.len()];
        for (run, label) in self.pieces.runs() {
            painted[run.clone()].fill(value_of(self.ranks[label as usize - 1]));
        }
        painted
    }
}
