//! A length between two places.

use super::{Reading, Shape, alone};

pub const SHAPE: Shape = Shape {
    id: "distance",
    title: "Distance",
    points: 2,
    reading: |points, _image| Reading {
        length_mm: Some(points[0].distance(points[1])),
        ..Reading::default()
    },
    line: <[_]>::to_vec,
    pulled: alone,
};
