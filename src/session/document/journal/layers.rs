//! Layers in records: what follows a record's content where there is more than the first layer.
//!
//! Work in one layer is written as versions wrote it that knew no others, and their records are read as such work.

use crate::session::document::step::{Delta, Step};
use crate::volume::{Grid, Label, LabelTable, Layer, LayerId};

use super::bytes::{Coded, Input, Nonsense, put_text};
use super::values::{put_runs, read_box, read_runs};

/// Whether a step is all in the first layer, and there is no other.
pub fn is_plain(step: &Step) -> bool {
    let is_first = |layer: LayerId| layer == LayerId::default();
    let tables = step.table.iter().flat_map(|t| [&t.before, &t.after]);
    let targets = step.target.iter().flat_map(|t| [&t.before, &t.after]);
    step.deltas.len() <= 1
        && step.deltas.iter().all(|d| is_first(d.layer))
        && tables.into_iter().all(LabelTable::is_plain)
        && targets.into_iter().all(|t| is_first(t.layer))
}

/// Appends to a step's record, which has its first delta already, what it says of layers.
pub fn put(step: &Step, out: &mut Vec<u8>) {
    step.deltas.len().put(out);
    for (n, delta) in step.deltas.iter().enumerate() {
        delta.layer.put(out);
        if n > 0 {
            delta.bounds.put(out);
            put_runs(&delta.runs, out);
        }
    }
    if let Some(table) = &step.table {
        put_table(&table.before, out);
        put_table(&table.after, out);
    }
    if let Some(target) = &step.target {
        target.before.layer.put(out);
        target.after.layer.put(out);
    }
}

/// Gives a step what its record says of layers.
pub fn read(step: &mut Step, input: &mut Input<'_>, grid: &Grid) -> Result<(), Nonsense> {
    let count = input.count()?;
    if (count == 0) != step.deltas.is_empty() {
        return Err(Nonsense);
    }
    for n in 0..count {
        let layer = LayerId::read(input)?;
        match step.deltas.get_mut(n) {
            Some(first) => first.layer = layer,
            None => step.deltas.push(Delta {
                layer,
                bounds: read_box(input, grid)?,
                runs: read_runs(input, grid)?,
            }),
        }
    }
    if let Some(table) = &mut step.table {
        table.before = read_table(&table.before, input)?;
        table.after = read_table(&table.after, input)?;
    }
    if let Some(target) = &mut step.target {
        target.before.layer = LayerId::read(input)?;
        target.after.layer = LayerId::read(input)?;
    }
    Ok(())
}

/// Appends the layers of a table, and that of each of its labels.
pub fn put_table(table: &LabelTable, out: &mut Vec<u8>) {
    table.layers().len().put(out);
    for layer in table.layers() {
        layer.put(out);
    }
    for label in table.labels() {
        label.layer.put(out);
    }
}

/// The table with its layers.
pub fn read_table(table: &LabelTable, input: &mut Input<'_>) -> Result<LabelTable, Nonsense> {
    let layers = Vec::<Layer>::read(input)?;
    let mut layered = LabelTable::of_layers(layers).ok_or(Nonsense)?;
    for label in table.labels() {
        let layer = LayerId::read(input)?;
        layered.layer(layer).ok_or(Nonsense)?;
        layered.insert(Label {
            layer,
            ..label.clone()
        });
    }
    Ok(layered)
}

impl Coded for LayerId {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Nonsense> {
        u16::read(input).map(Self)
    }
}

impl Coded for Layer {
    fn put(&self, out: &mut Vec<u8>) {
        self.id.put(out);
        put_text(&self.name, out);
        self.visible.put(out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Nonsense> {
        Ok(Self {
            id: LayerId::read(input)?,
            name: String::read(input)?,
            visible: bool::read(input)?,
        })
    }
}
