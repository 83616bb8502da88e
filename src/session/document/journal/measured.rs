//! Measurements in records: what follows where any are drawn.

use glam::DVec3;

use crate::geometry::WorldPoint;
use crate::volume::measurement::{Measurement, Shape};

use super::bytes::{Coded, Input, Nonsense, put_text};

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
