//! Reading what commands are given: scans, label maps and prompts.

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use crate::cli::{GridArg, ScanArgs};
use crate::io::{
    IoError, LabelTarget, Labels, OpenOptions, Scan, ScanInfo, open_labels_of, open_scan,
};
use crate::session::Regridded;
use crate::util::JobContext;
use crate::volume::resample::covered;
use crate::volume::{
    Grid, ImageVolume, LabelLayers, LabelMap, LabelTable, Mask, Modality, Reordering,
};
use crate::with_voxels;

use super::{Refusal, words};

/// A scan ready for the engine.
pub(super) struct OpenedScan {
    pub(super) image: Arc<ImageVolume>,
    pub(super) info: ScanInfo,
    /// What is to be told of it.
    pub(super) warnings: Vec<String>,
}

impl OpenedScan {
    /// What labels of it lie on.
    pub(super) fn target(&self) -> LabelTarget<'_> {
        LabelTarget {
            grid: *self.image.grid(),
            source: self.info.provenance.as_deref(),
        }
    }
}

/// What the arguments say about how to open the scan.
pub(super) fn open_options(args: &ScanArgs, modality: Option<Modality>) -> OpenOptions {
    OpenOptions {
        series: args.series.clone(),
        frame: args.frame,
        frames_of_slice: args.frames_of_slice,
        modality,
    }
}

/// A file or folder of which nothing is chosen.
pub(super) fn whole(path: &Path) -> ScanArgs {
    ScanArgs {
        path: path.to_path_buf(),
        series: None,
        frame: None,
        frames_of_slice: None,
    }
}

/// Opens the one scan that the arguments name.
pub(super) fn open(
    args: &ScanArgs,
    modality: Option<Modality>,
    ctx: &JobContext,
) -> Result<OpenedScan, Refusal> {
    let scan = open_scan(&args.path, &open_options(args, modality), ctx)?;
    Ok(OpenedScan {
        image: Arc::new(scan.image),
        warnings: words::with_options(&scan.info.warnings),
        info: scan.info,
    })
}

/// Opens a label map whose voxels must be those of the scan, be it in another order; they are then said to lie exactly
/// there. The last value holds what the user should know.
pub(super) fn labels_on_grid(
    path: &Path,
    target: &LabelTarget,
    ctx: &JobContext,
) -> Result<(LabelMap, LabelTable, Vec<String>), Refusal> {
    let (read, warnings) = labels_of_scan(path, target, ctx)?;
    let told = read.warnings.len();
    let (labels, table, all) = read.flattened();
    let overlap = told_of(path, words::plain(&all[told..]));
    Ok((labels, table, [warnings, overlap].concat()))
}

/// The same with all that is known of the labels.
pub(super) fn labels_of_scan(
    path: &Path,
    target: &LabelTarget,
    ctx: &JobContext,
) -> Result<(Labels, Vec<String>), Refusal> {
    let mut read = open_labels_of(path, Some(target), ctx)?;
    let mut warnings = words::plain(&read.warnings);
    let reordering = same_voxels(path, read.layers.grid(), &target.grid)?;
    warnings.extend(told_of(path, reordering.doubts()));
    read.layers = read.layers.reordered(&reordering, target.grid);
    Ok((read, warnings))
}

/// As [`labels_on_grid`], with the layers that the file has.
pub(super) fn layers_on_grid(
    path: &Path,
    target: &LabelTarget,
    ctx: &JobContext,
) -> Result<(LabelLayers, LabelTable, Vec<String>), Refusal> {
    let (read, warnings) = labels_of_scan(path, target, ctx)?;
    Ok((read.layers, read.table, warnings))
}

/// A scan and labels of it on one grid.
pub(super) struct OnOneGrid {
    pub(super) image: Arc<ImageVolume>,
    pub(super) layers: LabelLayers,
    pub(super) table: LabelTable,
    /// What the user should know.
    pub(super) warnings: Vec<String>,
}

/// Opens labels of a scan and brings both onto the grid that is asked for; without one, labels must have the scan's voxels.
pub(super) fn on_one_grid(
    scan: &OpenedScan,
    labels: &Path,
    asked: Option<GridArg>,
    ctx: &JobContext,
) -> Result<OnOneGrid, Refusal> {
    let Some(asked) = asked else {
        let (layers, table, warnings) = layers_on_grid(labels, &scan.target(), ctx)?;
        return Ok(OnOneGrid {
            image: Arc::clone(&scan.image),
            layers,
            table,
            warnings,
        });
    };
    let read = open_labels_of(labels, Some(&scan.target()), ctx)?;
    let mut warnings = words::plain(&read.warnings);
    let theirs = *read.layers.grid();
    let grid = grid_asked(asked, scan.image.grid(), Some(&theirs))?;
    if covered(&theirs, scan.image.grid()).is_none() {
        return Err(Refusal::Other(format!(
            "{}: lies beside the scan: give a file made on this scan",
            labels.display()
        )));
    }
    let layers = match Reordering::between(&theirs, &grid) {
        Some(reordering) => {
            warnings.extend(told_of(labels, reordering.doubts()));
            read.layers.reordered(&reordering, grid)
        }
        None => {
            let [ni, nj, nk] = grid.dims;
            let text =
                format!("resampled onto {ni}x{nj}x{nk} voxels, each with the label at its centre");
            warnings.extend(told_of(labels, vec![text]));
            read.layers.resampled(&grid)
        }
    };
    let regridded = Regridded::without_labels(&scan.image, &grid).map_err(Refusal::Other)?;
    Ok(OnOneGrid {
        image: regridded.image,
        layers,
        table: read.table,
        warnings,
    })
}

