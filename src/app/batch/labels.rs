//! `prosector labels`: a label map of a scan in another format, DICOM objects that refer to the scan's series included.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use crate::cli::{LabelObject, LabelsArgs, LayersArg, ScanArgs, SurfaceSpace};
use crate::io::{
    Approval, DicomObject, Export, Space, check_export, check_keeps, export_labels, is_dicom_name,
    is_surface_name,
};

use super::Refusal;
use super::console::Console;
use super::inputs::{self, labels_of_scan};
use super::outputs::{asked_layers, export_doubts};
use super::segment::{LabelReport, report_labels};
use super::words::plain;

/// What is printed as JSON.
#[derive(Serialize)]
struct Report<'a> {
    output: &'a Path,
    labels: Vec<LabelReport>,
    warnings: Vec<String>,
}

pub(super) fn run(args: &LabelsArgs) -> Result<(), Refusal> {
    let console = Console::new(args.json);
    let (object, space, approved) = (object(args)?, space(args)?, approved(args)?);
    check_export(&args.output)?;
    check_keeps(&args.output, &[args.labels.as_path(), args.scan.as_path()])?;
    let ctx = console.context();
    let scan = ScanArgs {
        path: args.scan.clone(),
        series: args.series.clone(),
        frame: None,
        frames_of_slice: None,
    };
    let scan = inputs::open(&scan, None, &ctx)?;
    let (read, doubts) = labels_of_scan(&args.labels, &scan.target(), &ctx)?;
    // What somebody approved was all of it.
    let before = read.approval.as_ref();
    let before = before.filter(|_| args.layers == LayersArg::All);
    let export = Export {
        source: scan.info.provenance.as_deref(),
        details: &read.details,
        author: None,
        approval: approved.as_ref().or(before),
        object,
        space,
    };
    let (layers, table) = asked_layers(&read.layers, &read.table, args.layers)?;
    let told = export_labels(&args.output, &layers, &table, &export)?;
    let mut warnings = [scan.warnings.clone(), doubts, plain(&told)].concat();
    if !is_dicom_name(&args.output) && !is_surface_name(&args.output) {
        warnings.extend(export_doubts(layers.grid()));
    }
    let (maps, axis) = (layers.maps().iter(), scan.image.third_axis());
    let report = Report {
        output: &args.output,
        labels: maps
            .flat_map(|map| report_labels(map, &table, axis))
            .collect(),
        warnings,
    };
    console.warnings(&report.warnings);
    console.result(&report, || in_words(&report));
    Ok(())
}

/// Which axes are asked for.
fn space(args: &LabelsArgs) -> Result<Space, Refusal> {
    match args.space {
        None => Ok(Space::default()),
        Some(_) if !is_surface_name(&args.output) => Err(Refusal::Usage(
            "--space is for surfaces: give an output that ends as .stl, .obj, .ply or .glb, or leave it out"
                .to_owned(),
        )),
        Some(SurfaceSpace::Ras) => Ok(Space::Ras),
        Some(SurfaceSpace::Lps) => Ok(Space::Lps),
    }
}

/// Which DICOM object is asked for.
fn object(args: &LabelsArgs) -> Result<DicomObject, Refusal> {
    let Some(asked) = args.object else {
        return Ok(DicomObject::default());
    };
    if !is_dicom_name(&args.output) {
        return Err(Refusal::Usage(
            "--as is for DICOM: give an output that ends as .dcm, or leave it out".to_owned(),
        ));
    }
    match asked {
        LabelObject::Seg => Ok(DicomObject::Seg),
        LabelObject::Labelmap => Ok(DicomObject::LabelMap),
        LabelObject::Rtstruct => Ok(DicomObject::RtStruct),
    }
}

/// Who approves the structures by this command, if somebody does.
fn approved(args: &LabelsArgs) -> Result<Option<Approval>, Refusal> {
    let reviewer = args.approved_by.as_deref().map(str::trim);
    match reviewer {
        Some(_) if args.object != Some(LabelObject::Rtstruct) => Err(Refusal::Usage(
            "--approved-by is for --as rtstruct: no other format says who approved labels"
                .to_owned(),
        )),
        Some("") => Err(Refusal::Usage(
            "--approved-by needs the name of the reviewer".to_owned(),
        )),
        reviewer => Ok(reviewer.map(Approval::now)),
    }
}

fn in_words(report: &Report) -> String {
    let mut text = format!("{}\n", report.output.display());
    for label in &report.labels {
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "{:>5} {:<24} {:>10} voxels",
            label.value, label.name, label.voxels
        );
    }
    text
}
