//! Measurements in a file beside the labels, as 3D Slicer's markups (`.mrk.json`), which it opens: a distance is a line, an
//! ellipse a closed curve through the ends of its axes. `ct_labels.nii.gz` has `ct_labels.measurements.mrk.json`.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use glam::DVec3;
use serde_json::{Value, json};

use crate::geometry::WorldPoint;
use crate::volume::measurement::{ANGLE, DISTANCE, ELLIPSE, Measurement, Shape};

use super::{IoError, atomic, format};

const SCHEMA: &str = "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/markups-schema-v1.0.3.json#";

/// Says which of our shapes a markup is; 3D Slicer ignores it.
const OURS: &str = "prosectorShape";

/// How far places that were written may be from those read back.
const ROUNDING_MM: f64 = 1e-6;

/// More bytes are no measurements of one scan.
const MOST_BYTES: u64 = 16 << 20;

/// The file that the measurements of these labels are in.
pub fn measurements_path(labels: &Path) -> PathBuf {
    let name = labels.file_name().unwrap_or_default().to_string_lossy();
    let (stem, _) = format::split_ending(&name);
    labels.with_file_name(format!("{stem}.measurements.mrk.json"))
}

/// The measurements beside labels; none where there is no such file. Markups that are none of ours are left out.
///
/// # Errors
/// There is a file that cannot be read, or is no file of markups.
pub fn open_measurements(labels: &Path) -> Result<Vec<Measurement>, IoError> {
    let path = measurements_path(labels);
    let markups = markups_in(&path)?.unwrap_or_default();
    Ok(measurements_of(&markups))
}

fn measurements_of(markups: &[Value]) -> Vec<Measurement> {
    let mut found: Vec<Measurement> = Vec::new();
    for markup in markups {
        if let Some((number, shape, points)) = read(markup) {
            let is_taken = |n: u32| found.iter().any(|m| m.number == n);
            let unused = || (1..).find(|n| !is_taken(*n));
            let number = number.filter(|n| !is_taken(*n)).or_else(unused);
            found.extend(Measurement::new(number.unwrap_or(0), shape, points));
        }
    }
    found
}

/// Whether two lists are the same but for the last digits, which JSON does not keep.
fn is_same(a: &[Measurement], b: &[Measurement]) -> bool {
    let near = |a: &Measurement, b: &Measurement| {
        let mut places = a.points().iter().zip(b.points());
        let is_near = places.all(|(p, q)| p.0.distance(q.0) <= ROUNDING_MM);
        a.number == b.number && a.shape == b.shape && is_near
    };
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| near(a, b))
}

/// Writes the measurements of labels beside them, atomically and read back; what else is in that file stays. Without
/// measurements no file is begun.
///
/// # Errors
/// [`IoError::Output`] with what is in the way, also where there is a file of that name that is none of markups.
pub fn save_measurements(labels: &Path, drawn: &[Measurement]) -> Result<(), IoError> {
    let path = measurements_path(labels);
    let before = match markups_in(&path) {
        Ok(None) if drawn.is_empty() => return Ok(()),
        Err(_) if drawn.is_empty() => return Ok(()),
        Ok(before) => before.unwrap_or_default(),
        Err(_) => {
            let reason =
                "another file has the name of the measurements: move it away, then save again";
            return Err(IoError::output(&path, reason));
        }
    };
    let others = before.into_iter().filter(|m| read(m).is_none());
    let markups: Vec<Value> = drawn.iter().map(markup_of).chain(others).collect();
    let file = json!({ "@schema": SCHEMA, "markups": markups });
    let text = format!("{file:#}\n");
    let verify = |written: &Path| {
        let found = markups_in(written).map_err(|e| e.to_string())?;
        let found = measurements_of(&found.unwrap_or_default());
        is_same(&found, drawn)
            .then_some(())
            .ok_or_else(|| "other measurements".to_owned())
    };
    atomic::replace_file(&path, |file| file.write_all(text.as_bytes()), verify)
}

/// The markups of a file; `None` where there is none.
fn markups_in(path: &Path) -> Result<Option<Vec<Value>>, IoError> {
    let size = match fs::metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(IoError::unreadable(path, e)),
        Ok(found) => found.len(),
    };
    let refuse = || IoError::damaged(path, "it is no file of 3D Slicer's markups");
    if size > MOST_BYTES {
        return Err(refuse());
    }
    let bytes = fs::read(path).map_err(|e| IoError::unreadable(path, e))?;
    let mut file: Value = serde_json::from_slice(&bytes).map_err(|_no_json| refuse())?;
    match file["markups"].take() {
        Value::Array(markups) => Ok(Some(markups)),
        _ => Err(refuse()),
    }
}

/// LPS from RAS, and back. No zero is negative.
fn flipped(p: DVec3) -> DVec3 {
    DVec3::new(-p.x, -p.y, p.z) + 0.0
}

/// The name that 3D Slicer gives to what has such places.
fn kind_of(shape: Shape) -> &'static str {
    match shape {
        s if s == DISTANCE => "Line",
        s if s == ANGLE => "Angle",
        _ => "ClosedCurve",
    }
}

fn markup_of(drawn: &Measurement) -> Value {
    let places: Vec<DVec3> = drawn.points().iter().map(|p| p.0).collect();
    let places = match places[..] {
        [c, u, v] if drawn.shape == ELLIPSE => vec![u, v, c * 2.0 - u, c * 2.0 - v],
        _ => places,
    };
    let points = places.iter().enumerate().map(|(n, p)| {
        json!({
            "id": (n + 1).to_string(),
            "position": flipped(*p).to_array(),
            "positionStatus": "defined",
        })
    });
    json!({
        "type": kind_of(drawn.shape),
        "name": drawn.title(),
        OURS: drawn.shape.id,
        "coordinateSystem": "LPS",
        "coordinateUnits": "mm",
        "controlPoints": points.collect::<Vec<_>>(),
    })
}

/// Number, shape and places of a markup; `None` where it is none of ours.
fn read(markup: &Value) -> Option<(Option<u32>, Shape, Vec<WorldPoint>)> {
    let shape = match (markup[OURS].as_str(), markup["type"].as_str()?) {
        (Some(id), _) => Shape::of(id)?,
        (None, "Line") => DISTANCE,
        (None, "Angle") => ANGLE,
        _ => return None,
    };
    // What files say nothing of is LPS.
    let is_ras = markup["coordinateSystem"].as_str() == Some("RAS");
    let place = |point: &Value| {
        let p = point["position"].as_array().filter(|p| p.len() == 3)?;
        let p = DVec3::new(p[0].as_f64()?, p[1].as_f64()?, p[2].as_f64()?);
        Some(if is_ras { p } else { flipped(p) })
    };
    let points = markup["controlPoints"].as_array()?.iter();
    let places: Vec<DVec3> = points.map(place).collect::<Option<_>>()?;
    let places = match places[..] {
        [u, v, opposite, _] if shape == ELLIPSE => vec![u.midpoint(opposite), u, v],
        _ => places,
    };
    let number = markup["name"].as_str().and_then(|name| {
        let last = name.split_whitespace().last()?;
        last.parse().ok()
    });
    let points: Vec<WorldPoint> = places.into_iter().map(WorldPoint).collect();
    Measurement::new(0, shape, points.clone())?;
    Some((number, shape, points))
}
