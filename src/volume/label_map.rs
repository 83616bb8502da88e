//! Label maps: one structure per voxel, and the table that names the structures.

use super::layers::{LabelLayers, Layer, LayerId};
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
    /// The layer that it is in.
    pub layer: LayerId,
    /// How much its fill hides, in percent of what the fills of all labels do; at least [`Label::LEAST_OPAQUE`].
    pub opacity_percent: u8,
    /// The group that it is listed in; empty: none.
    pub group: String,
}

/// The structures of a label map, in the order shown, and the layers that they are in; values are unique over all layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelTable {
    labels: Vec<Label>,
    /// The lowest first; never empty.
    layers: Vec<Layer>,
}

impl Default for LabelTable {
    /// No labels; one layer.
    fn default() -> Self {
        Self {
            labels: Vec::new(),
            layers: vec![Layer::first()],
        }
    }
}

impl Label {
    /// The opacity of labels that have none of their own, in percent.
    pub const OPAQUE: u8 = 100;
    /// The least opacity, in percent: what is not to be seen is hidden instead.
    pub const LEAST_OPAQUE: u8 = 10;

    /// A label of the first layer as it is at first: visible, unlocked, opaque, in no group.
    pub fn new(value: u16, name: String, color: [u8; 3]) -> Self {
        Self {
            value,
            name,
            color,
            visible: true,
            locked: false,
            layer: LayerId::default(),
            opacity_percent: Self::OPAQUE,
            group: String::new(),
        }
    }

    /// An opacity that may be, from one that was read or asked for.
    pub fn clamped_percent(percent: u8) -> u8 {
        percent.clamp(Self::LEAST_OPAQUE, Self::OPAQUE)
    }

    /// The name as users read it: `spinal_cord` is "spinal cord".
    pub fn title(&self) -> String {
        title_of(&self.name)
    }
}

/// A name as users read it, without the underscores of files and tables.
pub fn title_of(name: &str) -> String {
    name.replace('_', " ")
}