/// The grid that is asked for. Labels that have the scan's voxels, be it in another order, have its grid.
pub(super) fn grid_asked(
    asked: GridArg,
    scan: &Grid,
    labels: Option<&Grid>,
) -> Result<Grid, Refusal> {
    match (asked, labels) {
        (GridArg::Scan, _) => Ok(*scan),
        (GridArg::LongestMm(mm), _) => Ok(scan.divided_to(mm)),
        (GridArg::Labels, Some(labels)) => {
            let same = Reordering::between(labels, scan);
            Ok(same.map_or(*labels, |_| *scan))
        }
        (GridArg::Labels, None) => {
            let text = "--grid labels is for edits of a label map: give it with --labels";
            Err(Refusal::Usage(text.to_owned()))
        }
    }
}

/// Opens a mask whose voxels must be those of `grid`: whatever is not zero belongs to it, be it a label, a probability
/// or -1. The second value holds what the user should know.
pub(super) fn mask_on_grid(
    path: &Path,
    grid: &Grid,
    ctx: &JobContext,
) -> Result<(Mask, Vec<String>), Refusal> {
    let options = OpenOptions {
        // Keeps the reader from guessing what kind of scan the values could be of.
        modality: Some(Modality::Mr),
        ..OpenOptions::default()
    };
    let Scan { image, info } = open_scan(path, &options, ctx)?;
    if let Some(frames) = info.frames.filter(|&n| n > 1) {
        return Err(IoError::several_frames(path, frames).into());
    }
    let reordering = same_voxels(path, image.grid(), grid)?;
    let doubts = told_of(
        path,
        [words::plain(&info.warnings), reordering.doubts()].concat(),
    );
    let rescale = image.rescale();
    let voxels = with_voxels!(image.voxels(), v => v
        .par_iter()
        .map(|&stored| {
            let value = rescale.apply(stored as f64);
            u8::from(value != 0.0 && !value.is_nan())
        })
        .collect());
    let mask = Mask {
        grid: *grid,
        voxels: reordering.apply(voxels),
    };
    Ok((mask, doubts))
}

/// Opens another image of a scan, whose voxels must be the scan's in the same order.
pub(super) fn image_on_grid(
    path: &Path,
    scan: &ImageVolume,
    ctx: &JobContext,
) -> Result<Arc<ImageVolume>, Refusal> {
    let opened = open(&whole(path), Some(scan.modality()), ctx)?;
    if !same_voxels(path, opened.image.grid(), scan.grid())?.is_identity() {
        return Err(Refusal::Other(format!(
            "{}: its axes run another way than the scan's: give images whose voxels are stored alike",
            path.display()
        )));
    }
    // Said to lie exactly where the scan does.
    let image = &opened.image;
    Ok(Arc::new(ImageVolume::new(
        *scan.grid(),
        image.voxels().clone(),
        image.rescale(),
        image.modality(),
    )))
}

/// Warnings with the name of the file that they are of: a command reads several.
pub(super) fn told_of(path: &Path, warnings: Vec<String>) -> Vec<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let told = warnings.into_iter().map(|text| format!("{name}: {text}"));
    told.collect()
}

/// What to say where one label map is made or shown on a scan of several frames.
pub(super) fn one_map_for_frames(info: &ScanInfo) -> Option<String> {
    let frames = info.frames.filter(|&n| n > 1)?;
    Some(format!(
        "one label map stands for all {frames} frames of the scan: it goes with frame {}",
        info.frame
    ))
}

fn same_voxels(path: &Path, own: &Grid, wanted: &Grid) -> Result<Reordering, Refusal> {
    if let Some(reordering) = Reordering::between(own, wanted) {
        return Ok(reordering);
    }
    let size = |g: &Grid| g.dims.map(|n| n.to_string()).join("x");
    let difference = if own.dims == wanted.dims {
        "lies elsewhere in space".to_owned()
    } else {
        format!("has {} voxels, not {}", size(own), size(wanted))
    };
    Err(Refusal::Other(format!(
        "{}: is on another grid: it {difference}; give a file made on this scan",
        path.display()
    )))
}
