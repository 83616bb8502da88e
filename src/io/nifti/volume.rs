//! Reading a NIfTI scan.

use std::path::Path;

use bytemuck::Pod;
use rayon::prelude::*;

use crate::io::described::{Found, described};
use crate::io::{IoError, OpenOptions, ScanInfo, TimeAxis, Warning};
use crate::util::JobContext;
use crate::volume::{
    Grid, ImageVolume, Modality, Rescale, Rgb, VoxelData, grid_over_time, luminance,
};

use super::file::{NiftiFile, Part};
use super::header::Header;
use super::placement;
use crate::io::stored_type::StoredType;

/// Reads one frame of a scan, or one slice of all its frames, and checks all voxels.
pub(in crate::io) fn inspect(
    path: &Path,
    options: &OpenOptions,
    ctx: &JobContext,
) -> Result<(ScanInfo, Option<ImageVolume>), IoError> {
    let mut file = NiftiFile::open(path)?;
    let (volume_grid, mut warnings) = placement::read(&file.header, file.dims)
        .map_err(|reason| IoError::damaged(path, reason))?;
    if volume_grid.is_sheared() {
        warnings.push(Warning::Sheared);
    }
    let rescale = rescale(&file.header, file.stored_type).map_err(|r| IoError::damaged(path, r))?;
    let part = match options.frames_of_slice {
        Some(slice) => Part::FramesOfSlice(slice),
        None => Part::Frame(options.frame.unwrap_or(0)),
    };
    let mut info = ScanInfo {
        warnings,
        ..ScanInfo::default()
    };
    if file.frames > 1 && part == Part::Frame(0) && options.frame.is_none() {
        info.warnings.push(Warning::FirstFrame {
            frames: file.frames,
        });
    }
    if file.stored_type.is_color() {
        info.warnings.push(Warning::Colours);
    }
    let (grid, time) = placed(&file, volume_grid, part);
    let mut image = read_image(&mut file, part, grid, rescale, ctx)?;
    info.warnings.append(&mut file.warnings);
    if let Some(time) = time {
        image = image.over_time(time.frame_ms);
        info.warnings.push(Warning::TimeAsThirdAxis {
            frames: file.frames,
            time,
        });
    }
    let found = Found {
        frames: if time.is_some() { 1 } else { file.frames },
        dtype: file.stored_type.name(),
        time,
    };
    described(path, image, &found, options, info)
}

/// The grid of a part, and what is known of time where that is its third axis.
fn placed(file: &NiftiFile, grid: Grid, part: Part) -> (Grid, Option<TimeAxis>) {
    match part {
        Part::Frame(_) => (grid, None),
        Part::FramesOfSlice(slice) => {
            let time = TimeAxis {
                frame_ms: file.header.frame_ms(),
                has_scale: true,
                has_position: true,
            };
            (grid_over_time(&grid, slice, file.frames), Some(time))
        }
    }
}

fn read_image(
    file: &mut NiftiFile,
    part: Part,
    grid: Grid,
    rescale: Rescale,
    ctx: &JobContext,
) -> Result<ImageVolume, IoError> {
    if file.stored_type.is_color() {
        let colours = read_colours(file, part, ctx)?;
        return Ok(ImageVolume::in_colour(grid, colours, Modality::Mr));
    }
    let voxels = read_part(file, part, ctx)?;
    Ok(ImageVolume::new(grid, voxels, rescale, Modality::Mr))
}

/// The header's rescale; a slope of 0 or no number means none, colours have none.
///
/// # Errors
/// A reason, when a slope is given but the intercept is no number.
pub(super) fn rescale(header: &Header, stored_type: StoredType) -> Result<Rescale, String> {
    let (slope, intercept) = (header.scl_slope, header.scl_inter);
    if slope == 0.0 || !slope.is_finite() || stored_type.is_color() {
        return Ok(Rescale::IDENTITY);
    }
    if !intercept.is_finite() {
        return Err(format!(
            "its rescale has slope {slope} but intercept {intercept}, so its values are unknown"
        ));
    }
    Ok(Rescale { slope, intercept })
}

/// A part in its stored type; colours as luminance.
pub(super) fn read_part(
    file: &mut NiftiFile,
    part: Part,
    ctx: &JobContext,
) -> Result<VoxelData, IoError> {
    Ok(match file.stored_type {
        StoredType::U8 => VoxelData::U8(typed(file, part, ctx, u8::swap_bytes)?),
        StoredType::I8 => VoxelData::I8(typed(file, part, ctx, i8::swap_bytes)?),
        StoredType::U16 => VoxelData::U16(typed(file, part, ctx, u16::swap_bytes)?),
        StoredType::I16 => VoxelData::I16(typed(file, part, ctx, i16::swap_bytes)?),
        StoredType::U32 => VoxelData::U32(typed(file, part, ctx, u32::swap_bytes)?),
        StoredType::I32 => VoxelData::I32(typed(file, part, ctx, i32::swap_bytes)?),
        StoredType::U64 => VoxelData::U64(typed(file, part, ctx, u64::swap_bytes)?),
        StoredType::I64 => VoxelData::I64(typed(file, part, ctx, i64::swap_bytes)?),
        StoredType::F32 => VoxelData::F32(typed(file, part, ctx, |v: f32| {
            f32::from_bits(v.to_bits().swap_bytes())
        })?),
        StoredType::F64 => VoxelData::F64(typed(file, part, ctx, |v: f64| {
            f64::from_bits(v.to_bits().swap_bytes())
        })?),
        StoredType::Rgb24 | StoredType::Rgba32 => {
            let colours = read_colours(file, part, ctx)?;
            VoxelData::U8(colours.into_iter().map(luminance).collect())
        }
    })
}

/// Reads straight into a typed vector: no second copy of the volume.
fn typed<T: Pod + Send>(
    file: &mut NiftiFile,
    part: Part,
    ctx: &JobContext,
    swap_bytes: fn(T) -> T,
) -> Result<Vec<T>, IoError> {
    let mut voxels = vec![T::zeroed(); file.voxels_of(part)];
    file.read_into(part, bytemuck::cast_slice_mut(&mut voxels), ctx)?;
    if file.header.swapped {
        voxels.par_iter_mut().for_each(|v| *v = swap_bytes(*v));
    }
    Ok(voxels)
}

/// The colours of a part; opacity is left out.
fn read_colours(file: &mut NiftiFile, part: Part, ctx: &JobContext) -> Result<Vec<Rgb>, IoError> {
    let bytes = file.stored_type.bytes();
    let mut stored = vec![0_u8; bytes * file.voxels_of(part)];
    file.read_into(part, &mut stored, ctx)?;
    let colour = |voxel: &[u8]| [voxel[0], voxel[1], voxel[2]];
    Ok(stored.chunks_exact(bytes).map(colour).collect())
}
