//! What the pointer does, and with what.

use serde::{Deserialize, Serialize};

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

/// Tool settings of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tools {
    /// What the primary button does.
    pub tool: ToolId,
    /// Size and shape of brush and eraser.
    pub brush: Brush,
    /// Whether an accepted AI result may take voxels from other unlocked labels.
    pub take_from_others: bool,
}
