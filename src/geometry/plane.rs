//! The three standard planes of a viewer, and on which side the patient's left is drawn.

use serde::{Deserialize, Serialize};

use super::{Axis, Orientation};

/// A standard plane. On an oblique scan it means the voxel slices closest to that anatomical plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plane {
    /// Across the body, seen from the feet or from the head.
    Axial,
    /// Seen from the front.
    Coronal,
    /// Seen from the side.
    Sagittal,
}

impl Plane {
    /// In the order views are laid out.
    pub const ALL: [Self; 3] = [Self::Axial, Self::Coronal, Self::Sagittal];

    /// The RAS axis that runs through the plane: 0 right-left, 1 anterior-posterior, 2 superior-inferior.
    pub fn normal_ras(self) -> usize {
        match self {
            Self::Axial => 2,
            Self::Coronal => 1,
            Self::Sagittal => 0,
        }
    }

    /// The voxel axis along which this plane's slices are counted.
    pub fn normal_voxel_axis(self, orientation: &Orientation) -> usize {
        orientation.voxel_axis_of(self.normal_ras())
    }

    /// The anatomical directions of the screen's right and down. In sagittal views the patient looks to the
    /// left of the screen, whatever the convention.
    pub fn right_and_down(self, convention: Convention) -> [Axis; 2] {
        let side = match convention {
            Convention::Radiological => Axis::Left,
            Convention::Neurological => Axis::Right,
        };
        match self {
            Self::Axial => [side, Axis::Posterior],
            Self::Coronal => [side, Axis::Inferior],
            Self::Sagittal => [Axis::Posterior, Axis::Inferior],
        }
    }

    /// The name shown in a view's corner.
    pub fn name(self) -> &'static str {
        match self {
            Self::Axial => "Axial",
            Self::Coronal => "Coronal",
            Self::Sagittal => "Sagittal",
        }
    }
}

/// On which side of the screen the patient's left is drawn in axial and coronal views.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Convention {
    /// The patient's left on the right of the screen, as if facing the patient.
    #[default]
    Radiological,
    /// The patient's left on the left of the screen.
    Neurological,
}
