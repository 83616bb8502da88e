//! Reading a NIfTI scan.

use std::path::Path;

use bytemuck::Pod;
use rayon::prelude::*;

use crate::io::{IoError, OpenOptions, ScanInfo};
use crate::util::JobContext;
use crate::volume::{Grid, ImageVolume, Modality, Rescale, VoxelData};

use super::file::NiftiFile;
use super::header::Header;
use super::modality;
use super::placement;
use super::stored_type::StoredType;

/// Reads one frame of a scan and checks all voxels.
pub(in crate::io) fn inspect(
    path: &Path,
    options: &OpenOptions,
    ctx: &JobContext,
) -> Result<(ScanInfo, Option<ImageVolume>), IoError> {
    let mut file = NiftiFile::open(path)?;
    let (affine, mut warnings) = placement::read(&file.header, file.dims)
        .map_err(|reason| IoError::damaged(path, reason))?;
    if !affine.is_orthogonal(1e-3) {
        warnings.push(
            "the voxel axes are not at right angles (sheared); positions follow the file, other \
             programs may refuse it"
                .into(),
        );
    }
    let rescale = rescale(&file.header, file.stored_type).map_err(|r| IoError::damaged(path, r))?;
    if file.frames > 1 && options.frame.is_none() {
        warnings.push(format!(
            "the scan has {} frames; frame 0 is used, choose another with --frame",
            file.frames
        ));
    }
    if let Some(series) = &options.series {
        warnings.push(format!("NIfTI files have no series; {series} is ignored"));
    }
    if file.stored_type.is_color() {
        warnings.push("the voxels are colours; their luminance is used".into());
    }
    let frame = options.frame.unwrap_or(0);
    let voxels = read_frame(&mut file, frame, ctx)?;
    warnings.append(&mut file.warnings);
    let grid = Grid::new(file.dims, affine);
    let image = ImageVolume::new(grid, voxels, rescale, Modality::Mr);
    let (value_range, non_finite) = image.finite_range();
    if non_finite == grid.len() {
        return Err(IoError::damaged(path, "no voxel is a finite number"));
    }
    if non_finite > 0 {
        warnings.push(format!(
            "{non_finite} voxels are no finite numbers (NaN or infinite); they count as background"
        ));
    }
    let modality = options.modality.unwrap_or_else(|| modality::guess(&image));
    if options.modality.is_none() {
        warnings.push(format!(
            "the kind of scan is guessed from the values: {}; set it with --modality if that is wrong",
            modality.name()
        ));
    }
    let info = ScanInfo {
        dims: Some(file.dims),
        frames: Some(file.frames),
        frame,
        spacing_mm: Some(grid.spacing_mm()),
        affine: Some(affine.to_rows()),
        dtype: Some(file.stored_type.name().to_owned()),
        modality: Some(modality),
        modality_guessed: options.modality.is_none(),
        value_range,
        warnings,
        series: Vec::new(),
        other: Vec::new(),
    };
    Ok((info, Some(image.with_modality(modality))))
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

/// One frame in its stored type; colours as luminance.
pub(super) fn read_frame(
    file: &mut NiftiFile,
    frame: usize,
    ctx: &JobContext,
) -> Result<VoxelData, IoError> {
    Ok(match file.stored_type {
        StoredType::U8 => VoxelData::U8(typed(file, frame, ctx, u8::swap_bytes)?),
        StoredType::I8 => VoxelData::I8(typed(file, frame, ctx, i8::swap_bytes)?),
        StoredType::U16 => VoxelData::U16(typed(file, frame, ctx, u16::swap_bytes)?),
        StoredType::I16 => VoxelData::I16(typed(file, frame, ctx, i16::swap_bytes)?),
        StoredType::U32 => VoxelData::U32(typed(file, frame, ctx, u32::swap_bytes)?),
        StoredType::I32 => VoxelData::I32(typed(file, frame, ctx, i32::swap_bytes)?),
        StoredType::U64 => VoxelData::U64(typed(file, frame, ctx, u64::swap_bytes)?),
        StoredType::I64 => VoxelData::I64(typed(file, frame, ctx, i64::swap_bytes)?),
        StoredType::F32 => VoxelData::F32(typed(file, frame, ctx, |v: f32| {
            f32::from_bits(v.to_bits().swap_bytes())
        })?),
        StoredType::F64 => VoxelData::F64(typed(file, frame, ctx, |v: f64| {
            f64::from_bits(v.to_bits().swap_bytes())
        })?),
        StoredType::Rgb24 => VoxelData::U8(luminance::<3>(file, frame, ctx)?),
        StoredType::Rgba32 => VoxelData::U8(luminance::<4>(file, frame, ctx)?),
    })
}

/// Reads straight into a typed vector: no second copy of the volume.
fn typed<T: Pod + Send>(
    file: &mut NiftiFile,
    frame: usize,
    ctx: &JobContext,
    swap_bytes: fn(T) -> T,
) -> Result<Vec<T>, IoError> {
    let mut voxels = vec![T::zeroed(); file.frame_voxels()];
    file.read_frame_into(frame, bytemuck::cast_slice_mut(&mut voxels), ctx)?;
    if file.header.swapped {
        voxels.par_iter_mut().for_each(|v| *v = swap_bytes(*v));
    }
    Ok(voxels)
}

/// Reads colours of `N` bytes as their luminance (ITU-R BT.601); opacity is left out.
fn luminance<const N: usize>(
    file: &mut NiftiFile,
    frame: usize,
    ctx: &JobContext,
) -> Result<Vec<u8>, IoError> {
    let mut colors = vec![0_u8; N * file.frame_voxels()];
    file.read_frame_into(frame, &mut colors, ctx)?;
    let weighted = |color: &[u8; N]| {
        let [r, g, b] = [color[0], color[1], color[2]].map(u32::from);
        ((299 * r + 587 * g + 114 * b + 500) / 1000) as u8
    };
    Ok(colors.as_chunks::<N>().0.iter().map(weighted).collect())
}
