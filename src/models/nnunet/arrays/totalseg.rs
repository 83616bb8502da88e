//! What TotalSegmentator does to a scan before and after nnU-Net. Arrays here may be stored in any order of axes, as long
//! as lengths, spacings and values follow the same one, the last fastest.

use std::ops::Range;

use crate::models::ops::Spline;

use super::passes;
use super::sampling::{Ends, Sample, Sampling};

/// How many times finer each axis becomes.
pub fn zoom(spacing_mm: [f32; 3], working_mm: f64) -> [f64; 3] {
    spacing_mm.map(|spacing| f64::from(spacing) / working_mm)
}

/// Lengths after a zoom, at least one along each axis.
pub fn zoomed_dims(dims: [usize; 3], zoom: [f64; 3]) -> [usize; 3] {
    [0, 1, 2].map(|axis| {
        let length = (dims[axis] as f64 * zoom[axis]).round_ties_even();
        (length as usize).max(1)
    })
}

/// A scan or labels of other lengths (`change_spacing`): the outermost voxels' centres stay where they are.
///
/// # Panics
/// When the values do not fill `from`.
pub fn zoomed<T: Sample>(
    values: &[T],
    from: [usize; 3],
    to: [usize; 3],
    spline: Spline,
) -> Vec<f64> {
    let axes = [0, 1, 2].map(|axis| Sampling::new(from[axis], to[axis], spline, Ends::Centres));
    passes::resampled(values, &axes)
}

/// Values as they come before nnU-Net: whole numbers, cut towards zero.
pub fn cut_to_whole(values: &[f64]) -> Vec<i32> {
    values.iter().map(|&v| v as i32).collect()
}

/// A mask grown by so many steps, each to the neighbours that share a face (`binary_dilation`).
///
/// # Panics
/// When the mask does not fill `dims`.
pub fn grown(mask: &[u8], dims: [usize; 3], steps: u8) -> Vec<u8> {
    assert_eq!(
        mask.len(),
        dims.iter().product::<usize>(),
        "it fills the array"
    );
    // How many steps can still be taken from a voxel, and one more.
    let from = steps.saturating_add(1);
    let mut left: Vec<u8> = mask.iter().map(|&m| if m > 0 { from } else { 0 }).collect();
    let strides = [dims[1] * dims[2], dims[2], 1];
    for (axis, stride) in strides.into_iter().enumerate() {
        let step = |to: &mut [u8], from: &[u8]| {
            let pairs = to.iter_mut().zip(from);
            pairs.for_each(|(to, from)| *to = (*to).max(from.saturating_sub(1)));
        };
        for lines in left.chunks_mut((dims[axis] * stride).max(1)) {
            for at in 1..dims[axis] {
                let (before, rest) = lines.split_at_mut(at * stride);
                step(&mut rest[..stride], &before[(at - 1) * stride..]);
            }
            for at in (1..dims[axis]).rev() {
                let (before, rest) = lines.split_at_mut(at * stride);
                step(&mut before[(at - 1) * stride..], &rest[..stride]);
            }
        }
    }
    left.iter_mut().for_each(|left| *left = u8::from(*left > 0));
    left
}

/// The box around a mask, half-open, with a margin in millimetres cut towards zero to whole voxels (`crop_to_mask`); the
/// whole array where the mask is empty.
///
/// # Panics
/// When the mask does not fill `dims`.
pub fn crop_box(
    mask: &[u8],
    dims: [usize; 3],
    margin_mm: [f64; 3],
    spacing_mm: [f32; 3],
) -> [Range<usize>; 3] {
    let found = super::crop::bounds(mask, dims);
    [0, 1, 2].map(|axis| {
        let margin = (margin_mm[axis] / f64::from(spacing_mm[axis])) as usize;
        let Range { start, end } = found[axis].clone();
        start.saturating_sub(margin)..(end + margin).min(dims[axis])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voxel_grows_into_an_octahedron() {
        let mut mask = vec![0; 5 * 5 * 7];
        mask[(2 * 5 + 2) * 7 + 3] = 1;
        let grown = grown(&mask, [5, 5, 7], 2);
        for (offset, &inside) in grown.iter().enumerate() {
            let place = [offset / 35, offset / 7 % 5, offset % 7];
            let steps: usize = (0..3).map(|d| place[d].abs_diff([2, 2, 3][d])).sum();
            assert_eq!(inside, u8::from(steps <= 2), "{place:?}");
        }
    }
}
