//! What tasks do to their labels at the spacing at which they run, after all networks.

use serde::{Deserialize, Serialize};

use crate::volume::components::{Connectivity, Pieces};

use super::vertebrae::number_vertebrae;

/// Labels of a grid of superior, anterior, right.
pub(in crate::models::nnunet) struct WorkingLabels<'a> {
    /// The labels, the last axis fastest.
    pub labels: &'a mut [u16],
    /// Lengths of the axes.
    pub dims: [usize; 3],
    /// Spacing along them.
    pub spacing_mm: [f64; 3],
}

/// A rule of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Rule {
    /// Of a label only the largest piece stays.
    KeepLargest {
        /// The label.
        label: u16,
    },
    /// Pieces of a label that are no larger than so many cubic millimetres go.
    DropSmall {
        /// The label.
        label: u16,
        /// How many.
        most_mm3: f64,
    },
    /// Vertebral bodies that run into each other get their numbers anew, and all that they lost to the training grows
    /// back.
    NumberVertebrae {
        /// The label of the first cervical vertebra, the topmost.
        first: u16,
        /// The label of the last lumbar vertebra, the lowest.
        last: u16,
    },
}

impl Rule {
    /// Applies it.
    pub(in crate::models::nnunet) fn apply(&self, to: &mut WorkingLabels<'_>) {
        match *self {
            Self::KeepLargest { label } => keep_largest(to, label),
            Self::DropSmall { label, most_mm3 } => drop_small(to, label, most_mm3),
            Self::NumberVertebrae { first, last } => number_vertebrae(to, first, last),
        }
    }
}

impl WorkingLabels<'_> {
    /// The pieces of the voxels whose labels are meant, joined face to face.
    pub(super) fn pieces(&self, is_meant: impl Fn(u16) -> bool) -> Pieces {
        let mask: Vec<u8> = self.labels.iter().map(|&l| u8::from(is_meant(l))).collect();
        let [planes, rows, columns] = self.dims;
        Pieces::of(&mask, [columns, rows, planes], Connectivity::Six)
    }

    /// Volume of a voxel.
    pub(super) fn voxel_mm3(&self) -> f64 {
        self.spacing_mm.iter().product()
    }

    /// Slice, row and column of an offset.
    pub(super) fn place(&self, offset: usize) -> [usize; 3] {
        let [_, rows, columns] = self.dims;
        [
            offset / columns / rows,
            offset / columns % rows,
            offset % columns,
        ]
    }
}

/// `keep_largest_blob_multilabel`: of pieces that tie, that stays which comes first along right, then anterior, then
/// superior.
fn keep_largest(to: &mut WorkingLabels<'_>, label: u16) {
    let pieces = to.pieces(|l| l == label);
    let mut first_at = vec![[usize::MAX; 3]; pieces.sizes().len()];
    for (run, piece) in pieces.runs() {
        let [superior, anterior, right] = to.place(run.start);
        let first = &mut first_at[piece as usize - 1];
        *first = (*first).min([right, anterior, superior]);
    }
    let sizes = pieces.sizes();
    let largest = (0..sizes.len()).max_by(|&a, &b| {
        let by_size = sizes[a].cmp(&sizes[b]);
        by_size.then_with(|| first_at[b].cmp(&first_at[a]))
    });
    for (run, piece) in pieces.runs() {
        if largest.is_some_and(|largest| largest + 1 != piece as usize) {
            to.labels[run.clone()].fill(0);
        }
    }
}

/// `remove_small_blobs_multilabel`
fn drop_small(to: &mut WorkingLabels<'_>, label: u16, most_mm3: f64) {
    let most = most_mm3 / to.voxel_mm3();
    let pieces = to.pieces(|l| l == label);
    for (run, piece) in pieces.runs() {
        if pieces.sizes()[piece as usize - 1] as f64 <= most {
            to.labels[run.clone()].fill(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(
        rule: &Rule,
        mut labels: Vec<u16>,
        dims: [usize; 3],
        spacing_mm: [f64; 3],
    ) -> Vec<u16> {
        rule.apply(&mut WorkingLabels {
            labels: &mut labels,
            dims,
            spacing_mm,
        });
        labels
    }

    #[test]
    fn the_largest_piece_stays_and_of_two_that_tie_the_one_more_to_the_left() {
        let rule = Rule::KeepLargest { label: 1 };
        // Pieces of 3 and 4 voxels, which touch by an edge only.
        let rows = vec![1, 1, 0, 0, 0, 0, 2, 2, 1, 0, 1, 1, 1, 1, 0, 0];
        let kept = after(&rule, rows, [1, 2, 8], [1.0; 3]);
        assert_eq!(kept, [0, 0, 0, 0, 0, 0, 2, 2, 0, 0, 1, 1, 1, 1, 0, 0]);
        // SciPy goes along the last of right, anterior, superior first: the column that is more to the left has the
        // first voxel, in whatever slice.
        let slices = vec![0, 0, 1, 1, 0, 0];
        assert_eq!(
            after(&rule, slices, [2, 1, 3], [1.0; 3]),
            [0, 0, 0, 1, 0, 0]
        );
    }

    #[test]
    fn pieces_of_exactly_the_limit_go_too() {
        let rule = Rule::DropSmall {
            label: 2,
            most_mm3: 24.0,
        };
        let row = vec![2, 2, 0, 2, 2, 2, 0, 1];
        let kept = after(&rule, row, [1, 1, 8], [3.0, 2.0, 2.0]);
        assert_eq!(kept, [0, 0, 0, 2, 2, 2, 0, 1]);
    }
}
