//! From a group of image planes to the volume and what is to be said about it.

use std::path::Path;
use std::sync::Arc;

use super::decode::{Voxels, decode_stack};
use super::format::{Photometric, PixelFormat};
use super::geometry::{Layout, lay_out};
use super::origin::provenance;
use super::refusal::Refusal;
use super::resample::even_slices;
use super::series::{Group, Plane};
use super::stack::{Stack, stack};
use super::uptake::suv_scale;
use crate::io::nifti::guess_modality;
use crate::io::{IoError, OpenOptions, ScanInfo, TimeAxis, Warning};
use crate::util::JobContext;
use crate::volume::{Grid, ImageVolume, Modality, VoxelData, grid_over_time};

/// Loads one frame of a group, or one slice of all its frames, and completes the info.
///
/// # Errors
/// Whatever keeps the group from being a volume, with the place in it.
pub(super) fn load(
    path: &Path,
    group: &Group,
    mut info: ScanInfo,
    options: &OpenOptions,
    ctx: &JobContext,
) -> Result<(ScanInfo, ImageVolume), IoError> {
    let at = blame(path, group);
    let stack = stack(&group.planes).map_err(|r| r.at(at))?;
    let part = choose(path, &stack, options, &mut info)?;
    let slices = &part.slices;
    let layout = part.lay_out().map_err(|r| r.at(at))?;
    let first = slices[0].instance;
    let format = first.format.as_ref();
    let format = format.map_err(|r| IoError::unsupported(at, r.as_str()))?;
    info.warnings.extend(layout.warnings);
    info.warnings.extend(notes(group, &stack, slices));
    info.warnings.extend(remarks(path, group, slices, format));
    let mut voxels = decode_stack(slices, ctx)?;
    if voxels.was_rescaled {
        info.warnings.push(Warning::RescalesDiffer);
    }
    note_padding(&voxels, format, &mut info.warnings);
    let was_interpolated = layout.resampled_from.is_some();
    if let Some(positions) = &layout.resampled_from {
        let padding = format.padding.filter(|_| !voxels.was_rescaled);
        voxels.data = even_slices(voxels.data, positions, layout.slices, padding);
    }
    let mut grid = Grid::new([format.columns, format.rows, layout.slices], layout.affine);
    if part.time.is_some() {
        grid = grid_over_time(&grid, 0, slices.len());
    }
    let image = match voxels.colours.filter(|_| layout.resampled_from.is_none()) {
        Some(colours) => ImageVolume::in_colour(grid, colours, Modality::Mr),
        None => ImageVolume::new(grid, voxels.data, voxels.rescale, Modality::Mr),
    };
    let image = match part.time {
        Some(time) => image.over_time(time.frame_ms),
        None => image,
    };
    let is_nowhere = first
        .cine
        .as_ref()
        .is_some_and(|cine| !cine.time.has_position);
    let image = match is_nowhere {
        true => image.with_sides_assumed(),
        false => image,
    };
    let image = name_modality(image, &first.modality, options, &mut info)?;
    info.dims = Some(grid.dims);
    info.frames = Some(if part.time.is_some() {
        1
    } else {
        stack.frames.len()
    });
    info.frame = part.frame;
    info.frames_apart = stack.apart.filter(|_| part.time.is_none());
    info.time = part.time;
    info.spacing_mm = Some(grid.spacing_mm());
    info.affine = Some(grid.affine.to_rows());
    info.dtype = Some(format.dtype().to_owned());
    info.suv = suv_scale(slices, &group.planes);
    info.provenance = Some(Arc::new(provenance(slices, !was_interpolated)?));
    Ok((info, image))
}

/// What to name in a refusal: the folder, or the file that holds the whole group.
fn blame<'a>(path: &'a Path, group: &'a Group) -> &'a Path {
    let first = &group.planes[0].instance.path;
    let one_file = group.planes.iter().all(|p| p.instance.path == *first);
    if one_file { first } else { path }
}

/// The planes that become a volume.
struct Part<'a> {
    /// One frame's slices, or one slice's frames.
    slices: Vec<Plane<'a>>,
    frame: usize,
    /// What is known of time, where frames are the third axis.
    time: Option<TimeAxis>,
}

impl Part<'_> {
    /// Where the slices lie; frames lie all where the first one does.
    fn lay_out(&self) -> Result<Layout, Refusal> {
        let placements: Vec<_> = self.slices.iter().map(|p| p.placement).collect();
        match self.time {
            Some(_) => lay_out(&placements[..1]).map(|layout| Layout {
                warnings: Vec::new(),
                ..layout
            }),
            None => lay_out(&placements),
        }
    }
}

/// One frame, the first without a choice, or the frames of one slice; a film is its frames unless one is chosen.
fn choose<'a>(
    path: &Path,
    stack: &Stack<'a>,
    options: &OpenOptions,
    info: &mut ScanInfo,
) -> Result<Part<'a>, IoError> {
    let cine = stack.frames[0][0].instance.cine;
    let whole_film = cine.is_some() && options.frame.is_none();
    match options.frames_of_slice.or(whole_film.then_some(0)) {
        Some(slice) => frames_of(path, stack, slice, &mut info.warnings),
        None => one_frame(path, stack, options, info),
    }
}

