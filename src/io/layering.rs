//! Segments that may overlap as label layers.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::volume::{Grid, Label, LabelLayers, LabelMap, LabelTable};

use super::Warning;

/// Where a segment is: its slices along k, and of each whether a pixel is inside.
pub(super) type Inside = BTreeMap<usize, Vec<bool>>;

/// Labels while they are laid over each other, each in the lowest layer where it covers no other.
pub(super) struct Layering {
    layers: LabelLayers,
    table: LabelTable,
    lost: usize,
}

impl Layering {
    /// Nothing on a grid.
    pub(super) fn new(grid: Grid) -> Self {
        Self {
            layers: LabelLayers::empty(grid),
            table: LabelTable::default(),
            lost: 0,
        }
    }

    /// The labels so far.
    pub(super) fn table(&self) -> &LabelTable {
        &self.table
    }

    /// Adds a label of a value that is free. Where there are as many layers as there may be it goes over the highest.
    pub(super) fn add(&mut self, label: Label, inside: &Inside) {
        let [ni, nj, _] = self.layers.grid().dims;
        let pixels = ni * nj;
        let is_free = |map: &LabelMap| {
            inside.iter().all(|(&k, inside)| {
                let voxels = map.voxels[k * pixels..][..pixels].iter();
                voxels.zip(inside).all(|(v, inside)| !inside || *v == 0)
            })
        };
        let free = self.layers.iter().find(|(_, map)| is_free(map));
        let free = free.map(|(id, _)| id);
        let name = format!("layer_{}", self.table.layers().len() + 1);
        let highest = self.table.layers().last().map(|layer| layer.id);
        let layer = free.or_else(|| self.table.add_layer(&name)).or(highest);
        let layer = layer.unwrap_or_default();
        let value = label.value;
        self.table.insert(Label { layer, ..label });
        self.layers.follow(&self.table);
        let Some(voxels) = self.layers.voxels_mut(layer) else {
            return;
        };
        for (&k, inside) in inside {
            let slice = voxels[k * pixels..][..pixels].iter_mut();
            for (voxel, _) in slice.zip(inside).filter(|p| *p.1) {
                self.lost += usize::from(*voxel != 0);
                *voxel = value;
            }
        }
    }

    /// The layers, their table, and what has no room in them.
    pub(super) fn finish(self) -> (LabelLayers, LabelTable, Option<Warning>) {
        let lost = Warning::SegmentsOverlap { voxels: self.lost };
        (self.layers, self.table, (self.lost > 0).then_some(lost))
    }
}

/// The table with a name for every value of the layers.
pub(super) fn all_named(mut table: LabelTable, layers: &LabelLayers) -> LabelTable {
    for (layer, map) in layers.iter() {
        for (value, _) in map.counts() {
            if table.get(value).is_none_or(|l| l.name.is_empty()) {
                table.add_in(layer, value, &format!("label_{value}"));
            }
        }
    }
    table
}

/// Whether each label has the same voxels in `read`, where it has the number that is given, whatever layers they lie in.
pub(super) fn is_same(
    (read, read_table): (&LabelLayers, &LabelTable),
    layers: &LabelLayers,
    numbered: &[(&Label, u16)],
) -> bool {
    if read.grid().len() != layers.grid().len() {
        return false;
    }
    if let ([one], [other]) = (read.maps(), layers.maps()) {
        let mut number_of = vec![0_u16; 1 << 16];
        for (label, number) in numbered {
            number_of[usize::from(label.value)] = *number;
        }
        let pairs = one.voxels.par_iter().zip(&other.voxels);
        return pairs.all(|(a, b)| *a == number_of[usize::from(*b)]);
    }
    numbered.iter().all(|(label, number)| {
        let ours = layers.get(label.layer);
        let theirs = read.get(read_table.layer_of(*number));
        let (Some(ours), Some(theirs)) = (ours, theirs) else {
            return false;
        };
        let pairs = theirs.voxels.par_iter().zip(&ours.voxels);
        pairs.all(|(a, b)| (a == number) == (*b == label.value))
    })
}
