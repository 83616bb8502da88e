//! Lengths, angles and regions that are drawn over a scan and kept with its labels: a table with one file a shape.
//!
//! Their places are in the patient (RAS, mm), so that what is measured is right on voxels of any shape and tilt, and stays
//! where it is when the same scan is worked on in other voxels.

mod angle;
mod csv;
mod distance;
mod ellipse;

use std::fmt;

use glam::DVec3;

use crate::geometry::WorldPoint;

use super::ImageVolume;
use super::statistics::Intensity;

pub use csv::measurements_csv;

/// All shapes, in the order of menus.
pub const SHAPES: &[Shape] = &[distance::SHAPE, angle::SHAPE, ellipse::SHAPE];

/// A length between two places.
pub const DISTANCE: Shape = distance::SHAPE;
/// An angle between two arms.
pub const ANGLE: Shape = angle::SHAPE;
/// A flat region, and the scan's values in it.
pub const ELLIPSE: Shape = ellipse::SHAPE;

/// What can be drawn.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Names it in files.
    pub id: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// How many places make one, at most [`Shape::MOST_POINTS`].
    pub points: usize,
    /// What is measured; the places are in mm, as many as there are to be.
    reading: fn(&[DVec3], &ImageVolume) -> Reading,
    /// The line that shows it, in mm.
    line: fn(&[DVec3]) -> Vec<DVec3>,
    /// The places when one of them, by its number, is pulled elsewhere.
    pulled: fn(&[DVec3], usize, DVec3) -> Vec<DVec3>,
}

impl Shape {
    /// No shape has more places.
    pub const MOST_POINTS: usize = 3;

    /// The shape of this id.
    pub fn of(id: &str) -> Option<Self> {
        SHAPES.iter().copied().find(|shape| shape.id == id)
    }
}

impl PartialEq for Shape {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)
    }
}

/// Something that was drawn to be measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// Tells it from the others of a case.
    pub number: u32,
    /// What it is.
    pub shape: Shape,
    points: Vec<WorldPoint>,
}

/// What is measured of one; parts that a shape does not have are empty.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Reading {
    /// A length, or the longer axis of a region.
    pub length_mm: Option<f64>,
    /// The shorter axis of a region.
    pub short_mm: Option<f64>,
    /// An angle between 0 and 180.
    pub degrees: Option<f64>,
    /// The area of a region.
    pub area_mm2: Option<f64>,
    /// The number of voxels whose centres lie in a region.
    pub voxels: Option<usize>,
    /// The scan's values at these.
    pub values: Option<Intensity>,
}

impl Measurement {
    /// One that goes through these places; `None` where they are not as many as the shape has, or not finite.
    pub fn new(number: u32, shape: Shape, points: Vec<WorldPoint>) -> Option<Self> {
        let is_finite = points.iter().all(|p| p.0.is_finite());
        (points.len() == shape.points && is_finite).then_some(Self {
            number,
            shape,
            points,
        })
    }

    /// Its places in the patient.
    pub fn points(&self) -> &[WorldPoint] {
        &self.points
    }

    /// What it is called.
    pub fn title(&self) -> String {
        format!("{} {}", self.shape.title, self.number)
    }

    /// What is measured of it, on this scan.
    pub fn reading(&self, image: &ImageVolume) -> Reading {
        (self.shape.reading)(&self.places(), image)
    }

    /// The line that shows it.
    pub fn line(&self) -> Vec<WorldPoint> {
        let line = (self.shape.line)(&self.places());
        line.into_iter().map(WorldPoint).collect()
    }

    /// The same with one of its places, by its number, pulled elsewhere.
    pub fn pulled(&self, point: usize, to: WorldPoint) -> Self {
        let pulled = (self.shape.pulled)(&self.places(), point, to.0);
        Self {
            points: pulled.into_iter().map(WorldPoint).collect(),
            ..self.clone()
        }
    }

    fn places(&self) -> Vec<DVec3> {
        self.points.iter().map(|p| p.0).collect()
    }
}

impl Reading {
    /// In words, a line for each thing that is measured.
    pub fn texts(&self) -> Vec<String> {
        let length = match (self.length_mm, self.short_mm) {
            (Some(long), Some(short)) => Some(format!("{long:.1} x {short:.1} mm")),
            (long, _) => long.map(|mm| format!("{mm:.1} mm")),
        };
        let degrees = self.degrees.map(|d| format!("{d:.1}\u{b0}"));
        let area = self.area_mm2.map(|area| match area {
            a if a >= 100.0 => format!("{:.2} cm\u{b2}", a / 100.0),
            a => format!("{a:.1} mm\u{b2}"),
        });
        let values = self.values.map(|values| match values.sd {
            Some(sd) => format!("mean {} SD {}", figure(values.mean), figure(sd)),
            None => format!("mean {}", figure(values.mean)),
        });
        [length, degrees, area, values]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// A value of a scan in as many digits as say something.
pub fn figure(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

/// The place that is pulled is elsewhere, the others stay.
fn alone(points: &[DVec3], point: usize, to: DVec3) -> Vec<DVec3> {
    let mut points = points.to_vec();
    if let Some(pulled) = points.get_mut(point) {
        *pulled = to;
    }
    points
}
