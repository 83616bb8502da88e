//! What each side has at a voxel, in numbers that mean the same label on all sides.

use std::sync::Arc;

use crate::session::document::Document;
use crate::volume::{LabelLayers, LabelMap, LabelTable};

use super::ComparedReading;

/// The names of all labels; the number of a name is its place from 1 on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Names(Vec<String>);

impl Names {
    /// The labels of the readings, and the own ones where they are one of two sides.
    pub fn of(readings: &[ComparedReading], own: &Document) -> Self {
        let own = (readings.len() == 1).then(|| own.table());
        let mut names = Self::default();
        for table in own.into_iter().chain(readings.iter().map(|r| &r.table)) {
            names.add_all(table);
        }
        names
    }

    fn add_all(&mut self, table: &LabelTable) {
        for label in table.labels() {
            if !self.0.contains(&label.name) {
                self.0.push(label.name.clone());
            }
        }
    }

    pub fn all(&self) -> &[String] {
        &self.0
    }

    fn number_of(&self, name: &str) -> u16 {
        let at = self.0.iter().position(|n| n == name);
        at.map_or(0, |at| at as u16 + 1)
    }
}

/// A reading that can be asked for a voxel's label.
struct Side<'a> {
    maps: &'a [Arc<LabelMap>],
    /// The number of the name of each value, as far as there are any.
    numbers: Vec<u16>,
}

impl<'a> Side<'a> {
    fn of(layers: &'a LabelLayers, table: &LabelTable, names: &Names) -> Self {
        let values = table.labels().iter().map(|label| label.value);
        let mut numbers = vec![0; values.max().map_or(0, |highest| usize::from(highest) + 1)];
        for label in table.labels() {
            numbers[usize::from(label.value)] = names.number_of(&label.name);
        }
        let maps = layers.maps();
        Self { maps, numbers }
    }

    /// The number of the label of the uppermost layer that has one there.
    fn code(&self, offset: usize) -> u16 {
        let upper = self.maps.iter().rev();
        let number =
            |map: &Arc<LabelMap>| self.numbers.get(usize::from(map.voxels[offset])).copied();
        upper
            .filter_map(number)
            .find(|&code| code != 0)
            .unwrap_or(0)
    }
}

/// The sides of a comparison, at least two.
pub(super) struct Sides<'a>(Vec<Side<'a>>);

impl<'a> Sides<'a> {
    pub fn of(readings: &'a [ComparedReading], names: &Names, own: &'a Document) -> Self {
        let own = (readings.len() == 1).then(|| Side::of(own.layers(), own.table(), names));
        let others = readings
            .iter()
            .map(|r| Side::of(&r.layers, &r.table, names));
        Self(own.into_iter().chain(others).collect())
    }

    /// The first side's label at an offset, and one that another side has instead: of two the second's; of more the
    /// first that is different, else the same again.
    pub fn codes(&self, offset: usize) -> [u16; 2] {
        let first = self.0[0].code(offset);
        let mut others = self.0[1..].iter().map(|side| side.code(offset));
        [first, others.find(|&code| code != first).unwrap_or(first)]
    }
}

/// The labels that all readings have where they all have the same, numbered from 1 on: what an
/// adjudicator begins with.
pub fn agreed(readings: &[ComparedReading]) -> Option<(LabelMap, LabelTable)> {
    let (first, others) = readings.split_first()?;
    let mut names = Names::default();
    for reading in readings {
        names.add_all(&reading.table);
    }
    let side = |r: &ComparedReading| -> Vec<u16> {
        let side = Side::of(&r.layers, &r.table, &names);
        (0..r.layers.grid().len()).map(|n| side.code(n)).collect()
    };
    let mut codes = side(first);
    for other in others {
        let theirs = side(other);
        for (code, their) in codes.iter_mut().zip(theirs) {
            if *code != their {
                *code = 0;
            }
        }
    }
    let mut table = LabelTable::default();
    for (n, name) in names.0.iter().enumerate() {
        table.add(n as u16 + 1, name);
    }
    let grid = *first.layers.grid();
    Some((
        LabelMap {
            grid,
            voxels: codes,
        },
        table,
    ))
}
