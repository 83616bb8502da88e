//! Answers on a case that was left out, kept small until a picture of them is drawn.

use serde::{Deserialize, Serialize};

use crate::util::short_debug;
use crate::volume::{Grid, Mask, Runs};

/// What a picture of a case shows beside the scan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Pictured {
    /// What its user drew.
    pub truth: Shape,
    /// What was found before.
    pub before: Shape,
    /// What is found after.
    pub after: Shape,
}

/// The voxels of a mask, run-length coded: offset of the first voxel and number of voxels.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Shape(Vec<[usize; 2]>);

short_debug! {
    Shape: |shape| format_args!("{} runs", shape.0.len());
}

impl Shape {
    /// The voxels of a mask.
    pub fn of(mask: &Mask) -> Self {
        let runs = Runs::of_nonzero(&mask.voxels);
        Self(runs.iter().map(|r| [r.start, r.len as usize]).collect())
    }

    /// The mask on its grid; what lies outside of it is not there.
    pub fn mask(&self, grid: Grid) -> Mask {
        let mut mask = Mask::empty(grid);
        for &[start, len] in &self.0 {
            let end = start.saturating_add(len);
            if let Some(run) = mask.voxels.get_mut(start..end) {
                run.fill(1);
            }
        }
        mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Affine;

    #[test]
    fn a_mask_comes_back_and_what_fits_no_grid_does_no_harm() {
        let grid = Grid::new([4, 3, 2], Affine::from_spacing([1.0; 3], [0.0; 3]));
        let mut mask = Mask::empty(grid);
        for at in [2, 3, 4, 23] {
            mask.voxels[at] = 1;
        }
        let shape = Shape::of(&mask);
        assert_eq!(shape.mask(grid).voxels, mask.voxels);
        let smaller = Grid::new([4, 3, 1], grid.affine);
        assert_eq!(shape.mask(smaller).count(), 3);
        assert_eq!(Shape(vec![[usize::MAX, 2]]).mask(grid).count(), 0);
    }
}
