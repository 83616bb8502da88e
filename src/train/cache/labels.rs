//! What suggests a label: that of a neighbour.

use super::bits::{BitCoder, Chance};
use super::voxels::{Before, Model, code_number};

/// Neighbours that come before, the nearest first.
const NEIGHBOURS: [[isize; 3]; 9] = [
    [-1, 0, 0],
    [0, -1, 0],
    [0, 0, -1],
    [1, -1, 0],
    [0, 1, -1],
    [1, 0, -1],
    [-1, -1, 0],
    [-1, 0, -1],
    [0, -1, -1],
];

/// How many different neighbours are asked.
const ASKED: usize = 4;

/// Asks whether a label is that of a neighbour, one by one; it is written as a number if it is none of theirs.
pub(super) struct LabelModel {
    highest: u16,
    bits: u32,
    /// Whether the label is that of the next neighbour asked, by [`pattern`].
    same: Vec<[Chance; ASKED]>,
    number: Vec<Chance>,
}

impl LabelModel {
    pub fn new(highest: u16) -> Self {
        let bits = u16::BITS - highest.leading_zeros();
        Self {
            highest,
            bits,
            same: vec![[Chance::UNKNOWN; ASKED]; 1 << (NEIGHBOURS.len() + 1)],
            number: vec![Chance::UNKNOWN; 1 << bits],
        }
    }
}

impl Model for LabelModel {
    fn code(&mut self, coder: &mut impl BitCoder, before: &Before<'_>, voxel: u16) -> Option<u16> {
        let around = NEIGHBOURS.map(|steps| before.step(steps));
        let chances = &mut self.same[pattern(around)];
        let new = (0..around.len()).filter(|&n| !around[..n].contains(&around[n]));
        for (chance, n) in chances.iter_mut().zip(new) {
            if coder.code(chance, voxel == around[n]) {
                return Some(around[n]);
            }
        }
        let number = code_number(coder, &mut self.number, self.bits, voxel);
        u16::try_from(number).ok().filter(|v| *v <= self.highest)
    }
}

/// Which neighbours are like the nearest one, whether the next two are alike, and whether the nearest is background.
fn pattern(around: [u16; NEIGHBOURS.len()]) -> usize {
    let like_nearest = around[1..].iter().map(|&label| label == around[0]);
    like_nearest
        .chain([around[1] == around[2], around[0] == 0])
        .fold(0, |pattern, yes| pattern << 1 | usize::from(yes))
}
