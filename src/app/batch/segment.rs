//! `prosector segment`: a label map or a mask on the scan's own grid.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cli::{ChannelArg, SegmentArgs};
use crate::io::{save_image, save_labels, save_mask};
use crate::models::{Certainty, Estimate, ModelCard, Nothing, ScanKey};
use crate::prompt::PromptSet;
use crate::volume::{
    Grid, ImageVolume, LabelMap, LabelTable, Mask, Modality, Rescale, ThirdAxis, VoxelData,
};

use super::Refusal;
use super::console::Console;
use super::inputs::{self, OpenedScan};
use super::model_run::{ModelRun, Timed};
use super::outputs::{check_results, export_doubts};
use super::{prompts, segment_cases};

/// One command opens one scan.
const SCAN: ScanKey = ScanKey(1);

/// What `--json` prints.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    #[serde(default)]
    pub(super) labels: Vec<LabelReport>,
    predicted_dice: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    predicted_iou: Option<f32>,
    device: String,
    pub(super) seconds: f64,
    pub(super) warnings: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LabelReport {
    pub(super) value: u16,
    pub(super) name: String,
    pub(super) voxels: usize,
    /// `None` where the third axis is time.
    volume_ml: Option<f64>,
}

pub(super) fn run(args: &SegmentArgs) -> Result<(), Refusal> {
    let console = Console::new(args.json);
    if segment_cases::is_meant(args) {
        return segment_cases::run(args, console);
    }
    let results: Vec<&Path> = [Some(&args.output), args.uncertainty.as_ref()]
        .into_iter()
        .flatten()
        .map(PathBuf::as_path)
        .collect();
    check_results(&results, &files_read(args))?;
    let ctx = console.context();
    let scan = inputs::open(&args.scan, args.modality.modality, &ctx)?;
    let grid = *scan.image.grid();
    let mut report = if args.auto {
        let model = ModelRun::open(args.model.as_deref(), &args.device.device, console)?;
        segment_auto(args, (&scan, SCAN), &args.output, &model, console)?
    } else {
        let prompts = prompts::on_grid(args, &grid)?;
        let (prior, doubts) = match &args.prior {
            Some(path) => {
                let (prior, doubts) = inputs::mask_on_grid(path, &grid, &ctx)?;
                (Some(prior), doubts)
            }
            None => (None, Vec::new()),
        };
        let mut report = segment_prompted(args, &scan, &prompts, prior, console)?;
        report.warnings.extend(doubts);
        report
    };
    report.warnings.extend(doubts_of(&scan));
    console.warnings(&report.warnings);
    console.result(&report, || describe(args, &report));
    Ok(())
}

/// What is to be said of results on a scan's grid.
pub(super) fn doubts_of(scan: &OpenedScan) -> Vec<String> {
    let of_frames = inputs::one_map_for_frames(&scan.info);
    let of_grid = export_doubts(scan.image.grid());
    of_frames.into_iter().chain(of_grid).collect()
}

/// The files that the command reads.
fn files_read(args: &SegmentArgs) -> Vec<&Path> {
    let mut files = vec![args.scan.path.as_path()];
    files.extend(args.prior.as_deref());
    files.extend(args.channels.iter().map(|c| c.path.as_path()));
    files.extend(args.model.as_deref().map(Path::new));
    files
}

/// Finds the structures of a scan, and writes them to `output`.
pub(super) fn segment_auto(
    args: &SegmentArgs,
    (scan, key): (&OpenedScan, ScanKey),
    output: &Path,
    model: &ModelRun,
    console: Console,
) -> Result<Report, Refusal> {
    let (image, others) = images(args, scan, &model.card, console)?;
    let wanted = args.structures.clone();
    let Timed { result, seconds } = model.auto(&image, others, key, wanted)?;
    let labels = report_labels(&result.labels, &result.table, scan.image.third_axis());
    let mut told = result.warnings;
    if labels.is_empty() {
        let none = result
            .nothing
            .map_or("no structure was found", Nothing::words);
        told.insert(0, format!("{none}: the label map is empty"));
    }
    let warnings = [scan.warnings.clone(), told].concat();
    let certainty = result.insight.as_ref().map(|i| &i.certainty);
    save_uncertainty(args, scan.image.grid(), certainty, &model.card)?;
    save_labels(output, &result.labels, &result.table)?;
    Ok(Report {
        labels,
        predicted_dice: result.estimate.map(Estimate::dice),
        predicted_iou: result.estimate.and_then(Estimate::iou),
        device: model.device_text(),
        seconds,
        warnings,
    })
}