/// Colours given to labels by value: readable on grey, and each as far as can be in CIELAB from those before it, from
/// greys and from the yellow of doubt.
const PALETTE: [[u8; 3]; 48] = [
    [230, 92, 70],
    [82, 168, 236],
    [242, 188, 64],
    [110, 200, 120],
    [190, 120, 220],
    [240, 140, 180],
    [90, 205, 200],
    [215, 160, 110],
    [0, 255, 0],
    [140, 0, 255],
    [215, 250, 0],
    [255, 0, 220],
    [0, 90, 245],
    [255, 0, 125],
    [95, 105, 0],
    [255, 0, 0],
    [115, 90, 130],
    [5, 175, 0],
    [60, 110, 85],
    [225, 240, 190],
    [255, 130, 0],
    [230, 210, 255],
    [150, 80, 75],
    [0, 255, 140],
    [185, 15, 140],
    [50, 95, 190],
    [225, 245, 120],
    [150, 45, 200],
    [155, 85, 0],
    [0, 255, 210],
    [5, 120, 20],
    [125, 165, 0],
    [0, 110, 140],
    [160, 255, 95],
    [185, 50, 100],
    [255, 0, 70],
    [145, 160, 105],
    [125, 100, 55],
    [255, 190, 190],
    [255, 105, 225],
    [155, 220, 255],
    [175, 170, 255],
    [0, 155, 115],
    [160, 75, 140],
    [215, 45, 255],
    [255, 225, 140],
    [175, 165, 65],
    [255, 150, 85],
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

    /// No labels, and these layers, the lowest first; `None` where there is none, or an id comes twice.
    pub fn of_layers(layers: Vec<Layer>) -> Option<Self> {
        let is_new = |n: usize| layers[..n].iter().all(|l| l.id != layers[n].id);
        let is_sound = !layers.is_empty() && (0..layers.len()).all(is_new);
        is_sound.then_some(Self {
            labels: Vec::new(),
            layers,
        })
    }

    /// The layers, the lowest first; at least one.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Whether there is nothing but the layer that there is at first.
    pub fn is_plain(&self) -> bool {
        matches!(self.layers.as_slice(), [only] if *only == Layer::first())
    }

    /// The layer of an id.
    pub fn layer(&self, id: LayerId) -> Option<&Layer> {
        self.layers.iter().find(|l| l.id == id)
    }

    /// The layer of an id, to change.
    pub fn layer_mut(&mut self, id: LayerId) -> Option<&mut Layer> {
        self.layers.iter_mut().find(|l| l.id == id)
    }

    /// The layer that a label is in; the lowest for a value without a label.
    pub fn layer_of(&self, value: u16) -> LayerId {
        let label = self.get(value);
        label.map_or(self.layers[0].id, |l| l.layer)
    }

    /// The labels of a layer, in display order.
    pub fn labels_in(&self, layer: LayerId) -> impl Iterator<Item = &Label> {
        self.labels.iter().filter(move |l| l.layer == layer)
    }

    /// The groups of a layer's labels, each once, in display order.
    pub fn groups_in(&self, layer: LayerId) -> Vec<&str> {
        let mut groups: Vec<&str> = Vec::new();
        for label in self.labels_in(layer) {
            if !label.group.is_empty() && !groups.contains(&label.group.as_str()) {
                groups.push(&label.group);
            }
        }
        groups
    }

    /// The labels as lists show them: the uppermost layer first; in each those without a group, then group after group.
    pub fn listed(&self) -> Vec<&Label> {
        let mut listed = Vec::with_capacity(self.labels.len());
        for layer in self.layers.iter().rev() {
            let groups = [""].into_iter().chain(self.groups_in(layer.id));
            for group in groups {
                listed.extend(self.labels_in(layer.id).filter(|l| l.group == group));
            }
        }
        listed
    }

    /// Whether a label can be seen: it is visible, and so is its layer.
    pub fn is_shown(&self, label: &Label) -> bool {
        label.visible && self.layer(label.layer).is_none_or(|l| l.visible)
    }

    /// The table with labels of hidden layers hidden themselves.
    pub fn with_layers_hidden(&self) -> Self {
        let mut table = self.clone();
        for label in &mut table.labels {
            label.visible &= self.layer(label.layer).is_none_or(|l| l.visible);
        }
        table
    }

    /// The labels of one layer alone, in that layer.
    pub fn of_layer(&self, id: LayerId) -> Option<Self> {
        let mut alone = Self::of_layers(vec![self.layer(id)?.clone()])?;
        alone.labels.extend(self.labels_in(id).cloned());
        Some(alone)
    }

    /// All labels in one layer.
    pub fn flattened(self) -> Self {
        let mut flat = Self::default();
        self.labels.into_iter().for_each(|label| flat.insert(label));
        flat
    }

    /// Adds a layer on top of all; `None` where there are as many as there may be.
    pub fn add_layer(&mut self, name: &str) -> Option<LayerId> {
        if self.layers.len() >= LabelLayers::MOST {
            return None;
        }
        let id = (0..=u16::MAX).map(LayerId);
        let id = id.into_iter().find(|&id| self.layer(id).is_none())?;
        self.layers.push(Layer {
            id,
            name: name.to_owned(),
            visible: true,
        });
        Some(id)
    }

    /// Removes a layer and its labels; `false`, and nothing, where it is the last or there is none.
    pub fn remove_layer(&mut self, id: LayerId) -> bool {
        if self.layers.len() == 1 || self.layer(id).is_none() {
            return false;
        }
        self.layers.retain(|l| l.id != id);
        self.labels.retain(|l| l.layer != id);
        true
    }

    /// Moves a layer to a place of the order, counted from the lowest; beyond the highest, there.
    pub fn move_layer(&mut self, id: LayerId, to: usize) {
        if let Some(from) = self.layers.iter().position(|l| l.id == id) {
            let layer = self.layers.remove(from);
            self.layers.insert(to.min(self.layers.len()), layer);
        }
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

    /// The label that users read under this name: `spinal_cord` and "spinal cord" are one.
    pub fn by_title(&self, name: &str) -> Option<&Label> {
        let title = title_of(name);
        self.labels.iter().find(|l| l.title() == title)
    }

    /// The values of the labels that are not shown, in display order.
    pub fn hidden(&self) -> Vec<u16> {
        let hidden = self.labels.iter().filter(|l| !l.visible);
        hidden.map(|l| l.value).collect()
    }

    /// Adds or replaces the label of this value; one of a layer that there is not goes to the lowest.
    pub fn insert(&mut self, mut label: Label) {
        if self.layer(label.layer).is_none() {
            label.layer = self.layers[0].id;
        }
        match self.get_mut(label.value) {
            Some(existing) => *existing = label,
            None => self.labels.push(label),
        }
    }

    /// Adds a visible, unlocked label with the palette's colour for its value, in the lowest layer.
    pub fn add(&mut self, value: u16, name: &str) {
        self.add_in(self.layers[0].id, value, name);
    }

    /// As [`Self::add`], in another layer.
    pub fn add_in(&mut self, layer: LayerId, value: u16, name: &str) {
        self.insert(Label {
            layer,
            ..Label::new(value, name.to_owned(), Self::palette_color(value))
        });
    }

    /// Removes the label of a value.
    pub fn remove(&mut self, value: u16) -> Option<Label> {
        let at = self.labels.iter().position(|l| l.value == value)?;
        Some(self.labels.remove(at))
    }

    /// The smallest value above 0 that no label has.
    pub fn next_free_value(&self) -> Option<u16> {
        let mut used = vec![false; usize::from(u16::MAX) + 1];
        for label in &self.labels {
            used[usize::from(label.value)] = true;
        }
        (1..=u16::MAX).find(|&v| !used[usize::from(v)])
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
