//! What was measured as a table of comma-separated values, one label a line (RFC 4180).

use super::{LabelStatistics, Recist, Suv};

/// What was measured of a label that has a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Its value.
    pub value: u16,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// The number of its layer, the lowest being 0.
    pub layer: usize,
    /// What was measured.
    pub statistics: LabelStatistics,
}

const COLUMNS: &str = "value,name,layer,voxels,volume_ml,mean,sd,min,max,median,surface_mm2,longest_diameter_mm,\
                       recist_plane,recist_slice,recist_long_mm,recist_short_mm,centroid_x_mm,centroid_y_mm,\
                       centroid_z_mm,suv_max,suv_peak,suv_mean,suv_mtv_ml,suv_tlg,suv_threshold";

/// The table with a line of names first.
pub fn csv(rows: &[Measured]) -> String {
    let lines = rows.iter().map(|row| cells(row).join(","));
    let lines: Vec<String> = [COLUMNS.to_owned()].into_iter().chain(lines).collect();
    lines.join("\n")
}

/// The cells of a line, in the order of [`COLUMNS`].
fn cells(row: &Measured) -> Vec<String> {
    let number = |v: Option<f64>| v.map_or(String::new(), |v| v.to_string());
    let measured = &row.statistics;
    let (intensity, shape) = (measured.intensity, measured.shape);
    let (recist, suv): (Option<Recist>, Option<Suv>) = (measured.recist, measured.suv);
    let mut cells = vec![
        row.value.to_string(),
        quoted(row.name.as_deref().unwrap_or_default()),
        row.layer.to_string(),
        measured.voxels.to_string(),
    ];
    let values = [
        shape.map(|s| s.volume_ml),
        intensity.map(|i| i.mean),
        intensity.and_then(|i| i.sd),
        intensity.map(|i| i.min),
        intensity.map(|i| i.max),
        intensity.map(|i| i.median),
        shape.map(|s| s.surface_mm2),
        shape.map(|s| s.longest_diameter_mm),
    ];
    cells.extend(values.map(number));
    cells.push(recist.map_or(String::new(), |r| r.plane.name().to_lowercase()));
    cells.push(recist.map_or(String::new(), |r| r.slice.to_string()));
    let values = [recist.map(|r| r.long_mm), recist.map(|r| r.short_mm)];
    cells.extend(values.map(number));
    cells.extend([0, 1, 2].map(|d| number(shape.map(|s| s.centroid_mm[d]))));
    let of_suv = |part: fn(Suv) -> f64| number(suv.map(part));
    cells.extend([
        of_suv(|s| s.max),
        of_suv(|s| s.peak),
        of_suv(|s| s.mean),
        of_suv(|s| s.mtv_ml),
        of_suv(|s| s.tlg),
        of_suv(|s| s.threshold),
    ]);
    cells
}

/// A text as one cell of comma-separated values, on one line.
pub fn quoted(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    match text.contains([',', '"']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}