/// The images that the model takes, in its order: the scan is the one that no `--channel` names.
fn images(
    args: &SegmentArgs,
    scan: &OpenedScan,
    card: &ModelCard,
    console: Console,
) -> Result<(Arc<ImageVolume>, Vec<Arc<ImageVolume>>), Refusal> {
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    let names = card.channels.join(", ");
    let unknown = |c: &&ChannelArg| !card.channels.iter().any(|name| same(name, &c.name));
    if let Some(unknown) = args.channels.iter().find(unknown) {
        let has = if names.is_empty() {
            "it takes one image, which has no name".to_owned()
        } else {
            format!("it has: {names}")
        };
        return Err(Refusal::Other(format!(
            "the model '{}' has no channel '{}'; {has}",
            card.id, unknown.name
        )));
    }
    if card.channels.is_empty() {
        return Ok((Arc::clone(&scan.image), Vec::new()));
    }
    let of_name = |name: &String| {
        args.channels
            .iter()
            .filter(|c| same(name, &c.name))
            .collect()
    };
    let given: Vec<Vec<&ChannelArg>> = card.channels.iter().map(of_name).collect();
    if let Some(twice) = given.iter().find(|files| files.len() > 1) {
        let text = format!("the channel '{}' is given twice", twice[0].name);
        return Err(Refusal::Usage(text));
    }
    let unnamed = given.iter().filter(|files| files.is_empty()).count();
    if unnamed > 1 {
        return Err(Refusal::Other(format!(
            "the model '{}' takes {} images of one grid ({names}), and {unnamed} are not named: give all but the scan with --channel NAME=FILE",
            card.id,
            given.len()
        )));
    }
    let mut images = Vec::with_capacity(given.len());
    for files in given {
        images.push(match files.first() {
            Some(file) => inputs::image_on_grid(&file.path, &scan.image, &console.context())?,
            None => Arc::clone(&scan.image),
        });
    }
    let others = images.split_off(1);
    Ok((images.remove(0), others))
}

fn segment_prompted(
    args: &SegmentArgs,
    scan: &OpenedScan,
    prompts: &PromptSet,
    prior: Option<Mask>,
    console: Console,
) -> Result<Report, Refusal> {
    let model = ModelRun::open(args.model.as_deref(), &args.device.device, console)?;
    let Timed { result, seconds } = match prior {
        Some(prior) => model.prompted(&scan.image, SCAN, prompts, Some(Arc::new(prior)))?,
        None => {
            let size = prompts::target_size(args.small, args.large);
            model.one_by_one(&scan.image, SCAN, prompts, size)?
        }
    };
    let mut warnings = [scan.warnings.clone(), result.warnings].concat();
    let voxels = result.mask.count();
    if voxels == 0 {
        warnings.push("nothing was found at the prompts: the mask is empty".to_owned());
    }
    let certainty = result.insight.as_ref().map(|i| &i.certainty);
    save_uncertainty(args, scan.image.grid(), certainty, &model.card)?;
    save_mask(&args.output, &result.mask)?;
    Ok(Report {
        labels: vec![LabelReport {
            value: 1,
            name: "target".to_owned(),
            voxels,
            volume_ml: in_space(scan.image.third_axis(), result.mask.volume_ml()),
        }],
        predicted_dice: result.estimate.map(Estimate::dice),
        predicted_iou: result.estimate.and_then(Estimate::iou),
        device: model.device_text(),
        seconds,
        warnings,
    })
}

/// Writes the uncertainty of each voxel, 8 bit percent on the scan's grid, where it was asked for.
fn save_uncertainty(
    args: &SegmentArgs,
    grid: &Grid,
    certainty: Option<&Certainty>,
    card: &ModelCard,
) -> Result<(), Refusal> {
    let Some(path) = &args.uncertainty else {
        return Ok(());
    };
    let certainty = certainty.ok_or_else(|| {
        Refusal::Other(format!(
            "the model '{}' does not say how sure it is of this: leave --uncertainty out",
            card.id
        ))
    })?;
    let percent = match certainty.on(grid) {
        Some(part) => part.on_whole(grid),
        None => vec![0; grid.len()],
    };
    // The file's format has no modalities; that of the volume in memory is not written.
    let voxels = VoxelData::U8(percent);
    let image = ImageVolume::new(*grid, voxels, Rescale::IDENTITY, Modality::Mr);
    Ok(save_image(path, &image)?)
}

/// A volume, where there is one.
fn in_space(third_axis: ThirdAxis, volume_ml: f64) -> Option<f64> {
    (!third_axis.is_time()).then_some(volume_ml)
}

/// The labels that occur, by value.
pub(super) fn report_labels(
    labels: &LabelMap,
    table: &LabelTable,
    third_axis: ThirdAxis,
) -> Vec<LabelReport> {
    let voxel_ml = labels.grid.affine.voxel_volume_mm3() / 1000.0;
    let one = |(value, voxels): (u16, usize)| LabelReport {
        value,
        name: table.get(value).map(|l| l.name.clone()).unwrap_or_default(),
        voxels,
        volume_ml: in_space(third_axis, voxels as f64 * voxel_ml),
    };
    labels.counts().into_iter().map(one).collect()
}

fn describe(args: &SegmentArgs, report: &Report) -> String {
    let mut text = format!(
        "{} ({:.2} s, {})\n",
        args.output.display(),
        report.seconds,
        report.device
    );
    for label in &report.labels {
        let volume = label.volume_ml.map(|ml| {
            // Two decimals of a millilitre are nothing in a mouse.
            let decimals = if ml < 0.1 { 6 } else { 2 };
            format!(" {ml:>10.decimals$} ml")
        });
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "{:>5}  {:<24} {:>10} voxels{}",
            label.value,
            label.name,
            label.voxels,
            volume.unwrap_or_default()
        );
    }
    match (report.predicted_dice, report.predicted_iou) {
        (Some(dice), Some(iou)) => {
            let _ = writeln!(text, "predicted IoU {iou:.2}, which is a Dice of {dice:.2}");
        }
        (Some(dice), None) => {
            let _ = writeln!(text, "the model expects a Dice of {dice:.2}");
        }
        (None, _) => {}
    }
    text
}
