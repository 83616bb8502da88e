//! What was drawn and measured as a table of comma-separated values, one measurement a line.

use super::{Measurement, Reading};

const COLUMNS: &str = "measurement,kind,length_mm,short_mm,angle_deg,area_mm2,voxels,mean,sd,min,max,median,points_ras_mm";

/// The table with a line of names first. Places stand in one cell: `x y z; x y z`.
pub fn measurements_csv(rows: &[(Measurement, Reading)]) -> String {
    let lines = rows.iter().map(|(drawn, reading)| {
        let number = |v: Option<f64>| v.map_or(String::new(), |v| v.to_string());
        let values = reading.values;
        let places = drawn.points().iter().map(|p| {
            let [x, y, z] = p.0.to_array();
            format!("{x} {y} {z}")
        });
        [
            drawn.title(),
            drawn.shape.id.to_owned(),
            number(reading.length_mm),
            number(reading.short_mm),
            number(reading.degrees),
            number(reading.area_mm2),
            reading.voxels.map_or(String::new(), |n| n.to_string()),
            number(values.map(|v| v.mean)),
            number(values.and_then(|v| v.sd)),
            number(values.map(|v| v.min)),
            number(values.map(|v| v.max)),
            number(values.map(|v| v.median)),
            places.collect::<Vec<_>>().join("; "),
        ]
        .join(",")
    });
    let lines: Vec<String> = [COLUMNS.to_owned()].into_iter().chain(lines).collect();
    lines.join("\n")
}
