//! A scan as its file stores it.

use crate::geometry::Affine;
use crate::util::short_debug;
use crate::volume::Grid;

use std::ops::Range;

/// Images of one grid as files store them: arrays of slice, row, column.
#[derive(Clone)]
pub struct StoredScan {
    /// Values of each image.
    pub images: Vec<Vec<f32>>,
    /// Lengths of the axes.
    pub dims: [usize; 3],
    /// Spacing along them.
    pub spacing_mm: [f64; 3],
    /// Which way the axes run, of column, row, slice.
    pub affine: Affine,
}

short_debug! {
    StoredScan: |scan| format_args!("{} images {:?}", scan.images.len(), scan.dims);
}

impl StoredScan {
    /// Images whose values are stored one after the other as the grid says.
    pub fn new(images: Vec<Vec<f32>>, grid: &Grid) -> Self {
        let [ni, nj, nk] = grid.dims;
        let [si, sj, sk] = grid.spacing_mm();
        // Files hold spacings in single precision, and so does what nnU-Net reads of them.
        let stored = |mm: f64| f64::from(mm as f32);
        Self {
            images,
            dims: [nk, nj, ni],
            spacing_mm: [sk, sj, si].map(stored),
            affine: grid.affine,
        }
    }

    /// The part inside a box.
    #[must_use]
    pub fn cropped(&self, to: &[Range<usize>; 3]) -> Self {
        let images = self.images.iter();
        Self {
            images: images.map(|image| cut(image, self.dims, to)).collect(),
            dims: [0, 1, 2].map(|d| to[d].len()),
            spacing_mm: self.spacing_mm,
            affine: self.affine,
        }
    }
}

fn cut(image: &[f32], dims: [usize; 3], to: &[Range<usize>; 3]) -> Vec<f32> {
    let [planes, rows, columns] = to;
    let mut inner = Vec::with_capacity(planes.len() * rows.len() * columns.len());
    for plane in planes.clone() {
        for row in rows.clone() {
            let start = (plane * dims[1] + row) * dims[2];
            inner.extend_from_slice(&image[start + columns.start..start + columns.end]);
        }
    }
    inner
}

/// Labels of a box as labels of the array that it was cut from, 0 outside.
pub fn put_back(labels: &[u16], dims: [usize; 3], to: &[Range<usize>; 3]) -> Vec<u16> {
    let mut whole = vec![0; dims.iter().product()];
    let [planes, rows, columns] = to;
    let mut lines = labels.chunks(columns.len().max(1));
    for plane in planes.clone() {
        for row in rows.clone() {
            let start = (plane * dims[1] + row) * dims[2];
            if let Some(line) = lines.next() {
                whole[start + columns.start..start + columns.end].copy_from_slice(line);
            }
        }
    }
    whole
}
