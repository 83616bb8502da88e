//! `prosector info`: what a scan is.

use std::fmt::Write;

use serde::Serialize;

use crate::cli::InfoArgs;
use crate::io::{ScanInfo, inspect};

use super::Refusal;
use super::console::Console;
use super::inputs::open_options;
use super::words::with_options;

/// What is printed as JSON.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    info: &'a ScanInfo,
    warnings: Vec<String>,
}

pub(super) fn run(args: &InfoArgs) -> Result<(), Refusal> {
    let console = Console::new(args.json);
    let options = open_options(&args.scan, None);
    let (info, _) = inspect(&args.scan.path, &options, &console.context())?;
    let report = Report {
        info: &info,
        warnings: with_options(&info.warnings),
    };
    console.warnings(&report.warnings);
    console.result(&report, || describe(&info));
    Ok(())
}

/// The facts, a line each.
fn describe(info: &ScanInfo) -> String {
    let mut text = String::new();
    let mut fact = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "{name:<10} {value}");
        }
    };
    fact(
        "voxels",
        info.dims.map(|d| d.map(|n| n.to_string()).join(" x ")),
    );
    fact(
        "frames",
        info.frames
            .filter(|&n| n > 1)
            .map(|n| format!("{n}, frame {} read", info.frame)),
    );
    fact(
        "spacing",
        info.spacing_mm
            .map(|s| format!("{} mm", s.map(|v| format!("{v:.4}")).join(" x "))),
    );
    fact(
        "time",
        info.time.map(|time| match time.frame_ms {
            Some(ms) => format!("the third axis: frames {ms} ms apart"),
            None => "the third axis".to_owned(),
        }),
    );
    for (row, name) in info
        .affine
        .iter()
        .flatten()
        .zip(["x (R) mm", "y (A) mm", "z (S) mm"])
    {
        let [i, j, k, o] = row.map(|v| format!("{v:>10.4}"));
        fact(name, Some(format!("= {i} i {j} j {k} k {o}")));
    }
    fact("stored as", info.dtype.clone());
    fact(
        "modality",
        info.modality.map(|m| {
            let guessed = if info.modality_guessed {
                " (guessed)"
            } else {
                ""
            };
            format!("{}{guessed}", m.name())
        }),
    );
    fact(
        "values",
        info.value_range
            .map(|(low, high)| format!("{low} to {high}")),
    );
    for s in &info.series {
        let size = s.dims.map(|n| n.to_string()).join("x");
        let line = format!(
            "{} {} {size}, {} images, {:?}",
            s.uid, s.modality, s.images, s.description
        );
        fact("series", Some(line));
    }
    for labels in &info.labels {
        let line = format!("{}, {}", labels.title(), labels.path.display());
        fact("labels", Some(line));
    }
    for other in &info.other {
        fact("other", Some(format!("{} x {}", other.count, other.kind)));
    }
    text
}
