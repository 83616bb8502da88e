//! What later versions added to records: measurements, and opacities and groups of labels. It follows what records had
//! before, and only where there is any of it, so that other work is written as earlier versions wrote it.

use glam::DVec3;

use crate::geometry::WorldPoint;
use crate::session::document::step::{Change, Step};
use crate::volume::measurement::{Measurement, Shape};
use crate::volume::{Label, LabelTable};

use super::Begin;
use super::bytes::{Coded, Input, Nonsense, put_text};

/// Whether any label looks or is listed as none does at first.
fn has_looks(table: &LabelTable) -> bool {
    let is_plain = |l: &Label| l.opacity_percent == Label::OPAQUE && l.group.is_empty();
    !table.labels().iter().all(is_plain)
}

/// Whether a step has anything of this.
pub fn is_in(step: &Step) -> bool {
    let mut tables = step.table.iter().flat_map(|t| [&t.before, &t.after]);
    step.measurements.is_some() || tables.any(has_looks)
}

/// Appends it to a step's record.
pub fn put(step: &Step, out: &mut Vec<u8>) {
    step.measurements.is_some().put(out);
    if let Some(measurements) = &step.measurements {
        measurements.before.put(out);
        measurements.after.put(out);
    }
    if let Some(table) = &step.table {
        put_looks(&table.before, out);
        put_looks(&table.after, out);
    }
}

/// Gives it to a step.
pub fn read(step: &mut Step, input: &mut Input<'_>) -> Result<(), Nonsense> {
    if bool::read(input)? {
        step.measurements = Some(Change {
            before: Vec::read(input)?,
            after: Vec::read(input)?,
        });
    }
    if let Some(table) = &mut step.table {
        read_looks(&mut table.before, input)?;
        read_looks(&mut table.after, input)?;
    }
    Ok(())
}

/// Whether what work begins with has anything of this.
pub fn is_in_begin(begin: &Begin) -> bool {
    !begin.measurements.is_empty() || has_looks(&begin.table)
}

/// Appends it to the record of a beginning.
pub fn put_begin(begin: &Begin, out: &mut Vec<u8>) {
    begin.measurements.put(out);
    put_looks(&begin.table, out);
}

/// Gives it to a beginning.
pub fn read_begin(begin: &mut Begin, input: &mut Input<'_>) -> Result<(), Nonsense> {
    begin.measurements = Vec::read(input)?;
    read_looks(&mut begin.table, input)
}

fn put_looks(table: &LabelTable, out: &mut Vec<u8>) {
    for label in table.labels() {
        label.opacity_percent.put(out);
        put_text(&label.group, out);
    }
}

fn read_looks(table: &mut LabelTable, input: &mut Input<'_>) -> Result<(), Nonsense> {
    let values: Vec<u16> = table.labels().iter().map(|l| l.value).collect();
    for value in values {
        let label = table.get_mut(value).ok_or(Nonsense)?;
        label.opacity_percent = Label::clamped_percent(u8::read(input)?);
        label.group = String::read(input)?;
    }
    Ok(())
}

impl Coded for Measurement {
    fn put(&self, out: &mut Vec<u8>) {
        self.number.put(out);
        put_text(self.shape.id, out);
        let points = self.points().iter().map(|p| p.0.to_array());
        points.collect::<Vec<[f64; 3]>>().put(out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Nonsense> {
        let number = u32::read(input)?;
        let shape = Shape::of(&String::read(input)?).ok_or(Nonsense)?;
        let points = Vec::<[f64; 3]>::read(input)?.into_iter();
        let points = points.map(|p| WorldPoint(DVec3::from_array(p))).collect();
        Self::new(number, shape, points).ok_or(Nonsense)
    }
}
