//! What is drawn to be measured: lengths, angles, regions.

use crate::geometry::WorldPoint;
use crate::models::ScanKey;
use crate::volume::measurement::{Measurement, Reading};

use super::effect::{Effect, Effects};
use super::{Case, MeasureCommand};

/// What was measured last, so that nothing is measured anew in every frame.
#[derive(Debug, Default)]
pub(super) struct Readings {
    of: Option<ScanKey>,
    rows: Vec<(Measurement, Reading)>,
}

impl Case {
    /// What is drawn, each with what is measured of it, in the order of drawing.
    pub fn measured(&self) -> &[(Measurement, Reading)] {
        &self.readings.rows
    }

    /// Why something through these places cannot be measured, in one line.
    pub fn keeps_from_measuring(&self, points: &[WorldPoint]) -> Option<&'static str> {
        /// Frames count along this voxel axis.
        const TIME_AXIS: usize = 2;
        let time = self.scan.info.time?;
        if !time.has_scale {
            return Some(
                "nothing says how long a pixel of these pictures is, so nothing can be measured",
            );
        }
        let frame = |p: &WorldPoint| self.grid().voxel_from_world(*p).nearest().0[TIME_AXIS];
        let mut frames = points.iter().map(frame);
        let first = frames.next();
        frames.any(|f| Some(f) != first).then_some(
            "the third axis is time, which has no length: measure in a view of the frames",
        )
    }

    pub(super) fn apply_measure(&mut self, command: MeasureCommand, out: &mut Effects) {
        let mark = self.document.mark();
        let drawn = &self.document.measurements;
        let (step, changed) = match command {
            MeasureCommand::Draw { shape, points } => {
                let highest = drawn.iter().map(|m| m.number).max().unwrap_or(0);
                let number = highest.saturating_add(1);
                ("measure", Measurement::new(number, shape, points))
            }
            MeasureCommand::Change { number, points } => {
                let Some(before) = drawn.iter().find(|m| m.number == number) else {
                    return;
                };
                let changed = Measurement::new(number, before.shape, points);
                ("move measurement", changed)
            }
            MeasureCommand::Remove(number) => {
                self.document.measurements.retain(|m| m.number != number);
                self.document
                    .commit("remove measurement", mark, Vec::new(), out);
                out.push(Effect::ViewChanged);
                return;
            }
        };
        let Some(changed) = changed else {
            out.refuse("a measurement needs all of its places: draw it again");
            return;
        };
        if let Some(reason) = self.keeps_from_measuring(changed.points()) {
            out.refuse(reason);
            return;
        }
        let drawn = &mut self.document.measurements;
        match drawn.iter_mut().find(|m| m.number == changed.number) {
            Some(before) => *before = changed,
            None => drawn.push(changed),
        }
        self.document.commit(step, mark, Vec::new(), out);
        out.push(Effect::ViewChanged);
    }

    /// Measures what is new, on this scan.
    pub(super) fn update_readings(&mut self) {
        let (drawn, key) = (self.document.measurements(), self.scan.key);
        let same_scan = self.readings.of == Some(key);
        let rows = &self.readings.rows;
        if same_scan && rows.iter().map(|(m, _)| m).eq(drawn) {
            return;
        }
        let known = |m: &Measurement| {
            let row = rows.iter().find(|(k, _)| k == m).filter(|_| same_scan);
            row.map(|(_, reading)| *reading)
        };
        let image = &self.scan.image;
        let rows = drawn.iter().map(|m| {
            let reading = known(m).unwrap_or_else(|| m.reading(image));
            (m.clone(), reading)
        });
        self.readings = Readings {
            rows: rows.collect(),
            of: Some(key),
        };
    }
}
