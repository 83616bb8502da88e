//! Label layers: label maps on one grid whose labels may overlap.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::util::short_debug;

use super::resample::resample_labels;
use super::{Grid, LabelMap, LabelTable, Reordering};

/// Names a layer for good, wherever it stands in the order. 0 is the one that there is at first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerId(pub u16);

/// A layer as a table lists it.
#[derive(Clone, PartialEq, Eq)]
pub struct Layer {
    /// Names it for good.
    pub id: LayerId,
    /// Its name for users.
    pub name: String,
    /// Whether its labels are shown, those that are visible themselves.
    pub visible: bool,
}

/// A label map for each layer, on one grid, the lowest first; there is always one. Label values are those of one table, so
/// that none occurs in two layers. A clone is a snapshot: voxels are copied when either is changed.
#[derive(Clone, PartialEq)]
pub struct LabelLayers {
    grid: Grid,
    ids: Vec<LayerId>,
    maps: Vec<Arc<LabelMap>>,
}

short_debug! {
    Layer: |layer| format_args!("layer {}", layer.id.0);
    LabelLayers: |layers| format_args!("{} label layers {:?}", layers.maps.len(), layers.grid.dims);
}

impl Layer {
    /// The layer that there is at first.
    pub fn first() -> Self {
        Self {
            id: LayerId::default(),
            name: "layer_1".to_owned(),
            visible: true,
        }
    }
}

impl From<LabelMap> for LabelLayers {
    /// One layer, the first.
    fn from(labels: LabelMap) -> Self {
        Self {
            grid: labels.grid,
            ids: vec![LayerId::default()],
            maps: vec![Arc::new(labels)],
        }
    }
}

impl LabelLayers {
    /// More in one document are refused: each holds 2 bytes a voxel.
    pub const MOST: usize = 64;

    /// One layer without labels.
    pub fn empty(grid: Grid) -> Self {
        LabelMap::empty(grid).into()
    }

    /// These maps on one grid, the lowest first; `None` where there is none, or they lie on several.
    pub fn of_maps(maps: Vec<(LayerId, LabelMap)>) -> Option<Self> {
        let grid = maps.first()?.1.grid;
        let (ids, maps): (Vec<_>, Vec<_>) = maps.into_iter().unzip();
        maps.iter().all(|map| map.grid == grid).then(|| Self {
            grid,
            ids,
            maps: maps.into_iter().map(Arc::new).collect(),
        })
    }

    /// The grid of all.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The label maps, the lowest layer first.
    pub fn maps(&self) -> &[Arc<LabelMap>] {
        &self.maps
    }

    /// Each layer's id and label map, the lowest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (LayerId, &Arc<LabelMap>)> {
        self.ids.iter().copied().zip(&self.maps)
    }

    fn place(&self, layer: LayerId) -> Option<usize> {
        self.ids.iter().position(|&id| id == layer)
    }

    /// The label map of a layer.
    pub fn get(&self, layer: LayerId) -> Option<&Arc<LabelMap>> {
        self.maps.get(self.place(layer)?)
    }

    /// The voxels of a layer, to change.
    pub fn voxels_mut(&mut self, layer: LayerId) -> Option<&mut [u16]> {
        let place = self.place(layer)?;
        Some(&mut Arc::make_mut(&mut self.maps[place]).voxels)
    }

    /// Brings the layers to those of a table and their order: what is new has no labels, what is gone is dropped.
    pub fn follow(&mut self, table: &LabelTable) {
        let wanted = table.layers().iter().map(|layer| layer.id);
        if wanted.clone().eq(self.ids.iter().copied()) {
            return;
        }
        let ids = std::mem::take(&mut self.ids).into_iter();
        let mut had: BTreeMap<LayerId, Arc<LabelMap>> = ids.zip(self.maps.drain(..)).collect();
        for id in wanted {
            let map = had.remove(&id);
            self.ids.push(id);
            self.maps
                .push(map.unwrap_or_else(|| Arc::new(LabelMap::empty(self.grid))));
        }
    }

    /// The values that occur, ascending, with their voxel counts; background left out.
    pub fn counts(&self) -> BTreeMap<u16, usize> {
        self.maps.iter().flat_map(|map| map.counts()).collect()
    }

    /// All layers as one map, and in how many voxels labels overlap: there the upper layer's label stays.
    pub fn flattened(&self) -> (Arc<LabelMap>, usize) {
        let [lowest, upper @ ..] = self.maps.as_slice() else {
            return (Arc::new(LabelMap::empty(self.grid)), 0);
        };
        if upper.is_empty() {
            return (Arc::clone(lowest), 0);
        }
        let mut flat = LabelMap::clone(lowest);
        let mut overlapping = 0;
        for (offset, label) in flat.voxels.iter_mut().enumerate() {
            let mut labels = usize::from(*label != 0);
            for map in upper {
                let value = map.voxels[offset];
                if value != 0 {
                    labels += 1;
                    *label = value;
                }
            }
            overlapping += usize::from(labels > 1);
        }
        (Arc::new(flat), overlapping)
    }

    /// The layers on another grid: each of its voxels has the labels of the voxel here that its centre lies in, and none
    /// beyond this grid.
    pub fn resampled(&self, grid: &Grid) -> Self {
        let resample = |map: &Arc<LabelMap>| Arc::new(resample_labels(map, grid));
        Self {
            grid: *grid,
            ids: self.ids.clone(),
            maps: self.maps.iter().map(resample).collect(),
        }
    }

    /// The layers with their voxels in the order of another grid.
    ///
    /// # Panics
    /// If the reordering is of other dims.
    pub fn reordered(self, by: &Reordering, grid: Grid) -> Self {
        let reorder = |map: Arc<LabelMap>| {
            let voxels = by.apply(Arc::unwrap_or_clone(map).voxels);
            Arc::new(LabelMap { grid, voxels })
        };
        Self {
            grid,
            ids: self.ids,
            maps: self.maps.into_iter().map(reorder).collect(),
        }
    }
}
