//! Label maps: one structure per voxel, and the table that names the structures.

use super::{Grid, Mask};
use crate::util::short_debug;

/// One structure of a label map.
#[derive(Clone, PartialEq, Eq)]
pub struct Label {
    /// The voxel value, above 0.
    pub value: u16,
    /// Snake case for known structures; anything for the user's own.
    pub name: String,
    /// sRGB colour.
    pub color: [u8; 3],
    /// Shown in the views.
    pub visible: bool,
    /// Never overwritten.
    pub locked: bool,
}

/// The structures of a label map, in the order shown; values are unique.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelTable {
    labels: Vec<Label>,
}

/// Colours given to labels by value: distinct, and readable on grey.
const PALETTE: [[u8; 3]; 14] = [
    [230, 92, 70],
    [82, 168, 236],
    [242, 188, 64],
    [110, 200, 120],
    [190, 120, 220],
    [240, 140, 180],
    [90, 205, 200],
    [215, 160, 110],
    [150, 150, 245],
    [190, 210, 80],
    [245, 120, 40],
    [60, 140, 120],
    [220, 80, 140],
    [140, 190, 230],
];

short_debug! {
    Label: |label| format_args!("label {}", label.value);
    LabelMap: |map| format_args!("labels {:?}", map.grid.dims);
}

impl LabelTable {
    /// The labels in display order.
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// The label of a value.
    pub fn get(&self, value: u16) -> Option<&Label> {
        self.labels.iter().find(|l| l.value == value)
    }

    /// The label of a value, to change.
    pub fn get_mut(&mut self, value: u16) -> Option<&mut Label> {
        self.labels.iter_mut().find(|l| l.value == value)
    }

    /// The label of a name.
    pub fn by_name(&self, name: &str) -> Option<&Label> {
        self.labels.iter().find(|l| l.name == name)
    }

    /// Adds or replaces the label of this value.
    pub fn insert(&mut self, label: Label) {
        match self.get_mut(label.value) {
            Some(existing) => *existing = label,
            None => self.labels.push(label),
        }
    }

    /// Adds a visible, unlocked label with the palette's colour for its value.
    pub fn add(&mut self, value: u16, name: &str) {
        self.insert(Label {
            value,
            name: name.to_owned(),
            color: Self::palette_color(value),
            visible: true,
            locked: false,
        });
    }

    /// Removes the label of a value.
    pub fn remove(&mut self, value: u16) -> Option<Label> {
        let at = self.labels.iter().position(|l| l.value == value)?;
        Some(self.labels.remove(at))
    }

    /// The smallest value above 0 that no label has.
    pub fn next_free_value(&self) -> Option<u16> {
        (1..=u16::MAX).find(|&v| self.get(v).is_none())
    }

    /// The colour a value gets unless told otherwise.
    pub fn palette_color(value: u16) -> [u8; 3] {
        PALETTE[usize::from(value.saturating_sub(1)) % PALETTE.len()]
    }
}

/// A label value per voxel on a grid; 0 is background.
#[derive(Clone, PartialEq)]
pub struct LabelMap {
    /// The sampling grid.
    pub grid: Grid,
    /// A value per voxel, `i` fastest.
    pub voxels: Vec<u16>,
}

impl LabelMap {
    /// All background.
    pub fn empty(grid: Grid) -> Self {
        Self {
            voxels: vec![0; grid.len()],
            grid,
        }
    }

    /// The voxels of one label.
    pub fn mask_of(&self, value: u16) -> Mask {
        self.mask_where(|v| v == value)
    }

    /// Every voxel that is not background.
    pub fn foreground(&self) -> Mask {
        self.mask_where(|v| v != 0)
    }

    /// The voxels of every label that `is_wanted`.
    pub fn mask_where(&self, is_wanted: impl Fn(u16) -> bool) -> Mask {
        Mask {
            grid: self.grid,
            voxels: self
                .voxels
                .iter()
                .map(|&v| u8::from(is_wanted(v)))
                .collect(),
        }
    }

    /// The values that occur, ascending, with their voxel counts; background left out.
    pub fn counts(&self) -> Vec<(u16, usize)> {
        let mut counts = vec![0usize; usize::from(u16::MAX) + 1];
        for &v in &self.voxels {
            counts[usize::from(v)] += 1;
        }
        counts
            .iter()
            .enumerate()
            .skip(1)
            .filter(|&(_, &n)| n > 0)
            .map(|(v, &n)| (v as u16, n))
            .collect()
    }
}
