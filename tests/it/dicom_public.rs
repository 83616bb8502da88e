//! Public reports as small inputs: each against what pydicom makes of it, and all within a limit of memory.

use std::path::Path;
use std::process::Command;

use prosector::geometry::Affine;
use prosector::io::{IoError, OpenOptions};
use prosector::volume::Grid;
use serde::Deserialize;

use crate::dicom::open;
use crate::support::{shared, told};

/// A row of `tests/data/dicom_public_cases.json`, made by `tests/make_dicom_public_cases.py`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Row {
    Frame(Box<Frame>),
    Refused { path: String, refused: String },
}

#[derive(Deserialize)]
struct Frame {
    path: String,
    frame: usize,
    frames: usize,
    dims: [usize; 3],
    affine: [[f64; 4]; 4],
    sum: f64,
    samples: Vec<([usize; 3], f64)>,
    warning: Option<String>,
}

fn rows() -> Vec<Row> {
    serde_json::from_str(include_str!("../data/dicom_public_cases.json"))
        .expect("the public cases are JSON")
}

fn frame(number: usize) -> OpenOptions {
    OpenOptions {
        frame: Some(number),
        ..OpenOptions::default()
    }
}

#[test]
fn public_cases_read_as_pydicom_reads_them() {
    for row in rows() {
        match row {
            Row::Frame(expected) => check(&expected),
            Row::Refused { path, refused } => {
                let Some(full) = shared(&path) else { return };
                let error = match open(&full, &OpenOptions::default()) {
                    Ok(_) => panic!("{path} should be refused"),
                    Err(e) => e.to_string(),
                };
                assert!(error.contains(&refused), "{path}: {error}");
            }
        }
    }
}

fn check(expected: &Frame) {
    let path = &expected.path;
    let Some(full) = shared(path) else { return };
    let scan = open(&full, &frame(expected.frame)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(scan.info.dims, Some(expected.dims), "{path}");
    assert_eq!(scan.info.frames, Some(expected.frames), "{path}");
    assert_eq!(scan.info.series.len(), 1, "{path}");
    let affine = Affine::from_rows(&expected.affine).expect("pydicom's affine is sound");
    let grid = scan.image.grid();
    assert!(
        grid.is_same(&Grid::new(expected.dims, affine), 1e-3),
        "{path}"
    );
    for &([i, j, k], value) in &expected.samples {
        let here = scan.image.value(grid.offset(i, j, k));
        let off = (here - value).abs();
        let frame = expected.frame;
        assert!(
            off <= 1e-12 * value.abs(),
            "{path}, frame {frame}, at {i},{j},{k}: {here}, not {value}"
        );
    }
    let sum: f64 = (0..grid.len()).map(|o| scan.image.value(o)).sum();
    assert!((sum - expected.sum).abs() < 1e-3, "{path}: {sum}");
    if let Some(part) = &expected.warning {
        let warnings = told(&scan.info.warnings).join("\n");
        assert!(warnings.contains(part), "{path}: {warnings}");
        assert!(!warnings.contains("--"), "{path}: {warnings}");
    }
    let beyond = open(&full, &frame(expected.frames));
    assert!(matches!(beyond, Err(IoError::NoSuchFrame { .. })), "{path}");
}

#[test]
fn a_scout_of_a_series_is_no_series() {
    let Some(path) = shared("data/public_cases/F53_ct_scout") else {
        return;
    };
    let scan = open(&path, &OpenOptions::default()).unwrap_or_else(|e| panic!("{e}"));
    let other = &scan.info.other;
    assert_eq!((other[0].kind.as_str(), other[0].count), ("localizer", 1));
}

#[test]
fn native_colours_that_pixels_share_are_read() {
    let Some(path) = shared("data/public_cases/F32_us422") else {
        return;
    };
    let scan = open(&path, &OpenOptions::default()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(scan.info.dims, Some([12, 8, 3]));
    let colours = scan.image.colours().expect("it is in colour");
    // As pydicom's convert_color_space gives them, within a rounding.
    for (frame, expected) in [[200, 0, 0], [0, 200, 0], [1, 0, 200]].iter().enumerate() {
        for colour in &colours[frame * 96..][..96] {
            let close = colour
                .iter()
                .zip(expected)
                .all(|(&a, &b): (&u8, &u8)| a.abs_diff(b) <= 2);
            assert!(close, "{colour:?} is not {expected:?} in frame {frame}");
        }
    }
}

/// Address space for the whole program, its code and threads included: far less than what files of a few bytes made the
/// reader ask for.
const LIMIT_KIB: u64 = 700_000;

/// Exit code of `info` under the limit, and what it said.
pub fn limited_info(path: &Path) -> (Option<i32>, String) {
    let command = format!("ulimit -v {LIMIT_KIB} && exec \"$0\" info \"$1\"");
    let output = Command::new("sh")
        .args(["-c", &command, env!("CARGO_BIN_EXE_prosector")])
        .arg(path)
        .env("RAYON_NUM_THREADS", "2")
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[test]
#[cfg(target_os = "linux")]
fn public_cases_need_little_memory() {
    for row in rows() {
        let (path, expected) = match row {
            Row::Frame(f) if f.frame == 0 => (f.path, 0),
            Row::Frame(_) => continue,
            Row::Refused { path, .. } => (path, 1),
        };
        let Some(full) = shared(&path) else { return };
        let (code, said) = limited_info(&full);
        assert_eq!(code, Some(expected), "{path}: {said}");
    }
}
