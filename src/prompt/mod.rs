//! What a user points at: clicks and a 3D box, on the scan's own voxel grid.

mod simulated;

use crate::geometry::{VoxelBox, VoxelIndex};
use crate::volume::Grid;

pub use simulated::{correcting_click, loosened_box};

/// Whether a click says "this is it" or "this is not".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Polarity {
    /// Inside the target.
    Positive,
    /// Outside the target.
    Negative,
}

/// One click.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Click {
    /// The clicked voxel.
    pub voxel: VoxelIndex,
    /// Inside or outside.
    pub polarity: Polarity,
}

/// Everything pointed at for one target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct PromptSet {
    /// Clicks in the order they were made.
    pub clicks: Vec<Click>,
    /// The 3D box, corners included.
    pub target_box: Option<VoxelBox>,
}

/// Why prompts cannot be used on a scan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// Nothing was pointed at.
    #[error("no prompt given: click on the target or draw a box around it")]
    Empty,
    /// A click lies outside the scan.
    #[error("click {0},{1},{2} is outside the scan of {3}x{4}x{5} voxels: give a voxel inside it")]
    ClickOutside(i64, i64, i64, usize, usize, usize),
    /// A box has no voxel inside the scan.
    #[error("the box has no voxel inside the scan of {0}x{1}x{2} voxels: give corners inside it")]
    BoxOutside(usize, usize, usize),
}

/// Share of a box's sides that a target may reach beyond it on either side, where a target so far and clicks correct what
/// the box said.
pub const REFINED_SLACK: f64 = 0.25;

impl PromptSet {
    /// The clicks into the target.
    pub fn positive(&self) -> impl Iterator<Item = &Click> {
        let is_positive = |c: &&Click| c.polarity == Polarity::Positive;
        self.clicks.iter().filter(is_positive)
    }

    /// Where the target may be if there is a box: the smallest box around it and the positive clicks, and beyond it on
    /// either side a share `slack` of its sides.
    pub fn reach(&self, slack: f64) -> Option<VoxelBox> {
        let own = self.target_box?;
        let size = own.size();
        let beyond: [i64; 3] = std::array::from_fn(|d| (size[d] as f64 * slack) as i64);
        let reach = VoxelBox {
            min: std::array::from_fn(|d| own.min[d] - beyond[d]),
            max: std::array::from_fn(|d| own.max[d] + beyond[d]),
        };
        let clicked = self
            .positive()
            .map(|c| VoxelBox::from_corners(c.voxel, c.voxel));
        Some(clicked.fold(reach, VoxelBox::union))
    }

    /// Whether nothing was pointed at.
    pub fn is_empty(&self) -> bool {
        self.clicks.is_empty() && self.target_box.is_none()
    }

    /// Checks that the prompts lie on `grid` and clips the box to it.
    pub fn on_grid(&self, grid: &Grid) -> Result<Self, PromptError> {
        let [ni, nj, nk] = grid.dims;
        if self.is_empty() {
            return Err(PromptError::Empty);
        }
        if let Some(c) = self.clicks.iter().find(|c| !grid.contains(c.voxel)) {
            let [i, j, k] = c.voxel.0;
            return Err(PromptError::ClickOutside(i, j, k, ni, nj, nk));
        }
        let target_box = match self.target_box {
            Some(b) => Some(
                b.clipped(grid.dims)
                    .ok_or(PromptError::BoxOutside(ni, nj, nk))?,
            ),
            None => None,
        };
        Ok(Self {
            clicks: self.clicks.clone(),
            target_box,
        })
    }
}
