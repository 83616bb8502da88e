//! `prosector screenshot`: the three planes of a scan in one picture.

use std::fs::File;
use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::Arc;

use image::{ImageFormat, RgbaImage};

use crate::cli::ScreenshotArgs;
use crate::geometry::{RigidTransform, VoxelBox, VoxelIndex};
use crate::io::{IoError, atomic, check_keeps, open_transform};
use crate::render::{self, Second};
use crate::util::JobContext;
use crate::volume::window::default_window;
use crate::volume::{ColourMap, Grid, LabelLayers};

use super::Refusal;
use super::console::Console;
use super::inputs;

pub(super) fn run(args: &ScreenshotArgs) -> Result<(), Refusal> {
    let console = Console::new(false);
    check_picture(&args.output)?;
    let mut files = vec![args.scan.path.as_path()];
    files.extend(args.labels.as_deref());
    files.extend(args.second.as_deref());
    files.extend(args.transform.as_deref());
    check_keeps(&args.output, &files)?;
    let ctx = console.context();
    let scan = inputs::open(&args.scan, args.modality.modality, &ctx)?;
    let mut warnings = scan.warnings.clone();
    let mut image = Arc::clone(&scan.image);
    let labels = match &args.labels {
        Some(path) => {
            let on_grid = inputs::on_one_grid(&scan, path, args.grid, &ctx)?;
            warnings.extend(on_grid.warnings);
            warnings.extend(inputs::one_map_for_frames(&scan.info));
            image = on_grid.image;
            Some((on_grid.layers, on_grid.table))
        }
        None => None,
    };
    let second = second_image(args, &mut warnings, &ctx)?;
    let grid = image.grid();
    let at = match args.at {
        Some(at) => inside(VoxelIndex(at.0), grid)?,
        None => middle(labels.as_ref().map(|(layers, _)| layers), grid),
    };
    let (picture, drawn_by) = render::screenshot(
        &image,
        labels
            .as_ref()
            .map(|(layers, table)| (layers.maps(), table)),
        second.as_ref().map(|(second, map)| Second {
            image: &second.image,
            second_from_first: map.inverse(),
            window: default_window(&second.image),
            map: args
                .second_map
                .unwrap_or(ColourMap::over_another(second.image.modality())),
            opacity: args.second_opacity,
            is_alone: false,
        }),
        at,
        default_window(&scan.image),
        (args.size.width, args.size.height),
    );
    save_picture(&args.output, &picture)?;
    console.warnings(&warnings);
    console.line(&format!("{} (drawn by: {drawn_by})", args.output.display()));
    Ok(())
}

/// The second image, and the map from its world to the scan's.
fn second_image(
    args: &ScreenshotArgs,
    warnings: &mut Vec<String>,
    ctx: &JobContext,
) -> Result<Option<(inputs::OpenedScan, RigidTransform)>, Refusal> {
    let Some(path) = &args.second else {
        return Ok(None);
    };
    let second = inputs::open(&inputs::whole(path), None, ctx)?;
    warnings.extend(inputs::told_of(path, second.warnings.clone()));
    let map = args.transform.as_deref().map(open_transform).transpose()?;
    Ok(Some((second, map.unwrap_or_default())))
}

/// Whether a picture could be written here, asked before the work starts.
pub(super) fn check_picture(path: &Path) -> Result<(), Refusal> {
    let is_png = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("png"));
    if !is_png {
        let reason = "pictures are PNG: give a name that ends in .png";
        return Err(IoError::output(path, reason).into());
    }
    Ok(atomic::check_target(path)?)
}

/// Writes a PNG, re-reads and compares it, and only then puts it in place.
pub(super) fn save_picture(path: &Path, picture: &RgbaImage) -> Result<(), Refusal> {
    let mut png = Cursor::new(Vec::new());
    picture
        .write_to(&mut png, ImageFormat::Png)
        .map_err(|e| IoError::output(path, e.to_string()))?;
    let write = |file: &mut File| file.write_all(png.get_ref());
    let verify = |written: &Path| {
        let bytes = std::fs::read(written).map_err(|e| e.to_string())?;
        let read = image::load_from_memory_with_format(&bytes, ImageFormat::Png)
            .map_err(|e| e.to_string())?;
        let is_same = read.into_rgba8() == *picture;
        is_same
            .then_some(())
            .ok_or_else(|| "other pixels".to_owned())
    };
    Ok(atomic::replace_file(path, write, verify)?)
}

fn inside(at: VoxelIndex, grid: &Grid) -> Result<VoxelIndex, Refusal> {
    if grid.contains(at) {
        return Ok(at);
    }
    let text = |numbers: [String; 3], between: &str| numbers.join(between);
    Err(Refusal::Other(format!(
        "voxel {} is outside the scan of {} voxels: give --at a voxel inside it",
        text(at.0.map(|v| v.to_string()), ","),
        text(grid.dims.map(|n| n.to_string()), "x"),
    )))
}

/// The middle of what is labelled, or else of the scan.
fn middle(labels: Option<&LabelLayers>, grid: &Grid) -> VoxelIndex {
    let maps = labels.map_or(&[][..], LabelLayers::maps).iter();
    let bounds = maps.filter_map(|map| map.foreground().bounds());
    let labelled = bounds.reduce(VoxelBox::union);
    let VoxelBox { min, max } = labelled.unwrap_or(grid.bounds());
    VoxelIndex(std::array::from_fn(|d| (min[d] + max[d]) / 2))
}
