//! An angle: the end of an arm, the vertex, the end of the other arm.

use super::{Reading, Shape, alone};

pub const SHAPE: Shape = Shape {
    id: "angle",
    title: "Angle",
    points: 3,
    reading: |points, _image| {
        let (a, b) = (points[0] - points[1], points[2] - points[1]);
        // Exact for small angles too, where the cosine alone is not.
        let degrees = a.cross(b).length().atan2(a.dot(b)).to_degrees();
        let has_arms = a.length() > 0.0 && b.length() > 0.0;
        Reading {
            degrees: has_arms.then_some(degrees),
            ..Reading::default()
        }
    },
    line: <[_]>::to_vec,
    pulled: alone,
};