fn one_frame<'a>(
    path: &Path,
    stack: &Stack<'a>,
    options: &OpenOptions,
    info: &mut ScanInfo,
) -> Result<Part<'a>, IoError> {
    let frames = stack.frames.len();
    let frame = options.frame.unwrap_or(0);
    if frame >= frames {
        return Err(IoError::NoSuchFrame {
            path: path.to_owned(),
            frame,
            frames,
        });
    }
    if let Some(apart) = &stack.apart {
        info.warnings.push(Warning::FrameOfSeries {
            frames,
            by: apart.by.clone(),
            frame,
            is_chosen: options.frame.is_some(),
        });
    }
    Ok(Part {
        slices: stack.frames[frame].clone(),
        frame,
        time: None,
    })
}

fn frames_of<'a>(
    path: &Path,
    stack: &Stack<'a>,
    slice: usize,
    warnings: &mut Vec<Warning>,
) -> Result<Part<'a>, IoError> {
    let (slices, frames) = (stack.frames[0].len(), stack.frames.len());
    if slice >= slices || frames < 2 {
        return Err(IoError::NoSuchSequence {
            path: path.to_owned(),
            slice,
            slices,
            frames,
        });
    }
    let planes: Vec<Plane> = stack.frames.iter().map(|frame| frame[slice]).collect();
    let first = planes[0].instance;
    let time = first.cine.map_or(
        TimeAxis {
            frame_ms: first.frame_ms,
            has_scale: true,
            has_position: true,
        },
        |cine| cine.time,
    );
    if first.cine.is_none()
        && let Some(apart) = &stack.apart
    {
        warnings.push(Warning::FramesInTurn {
            by: apart.by.clone(),
        });
    }
    warnings.push(Warning::TimeAsThirdAxis { frames, time });
    Ok(Part {
        slices: planes,
        frame: 0,
        time: Some(time),
    })
}

/// What to tell of how the series was put together and its headers were read, each thing once.
fn notes(group: &Group, stack: &Stack, slices: &[Plane]) -> Vec<Warning> {
    let mut notes: Vec<Warning> = group.notes.iter().chain(&stack.notes).cloned().collect();
    for note in slices.iter().flat_map(|p| &p.instance.notes) {
        if !notes.contains(note) {
            notes.push(note.clone());
        }
    }
    notes
}

/// What to tell about the pixels themselves.
fn remarks(path: &Path, group: &Group, slices: &[Plane], format: &PixelFormat) -> Vec<Warning> {
    let mut remarks = Vec::new();
    if path.is_file() && group.planes.len() == 1 {
        remarks.push(Warning::OnlyThisFile);
    }
    if format.photometric == Photometric::Monochrome1 {
        remarks.push(Warning::LargeIsDark);
    }
    if format.is_colour() {
        remarks.push(Warning::Colours);
    }
    if slices.iter().any(|p| p.instance.cut_short) {
        remarks.push(Warning::HeaderDamaged);
    }
    remarks
}

/// Tells how many voxels hold the padding value, which is no measurement.
fn note_padding(voxels: &Voxels, format: &PixelFormat, warnings: &mut Vec<Warning>) {
    let Some((low, high)) = format.padding.filter(|_| !voxels.was_rescaled) else {
        return;
    };
    let count = match &voxels.data {
        VoxelData::U8(v) => count_within(v, low, high),
        VoxelData::I8(v) => count_within(v, low, high),
        VoxelData::U16(v) => count_within(v, low, high),
        VoxelData::I16(v) => count_within(v, low, high),
        VoxelData::U32(v) => count_within(v, low, high),
        VoxelData::I32(v) => count_within(v, low, high),
        _ => 0,
    };
    if count > 0 {
        warnings.push(Warning::Padding {
            voxels: count,
            value: voxels.rescale.apply(low as f64),
        });
    }
}

fn count_within<T: Copy + Into<i64>>(voxels: &[T], low: i64, high: i64) -> usize {
    let within = |v: &&T| (low..=high).contains(&(**v).into());
    voxels.iter().filter(within).count()
}

/// Gives the volume its modality: the user's, the header's, or else a guess that is told.
fn name_modality(
    image: ImageVolume,
    code: &str,
    options: &OpenOptions,
    info: &mut ScanInfo,
) -> Result<ImageVolume, IoError> {
    let (value_range, non_finite) = image.finite_range();
    if non_finite > 0 {
        info.warnings
            .push(Warning::NotFinite { voxels: non_finite });
    }
    let from_header = match code {
        "CT" => Some(Modality::Ct),
        "MR" => Some(Modality::Mr),
        "PT" | "NM" => Some(Modality::Pet),
        _ => None,
    };
    let modality = options.modality.or(from_header).unwrap_or_else(|| {
        let guess = guess_modality(&image);
        info.modality_guessed = true;
        info.warnings.push(Warning::ModalityUnknown {
            code: code.to_owned(),
            guess,
        });
        guess
    });
    info.value_range = value_range;
    info.modality = Some(modality);
    Ok(image.with_modality(modality))
}
