//! Where and over what drawing by hand may paint.

use std::sync::Arc;

use crate::volume::{ImageVolume, LabelLayers, LabelMap, LabelTable, LayerId};

use super::document::Locks;

/// Values of the scan that may be drawn on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValueRange {
    /// The lowest, included.
    pub low: f64,
    /// The highest, included.
    pub high: f64,
    /// Values outside of that instead.
    pub inverted: bool,
}

impl ValueRange {
    /// Whether a value may be drawn on; never where there is none.
    pub fn holds(&self, value: f64) -> bool {
        !value.is_nan() && (self.low..=self.high).contains(&value) != self.inverted
    }
}

/// Labels whose voxels may be drawn on, or those of no such label.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Area {
    /// Everywhere.
    #[default]
    Anywhere,
    /// Where any label is.
    Labelled,
    /// Where a label is that is shown.
    Shown,
    /// Where this label is.
    Label(u16),
}

/// What painting may take voxels from, besides background.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Over {
    /// Every label that is visible and unlocked.
    #[default]
    Shown,
    /// No label.
    Nothing,
    /// This label, if it is visible and unlocked.
    Label(u16),
}

/// Where and over what everything drawn by hand may paint. Locks hold whatever this says.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// Values of the scan.
    pub values: Option<ValueRange>,
    /// Labels.
    pub area: Area,
    /// Outside of `area` instead.
    pub outside: bool,
    /// What painting takes from.
    pub over: Over,
    /// The brush stays on its side of an edge.
    pub edges: bool,
}

impl Limits {
    /// Whether they say nothing.
    pub fn are_none(&self) -> bool {
        *self == Self::default()
    }

    /// What holds for another scan too: labels are of one.
    pub(super) fn without_labels(self) -> Self {
        Self {
            area: Area::Anywhere,
            outside: false,
            over: Over::Shown,
            ..self
        }
    }
}

/// The voxels that one stroke may change.
pub(super) struct Allowed {
    image: Arc<ImageVolume>,
    values: Option<ValueRange>,
    area: Option<LabelledArea>,
}

/// Voxels of labels, in the layer that is drawn in and in others.
struct LabelledArea {
    /// Whether voxels of a value are in it, by value.
    has: Vec<bool>,
    /// The layers that the stroke does not write in, of the labels in question.
    others: Vec<Arc<LabelMap>>,
    outside: bool,
}

impl Allowed {
    /// What the limits allow in a layer.
    pub fn of(
        limits: &Limits,
        image: &Arc<ImageVolume>,
        layers: &LabelLayers,
        table: &LabelTable,
        layer: LayerId,
    ) -> Self {
        Self {
            image: Arc::clone(image),
            values: limits.values,
            area: LabelledArea::of(limits, layers, table, layer),
        }
    }

    /// Whether the voxel at an offset, with this value in the layer that is drawn in, may change.
    pub fn holds(&self, offset: usize, old: u16) -> bool {
        let area = self.area.as_ref();
        let values = self.values.as_ref();
        area.is_none_or(|area| area.holds(offset, old))
            && values.is_none_or(|range| range.holds(self.image.value(offset)))
    }
}

impl LabelledArea {
    fn of(
        limits: &Limits,
        layers: &LabelLayers,
        table: &LabelTable,
        layer: LayerId,
    ) -> Option<Self> {
        let mut has = vec![false; usize::from(u16::MAX) + 1];
        match limits.area {
            Area::Anywhere => return None,
            Area::Label(value) => has[usize::from(value)] = value != 0,
            Area::Labelled => has[1..].fill(true),
            Area::Shown => {
                for label in table.labels().iter().filter(|l| table.is_shown(l)) {
                    has[usize::from(label.value)] = true;
                }
            }
        }
        let concerned = |id: LayerId| table.labels_in(id).any(|l| has[usize::from(l.value)]);
        let others = layers
            .iter()
            .filter(|&(id, _)| id != layer && concerned(id));
        let others = others.map(|(_, map)| Arc::clone(map)).collect();
        Some(Self {
            has,
            others,
            outside: limits.outside,
        })
    }

    fn holds(&self, offset: usize, old: u16) -> bool {
        let has = |value: u16| self.has[usize::from(value)];
        let is_inside = has(old) || self.others.iter().any(|map| has(map.voxels[offset]));
        is_inside != self.outside
    }
}

impl Over {
    /// Labels that painting takes no voxel from: locked and hidden ones, and what this rule adds.
    pub(super) fn protected(self, table: &LabelTable) -> Locks {
        let mut locks = Locks::of_locked_or_hidden(table);
        let spared = |value: u16| match self {
            Self::Shown => false,
            Self::Nothing => true,
            Self::Label(only) => value != only,
        };
        for label in table.labels().iter().filter(|l| spared(l.value)) {
            locks.add(label.value);
        }
        locks
    }
}
