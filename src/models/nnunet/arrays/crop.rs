//! The part of an image that is not empty.

use std::ops::Range;

use crate::util::short_debug;
use crate::volume::components::{Connectivity, Pieces};

/// Label of what lies outside the mask within the crop.
const OUTSIDE: i16 = -1;

/// Where an image has values.
#[derive(Clone)]
pub struct NonZero {
    /// 1 inside, 0 outside, for each voxel of the whole image.
    pub mask: Vec<u8>,
    /// The box around it, half-open along each axis; the whole image where it is empty.
    pub bounds: [Range<usize>; 3],
    dims: [usize; 3],
}

short_debug! {
    NonZero: |found| format_args!("non-zero part {:?} of {:?}", found.bounds, found.dims);
}

impl NonZero {
    /// Voxels where any channel is not 0, with the holes between them (`create_nonzero_mask`).
    ///
    /// # Panics
    /// When a channel does not fill `dims`.
    pub fn of(channels: &[Vec<f32>], dims: [usize; 3]) -> Self {
        let mut empty = vec![1u8; dims.iter().product()];
        for channel in channels {
            assert_eq!(channel.len(), empty.len(), "a channel fills the image");
            for (empty, &value) in empty.iter_mut().zip(channel) {
                *empty &= u8::from(value == 0.0);
            }
        }
        let mask = without_outer(empty, dims);
        let bounds = bounds(&mask, dims);
        Self { mask, bounds, dims }
    }

    /// The box of one channel or label array (`crop_to_bbox`).
    pub fn cropped<T: Copy>(&self, values: &[T]) -> Vec<T> {
        cut_out(values, self.dims, &self.bounds)
    }

    /// The label array of the crop (`crop_to_nonzero`): 0 inside the mask and -1 outside, or the labels of a previous
    /// stage with their zeros outside the mask as -1. `previous` is on the whole image.
    pub fn labels(&self, previous: Option<&[i16]>) -> Vec<i16> {
        let mask = self.cropped(&self.mask);
        let labels = previous.map_or_else(|| vec![0; mask.len()], |p| self.cropped(p));
        let marked = |(label, inside): (i16, u8)| match (label, inside) {
            (0, 0) => OUTSIDE,
            (label, _) => label,
        };
        labels.into_iter().zip(mask).map(marked).collect()
    }
}

/// The voxels of a box of an array.
///
/// # Panics
/// When the box goes beyond the array.
pub fn cut_out<T: Copy>(values: &[T], dims: [usize; 3], bounds: &[Range<usize>; 3]) -> Vec<T> {
    let [planes, rows, columns] = bounds;
    let mut inner = Vec::with_capacity(planes.len() * rows.len() * columns.len());
    for plane in planes.clone() {
        for row in rows.clone() {
            let start = (plane * dims[1] + row) * dims[2];
            inner.extend_from_slice(&values[start + columns.start..start + columns.end]);
        }
    }
    inner
}

/// All but the empty voxels that are joined to the image's border face to face.
fn without_outer(empty: Vec<u8>, dims: [usize; 3]) -> Vec<u8> {
    let [planes, rows, columns] = dims;
    let pieces = Pieces::of(&empty, [columns, rows, planes], Connectivity::Six);
    let mut outer = vec![false; pieces.sizes().len() + 1];
    let at_border = |run: &Range<usize>| {
        let (plane, row) = (run.start / columns / rows, run.start / columns % rows);
        let ends = run.start.is_multiple_of(columns) || run.end.is_multiple_of(columns);
        ends || plane == 0 || plane + 1 == planes || row == 0 || row + 1 == rows
    };
    for (run, label) in pieces.runs() {
        outer[label as usize] |= at_border(run);
    }
    let mut mask = vec![1; empty.len()];
    for (run, label) in pieces.runs() {
        if outer[label as usize] {
            mask[run.clone()].fill(0);
        }
    }
    mask
}

/// The box around a mask, half-open; the whole array where it is empty.
pub fn bounds(mask: &[u8], dims: [usize; 3]) -> [Range<usize>; 3] {
    let mut low = dims;
    let mut high = [0; 3];
    for (offset, _) in mask.iter().enumerate().filter(|(_, m)| **m != 0) {
        let row = offset / dims[2];
        let place = [row / dims[1], row % dims[1], offset % dims[2]];
        for axis in 0..3 {
            low[axis] = low[axis].min(place[axis]);
            high[axis] = high[axis].max(place[axis] + 1);
        }
    }
    if high[0] == 0 {
        return dims.map(|length| 0..length);
    }
    [0, 1, 2].map(|axis| low[axis]..high[axis])
}
