//! What is under the cursor.

use std::fmt;

use crate::geometry::{VoxelIndex, WorldPoint};
use crate::volume::{ImageVolume, Label, Modality, Rgb, ThirdAxis};

use super::Case;

/// One voxel in words and numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Readout {
    /// The voxel.
    pub voxel: VoxelIndex,
    /// Its centre in RAS mm; `None` where the third axis is time.
    pub world: Option<WorldPoint>,
    /// Time since the first frame in ms, where time is an axis and known.
    pub time_ms: Option<f64>,
    /// Its physical value; of colours their luminance.
    pub value: f64,
    /// Its colour.
    pub colour: Option<Rgb>,
    /// `HU` for CT; empty where the unit is not known.
    pub unit: &'static str,
    /// The second image's value there, and its unit; `None` where there is none or it does not reach.
    pub second: Option<(f64, &'static str)>,
    /// Name of the label there, as users read it; of those of several layers, the uppermost first.
    pub label: Option<String>,
}

impl Case {
    /// The label that is seen at a voxel: of those of several layers the uppermost that is shown.
    pub fn label_shown_at(&self, voxel: VoxelIndex) -> Option<&Label> {
        let offset = self.grid().offset_of(voxel)?;
        let maps = self.document.layers().maps().iter().rev();
        let mut labels = maps.filter_map(|map| self.table().get(map.voxels[offset]));
        labels.find(|label| self.table().is_shown(label))
    }

    /// What is at a voxel; `None` outside the volume.
    pub fn readout(&self, voxel: VoxelIndex) -> Option<Readout> {
        let offset = self.grid().offset_of(voxel)?;
        // The upper layers first, as they are drawn.
        let maps = self.document.layers().maps().iter().rev();
        let labels = maps.filter_map(|map| self.table().get(map.voxels[offset]));
        let labels: Vec<String> = labels.map(Label::title).collect();
        let image = self.image();
        let colour = image.colours().map(|colours| colours[offset]);
        let (world, time_ms) = match image.third_axis() {
            ThirdAxis::Space => (Some(self.grid().world_from_voxel(voxel.center())), None),
            ThirdAxis::Time { frame_ms } => (None, frame_ms.map(|ms| ms * voxel.0[2] as f64)),
        };
        Some(Readout {
            voxel,
            world,
            time_ms,
            value: image.value(offset),
            colour,
            unit: unit_of(image),
            second: world.and_then(|place| {
                let second = self.second()?;
                Some((second.value_at(place)?, unit_of(second.image())))
            }),
            label: (!labels.is_empty()).then(|| labels.join(", ")),
        })
    }
}

fn unit_of(image: &ImageVolume) -> &'static str {
    match image.modality() {
        Modality::Ct if image.colours().is_none() => "HU",
        _ => "",
    }
}

impl fmt::Display for Readout {
    /// One line: `(120, 88, 40)  12.5 R  30.0 P  104.0 S mm  56 HU  lesion 1`, or with time as the third axis
    /// `(120, 88) frame 40  1200.0 ms  56`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [i, j, k] = self.voxel.0;
        if let Some(world) = self.world {
            write!(f, "({i}, {j}, {k})  ")?;
            for (mm, [positive, negative]) in world.0.to_array().into_iter().zip(LETTERS) {
                let letter = if mm >= 0.0 { positive } else { negative };
                write!(f, "{:.1} {letter}  ", mm.abs())?;
            }
            write!(f, "mm  ")?;
        } else {
            write!(f, "({i}, {j}) frame {k}  ")?;
            if let Some(ms) = self.time_ms {
                write!(f, "{ms:.1} ms  ")?;
            }
        }
        match self.colour {
            Some([r, g, b]) => write!(f, "RGB {r} {g} {b}")?,
            None => write!(f, "{}", short(self.value))?,
        }
        if !self.unit.is_empty() {
            write!(f, " {}", self.unit)?;
        }
        if let Some((value, unit)) = self.second {
            write!(f, "  second {}", short(value))?;
            if !unit.is_empty() {
                write!(f, " {unit}")?;
            }
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
