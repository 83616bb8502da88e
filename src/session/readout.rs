//! What is under the cursor.

use std::fmt;

use crate::geometry::{VoxelIndex, WorldPoint};
use crate::volume::Modality;

use super::Case;

/// One voxel in words and numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Readout {
    /// The voxel.
    pub voxel: VoxelIndex,
    /// Its centre in RAS mm.
    pub world: WorldPoint,
    /// Its physical value.
    pub value: f64,
    /// `HU` for CT; empty where the unit is not known.
    pub unit: &'static str,
    /// Name of the label there.
    pub label: Option<String>,
}

impl Case {
    /// What is at a voxel; `None` outside the volume.
    pub fn readout(&self, voxel: VoxelIndex) -> Option<Readout> {
        let offset = self.grid().offset_of(voxel)?;
        let label = self.table.get(self.labels.voxels[offset]);
        Some(Readout {
            voxel,
            world: self.grid().world_from_voxel(voxel.center()),
            value: self.image().value(offset),
            unit: match self.image().modality() {
                Modality::Ct => "HU",
                Modality::Mr | Modality::Pet => "",
            },
            label: label.map(|l| l.name.clone()),
        })
    }
}

impl fmt::Display for Readout {
    /// One line: `(120, 88, 40)  12.5 R  -30.0 P  104.0 S mm  56 HU  lesion_1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [i, j, k] = self.voxel.0;
        write!(f, "({i}, {j}, {k})  ")?;
        for (mm, [positive, negative]) in self.world.0.to_array().into_iter().zip(LETTERS) {
            let letter = if mm >= 0.0 { positive } else { negative };
            write!(f, "{:.1} {letter}  ", mm.abs())?;
        }
        write!(f, "mm  {}", short(self.value))?;
        if !self.unit.is_empty() {
            write!(f, " {}", self.unit)?;
        }
        match &self.label {
            Some(name) => write!(f, "  {name}"),
            None => Ok(()),
        }
    }
}

/// Letters of the positive and the negative direction of each RAS axis.
const LETTERS: [[char; 2]; 3] = [['R', 'L'], ['A', 'P'], ['S', 'I']];

/// A value with as many digits as say something.
fn short(value: f64) -> String {
    if value == value.round() && value.abs() < 1e9 {
        format!("{value:.0}")
    } else if (0.01..1e6).contains(&value.abs()) {
        format!("{value:.2}")
    } else {
        format!("{value:.3e}")
    }
}
