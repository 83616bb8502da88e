//! What suggests a scan's value: its neighbours, along edges rather than across them.

use super::bits::{BitCoder, Chance};
use super::voxels::{Before, Model, code_number};

/// Errors from here on are written as plain numbers.
const LONG: u16 = 30;

/// How much the neighbours differ among themselves, in steps: where they agree, the suggestion is good.
const UNREST: [i32; 11] = [1, 3, 6, 10, 15, 21, 28, 38, 50, 70, 100];

/// The chances at one degree of unrest.
#[derive(Clone, Copy)]
struct Chances {
    negative: Chance,
    /// Whether the error is longer than 0, 1, 2, ...
    longer: [Chance; LONG as usize],
}

/// Suggests a value by LOCO-I's edge detector, the median over the three planes.
pub(super) struct ValueModel {
    highest: u16,
    chances: [Chances; UNREST.len() + 1],
    long: Vec<Chance>,
}

impl ValueModel {
    pub fn new(highest: u16) -> Self {
        let chances = Chances {
            negative: Chance::UNKNOWN,
            longer: [Chance::UNKNOWN; LONG as usize],
        };
        Self {
            highest,
            chances: [chances; UNREST.len() + 1],
            long: vec![Chance::UNKNOWN; 1 << u16::BITS],
        }
    }
}

impl Model for ValueModel {
    fn code(&mut self, coder: &mut impl BitCoder, before: &Before<'_>, voxel: u16) -> Option<u16> {
        let (suggested, unrest) = suggestion(before);
        let error = i32::from(voxel) - suggested;
        let chances = &mut self.chances[UNREST.partition_point(|&step| step <= unrest)];
        let size = error.unsigned_abs() as u16;
        let mut coded = 0;
        while coded < LONG && coder.code(&mut chances.longer[usize::from(coded)], size > coded) {
            coded += 1;
        }
        let mut length = i32::from(coded);
        if coded == LONG {
            let rest = size.saturating_sub(LONG);
            length += code_number(coder, &mut self.long, u16::BITS, rest) as i32;
        }
        let negative = length > 0 && coder.code(&mut chances.negative, error < 0);
        let value = suggested + if negative { -length } else { length };
        u16::try_from(value).ok().filter(|v| *v <= self.highest)
    }
}

/// The value that the neighbours suggest, and how much they differ.
fn suggestion(before: &Before<'_>) -> (i32, i32) {
    let at = |steps| i32::from(before.step(steps));
    let (i, j, k) = (at([-1, 0, 0]), at([0, -1, 0]), at([0, 0, -1]));
    let (ij, ik, jk) = (at([-1, -1, 0]), at([-1, 0, -1]), at([0, -1, -1]));
    let planes = [
        along_edge(i, j, ij),
        along_edge(i, k, ik),
        along_edge(j, k, jk),
    ];
    let unrest = [i - ij, j - ij, i - ik, k - ik, j - jk, k - jk];
    (median(planes), unrest.iter().map(|d| d.abs()).sum())
}

/// The fourth corner of a square, of which two and the one between them are known: on their plane, within their range.
fn along_edge(a: i32, b: i32, between: i32) -> i32 {
    (a + b - between).clamp(a.min(b), a.max(b))
}

fn median([a, b, c]: [i32; 3]) -> i32 {
    a.max(b).min(a.min(b).max(c))
}
