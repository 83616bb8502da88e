//! Interpolating unevenly spaced slices to even ones.

use rayon::prelude::*;

use super::samples::Voxel;
use crate::volume::VoxelData;

/// Slices at `slices` even positions from slices at `positions` (ascending, in grid slices, the first
/// at 0), linear between the two neighbours. Where one neighbour is padding, the nearer one is taken.
pub(super) fn even_slices(
    voxels: VoxelData,
    positions: &[f64],
    slices: usize,
    padding: Option<(i64, i64)>,
) -> VoxelData {
    let plan: Vec<(usize, f64)> = (0..slices)
        .map(|k| neighbours(positions, k as f64))
        .collect();
    match voxels {
        VoxelData::U8(v) => VoxelData::U8(interpolate(&v, positions.len(), &plan, padding)),
        VoxelData::I8(v) => VoxelData::I8(interpolate(&v, positions.len(), &plan, padding)),
        VoxelData::U16(v) => VoxelData::U16(interpolate(&v, positions.len(), &plan, padding)),
        VoxelData::I16(v) => VoxelData::I16(interpolate(&v, positions.len(), &plan, padding)),
        VoxelData::U32(v) => VoxelData::U32(interpolate(&v, positions.len(), &plan, padding)),
        VoxelData::I32(v) => VoxelData::I32(interpolate(&v, positions.len(), &plan, padding)),
        VoxelData::F32(v) => VoxelData::F32(interpolate(&v, positions.len(), &plan, padding)),
        VoxelData::F64(v) => VoxelData::F64(interpolate(&v, positions.len(), &plan, padding)),
        // DICOM has no 64-bit integers.
        other @ (VoxelData::U64(_) | VoxelData::I64(_)) => other,
    }
}

/// The source slice at or before a position, and the weight of the one after it.
fn neighbours(positions: &[f64], at: f64) -> (usize, f64) {
    let after = positions.partition_point(|&p| p <= at);
    let before = after.saturating_sub(1).min(positions.len() - 2);
    let (a, b) = (positions[before], positions[before + 1]);
    (before, ((at - a) / (b - a)).clamp(0.0, 1.0))
}

fn interpolate<T: Voxel>(
    source: &[T],
    source_slices: usize,
    plan: &[(usize, f64)],
    padding: Option<(i64, i64)>,
) -> Vec<T> {
    let pixels = source.len() / source_slices;
    let is_padding = |v: f64| padding.is_some_and(|(lo, hi)| v >= lo as f64 && v <= hi as f64);
    let mut even = vec![T::zeroed(); pixels * plan.len()];
    even.par_chunks_mut(pixels)
        .zip(plan)
        .for_each(|(slice, &(before, weight))| {
            let a = &source[before * pixels..][..pixels];
            let b = &source[(before + 1) * pixels..][..pixels];
            for ((out, &a), &b) in slice.iter_mut().zip(a).zip(b) {
                let (x, y) = (a.real(), b.real());
                *out = match is_padding(x) || is_padding(y) {
                    true if weight < 0.5 => a,
                    true => b,
                    false => T::from_real(x + (y - x) * weight),
                };
            }
        });
    even
}
