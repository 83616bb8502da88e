//! `prosector statistics`: what can be measured of each label of a scan.

use std::fmt::Write;

use serde::Serialize;

use crate::cli::StatisticsArgs;
use crate::volume::statistics::{Asked, Measured, Recist, Suv, csv, measure_all};
use crate::volume::{ImageVolume, LabelLayers, LabelTable};

use crate::app::uptake::suv_asked;

use super::Refusal;
use super::console::Console;
use super::inputs;

/// What was measured, and what is to be said about it.
struct Report {
    labels: Vec<Measured>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Printed<'a> {
    labels: Vec<Row>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct Row {
    value: u16,
    name: Option<String>,
    /// The number of its layer, the lowest being 0.
    layer: usize,
    voxels: usize,
    volume_ml: Option<f64>,
    mean: Option<f64>,
    sd: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    median: Option<f64>,
    surface_mm2: Option<f64>,
    longest_diameter_mm: Option<f64>,
    recist: Option<Recist>,
    centroid_mm: Option<[f64; 3]>,
    suv: Option<Suv>,
}

pub(super) fn run(args: &StatisticsArgs) -> Result<(), Refusal> {
    let console = Console::new(args.json);
    let ctx = console.context();
    let scan = inputs::open(&args.scan, None, &ctx)?;
    let mut warnings = scan.warnings.clone();
    warnings.extend(inputs::one_map_for_frames(&scan.info));
    let on_grid = inputs::on_one_grid(&scan, &args.labels, args.grid, &ctx)?;
    warnings.extend(on_grid.warnings);
    let (image, labels, table) = (on_grid.image, on_grid.layers, on_grid.table);
    let suv = suv_asked(&image, &scan.info, args.suv_threshold).unwrap_or_else(|reason| {
        warnings.push(reason);
        None
    });
    let asked = Asked {
        plane: args.plane,
        suv,
    };
    let report = report(&image, (&labels, &table), &asked, warnings, console);
    console.warnings(&report.warnings);
    if args.csv {
        console.line(&csv(&report.labels));
    } else {
        let rows: Vec<Row> = report.labels.iter().map(Row::new).collect();
        let words = in_words(&rows);
        let printed = Printed {
            labels: rows,
            warnings: &report.warnings,
        };
        console.result(&printed, || words);
    }
    Ok(())
}

fn report(
    image: &ImageVolume,
    labels: (&LabelLayers, &LabelTable),
    asked: &Asked,
    mut warnings: Vec<String>,
    console: Console,
) -> Report {
    let rows = measure_all(image, labels, asked, |share| {
        console.progress(share, "measuring");
    });
    if rows.is_empty() {
        warnings.push("the label map is empty: no voxel is labelled".to_owned());
    }
    let not_finite: usize = rows.iter().map(|row| row.statistics.not_finite).sum();
    if not_finite > 0 {
        warnings.push(format!(
            "{not_finite} labelled voxels hold no finite number; they are left out of mean, SD, min, max, median and SUV"
        ));
    }
    Report {
        labels: rows,
        warnings,
    }
}

impl Row {
    fn new(row: &Measured) -> Self {
        let measured = &row.statistics;
        let (intensity, shape) = (measured.intensity, measured.shape);
        Self {
            value: row.value,
            name: row.name.clone(),
            layer: row.layer,
            voxels: measured.voxels,
            volume_ml: shape.map(|s| s.volume_ml),
            mean: intensity.map(|i| i.mean),
            sd: intensity.and_then(|i| i.sd),
            min: intensity.map(|i| i.min),
            max: intensity.map(|i| i.max),
            median: intensity.map(|i| i.median),
            surface_mm2: shape.map(|s| s.surface_mm2),
            longest_diameter_mm: shape.map(|s| s.longest_diameter_mm),
            recist: measured.recist,
            centroid_mm: shape.map(|s| s.centroid_mm),
            suv: measured.suv,
        }
    }
}

/// A few lines for each label.
fn in_words(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let name = row.name.as_deref().unwrap_or_default();
        let number = |v: Option<f64>| v.map_or("-".to_owned(), |v| format!("{v:.2}"));
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "{} {name}: {} voxels, {} ml, surface {} mm2, longest diameter {} mm",
            row.value,
            row.voxels,
            number(row.volume_ml),
            number(row.surface_mm2),
            number(row.longest_diameter_mm),
        );
        let _ = writeln!(
            text,
            "    mean {} SD {} min {} max {} median {}",
            number(row.mean),
            number(row.sd),
            number(row.min),
            number(row.max),
            number(row.median),
        );
        if let Some(recist) = &row.recist {
            let (plane, slice) = (recist.plane.name().to_lowercase(), recist.slice);
            let (long_mm, short_mm) = (recist.long_mm, recist.short_mm);
            let _ = writeln!(
                text,
                "    RECIST {plane} slice {slice}: {long_mm:.1} x {short_mm:.1} mm"
            );
        }
        if let Some(suv) = &row.suv {
            let _ = writeln!(
                text,
                "    SUV max {:.2} peak {:.2} mean {:.2}; from {:.2}: MTV {:.2} ml, TLG {:.2}",
                suv.max, suv.peak, suv.mean, suv.threshold, suv.mtv_ml, suv.tlg
            );
        }
    }
    text
}
