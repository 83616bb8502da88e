//! `prosector register`: how one scan of a patient lies on another.

use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use crate::cli::RegisterArgs;
use crate::geometry::RigidTransform;
use crate::io::{check_keeps, check_transform, open_transform, save_transform};
use crate::registration::register;

use super::Refusal;
use super::console::Console;
use super::inputs;

#[derive(Serialize)]
struct Report {
    /// Rows of the map from the moving scan's world to the fixed one's, RAS mm.
    fixed_from_moving: [[f64; 4]; 4],
    rotation_deg: f64,
    /// How far the middle of the moving scan goes.
    shift_mm: [f64; 3],
    information: f64,
    information_before: Option<f64>,
    overlap: f64,
    seconds: f64,
    warnings: Vec<String>,
}

/// A smaller part of the scans in common makes the result worth a look.
const SMALL_OVERLAP: f64 = 0.6;

pub(super) fn run(args: &RegisterArgs) -> Result<(), Refusal> {
    let console = Console::new(args.json);
    check_transform(&args.output)?;
    let mut files = vec![args.fixed.as_path(), args.moving.as_path()];
    files.extend(args.start.as_deref());
    check_keeps(&args.output, &files)?;
    let start = args.start.as_deref().map(open_transform).transpose()?;
    let ctx = console.context();
    let open = |path: &Path| inputs::open(&inputs::whole(path), None, &ctx);
    let (fixed, moving) = (open(&args.fixed)?, open(&args.moving)?);
    let began = Instant::now();
    let registered = register(
        &fixed.image,
        &moving.image,
        start.unwrap_or(RigidTransform::IDENTITY),
        &ctx,
    )
    .map_err(|error| Refusal::Other(error.to_string()))?;
    save_transform(&args.output, &registered.fixed_from_moving)?;
    let map = registered.fixed_from_moving;
    let mut warnings = [fixed.warnings, moving.warnings].concat();
    if registered.overlap < SMALL_OVERLAP {
        let percent = registered.overlap * 100.0;
        warnings.push(format!(
            "only {percent:.0} % of the smaller scan lie within the other: look at the result before using it"
        ));
    }
    let report = Report {
        fixed_from_moving: map.to_rows(),
        rotation_deg: map.angle_deg(),
        shift_mm: map.shift_at(moving.image.grid().middle()).to_array(),
        information: registered.information,
        information_before: registered.information_before,
        overlap: registered.overlap,
        seconds: began.elapsed().as_secs_f64(),
        warnings,
    };
    console.warnings(&report.warnings);
    console.result(&report, || {
        let [x, y, z] = report.shift_mm;
        format!(
            "{}: turned by {:.2} degrees, its middle moved by {x:.2}, {y:.2}, {z:.2} mm (RAS)",
            args.output.display(),
            report.rotation_deg
        )
    });
    Ok(())
}
