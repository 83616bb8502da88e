//! What the pointer does, and with what.

use serde::{Deserialize, Serialize};

use crate::geometry::Plane;
use crate::prompt::{Drawing, TargetSize};
use crate::volume::{Depth, Grid};

use super::Limits;

/// What the primary button does in a view: the id of an entry of the window's table of tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ToolId(pub &'static str);

impl ToolId {
    /// The tool that a session begins with: it changes nothing but what is looked at.
    pub const CROSS_HAIR: Self = Self("cross_hair");
}

impl Default for ToolId {
    fn default() -> Self {
        Self::CROSS_HAIR
    }
}

/// What brush and eraser touch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BrushShape {
    /// A disc on the slice drawn on.
    #[default]
    Disc,
    /// A ball through the slices.
    Sphere,
}

/// Size and shape of brush and eraser.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Brush {
    /// Diameter in mm; kept within [`Brush::DIAMETER_RANGE_MM`].
    pub diameter_mm: f64,
    /// Disc or sphere.
    pub shape: BrushShape,
}

impl Brush {
    /// Smallest and largest diameter.
    pub const DIAMETER_RANGE_MM: (f64, f64) = (0.1, 200.0);

    /// The brush with its diameter in range.
    pub(super) fn clamped(self) -> Self {
        let (low, high) = Self::DIAMETER_RANGE_MM;
        let diameter_mm = if self.diameter_mm.is_finite() {
            self.diameter_mm.clamp(low, high)
        } else {
            Self::default().diameter_mm
        };
        Self {
            diameter_mm,
            ..self
        }
    }
}

impl Default for Brush {
    fn default() -> Self {
        Self {
            diameter_mm: 8.0,
            shape: BrushShape::Disc,
        }
    }
}

/// How flood fill finds its region.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Fill {
    /// How far values may be from where it starts; `None`: a tenth of what the window shows.
    pub tolerance: Option<f64>,
    /// Through the slices, not only on the one clicked on.
    pub through: bool,
}

/// What scissors take off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CutSide {
    /// What lies inside the outline.
    #[default]
    Inside,
    /// What lies outside of it.
    Outside,
}

/// How scissors cut.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Scissors {
    /// How deep.
    pub depth: Depth,
    /// What they take off.
    pub side: CutSide,
}

/// Tool settings of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tools {
    /// What the primary button does.
    pub tool: ToolId,
    /// Size and shape of brush and eraser.
    pub brush: Brush,
    /// Where and over what is drawn by hand.
    pub limits: Limits,
    /// How flood fill finds its region.
    pub fill: Fill,
    /// How scissors cut.
    pub scissors: Scissors,
    /// How wide scribbles are, in mm; `None`: two voxels of the slice.
    pub scribble_mm: Option<f64>,
    /// Whether prompts wait until the model is asked, instead of being answered one by one.
    pub asks_by_hand: bool,
    /// How large what is clicked is: how much around lone clicks is looked at first.
    pub target_size: TargetSize,
    /// Whether an accepted AI result may take voxels from other unlocked labels.
    pub take_from_others: bool,
}

impl Tools {
    /// The least and the largest width of a scribble.
    pub const SCRIBBLE_RANGE_MM: (f64, f64) = (0.1, 50.0);

    /// How wide a scribble on a slice of this plane is, in mm.
    pub fn scribble_width_mm(&self, grid: &Grid, plane: Plane) -> f64 {
        let two_voxels = || Drawing::two_voxels_mm(grid, grid.normal_axis(plane));
        self.scribble_mm.unwrap_or_else(two_voxels)
    }
}
