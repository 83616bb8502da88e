//! Volumes as overlapping stacks of slices, in the orientation that the authors' scripts store, and back.
//!
//! Arrays are row-major. A volume is `[x, y, slices]` as a NIfTI file holds it; a stack is `[rows, columns, slices]`,
//! rows along -y and columns along -x.

use crate::models::ops::{SplineOrder, spline_zoom};

/// Slices of a volume in the network's orientation, one after another: `[slices, rows, columns]`.
#[derive(Debug, Clone, PartialEq)]
pub struct SliceStack {
    /// Slices, rows, columns.
    pub shape: [usize; 3],
    /// Row-major values.
    pub values: Vec<f32>,
}

impl SliceStack {
    /// From a volume with `i` fastest, as ours are: `values[i + nx (j + ny k)]`.
    pub fn from_volume(values: &[f32], [nx, ny, nz]: [usize; 3]) -> Self {
        let mut turned = Vec::with_capacity(values.len());
        for slice in values.chunks_exact((nx * ny).max(1)).take(nz) {
            for row in 0..ny {
                let line = &slice[(ny - 1 - row) * nx..][..nx];
                turned.extend(line.iter().rev());
            }
        }
        Self {
            shape: [nz, ny, nx],
            values: turned,
        }
    }

    /// Back to a volume with `i` fastest.
    pub fn into_volume<T: Copy>(values: &[T], [nz, ny, nx]: [usize; 3]) -> Vec<T> {
        let mut volume = Vec::with_capacity(values.len());
        for slice in values.chunks_exact((nx * ny).max(1)).take(nz) {
            for j in 0..ny {
                let line = &slice[(ny - 1 - j) * nx..][..nx];
                volume.extend(line.iter().rev().copied());
            }
        }
        volume
    }

    /// Each slice resized in its plane.
    #[must_use]
    pub fn resized(&self, [rows, columns]: [usize; 2], order: SplineOrder) -> Self {
        let [slices, ..] = self.shape;
        let shape = [slices, rows, columns];
        if shape == self.shape {
            return self.clone();
        }
        Self {
            values: spline_zoom(&self.values, &self.shape, &shape, order),
            shape,
        }
    }

    /// The slices of the window around `centre`, the outermost repeated where it reaches beyond them: `[count, rows,
    /// columns]`.
    pub fn window(&self, centre: usize, count: usize) -> Vec<f32> {
        let size = self.shape[1] * self.shape[2];
        let mut window = Vec::with_capacity(count * size);
        for slice in window_slices(centre, count, self.shape[0]) {
            window.extend_from_slice(&self.values[slice * size..][..size]);
        }
        window
    }
}

/// The slices of the window around `centre`, the outermost repeated.
pub fn window_slices(centre: usize, count: usize, slices: usize) -> impl Iterator<Item = usize> {
    let last = slices as isize - 1;
    (0..count).map(move |n| {
        let slice = centre as isize + n as isize - count as isize / 2;
        slice.clamp(0, last) as usize
    })
}

/// Class probabilities of a volume's slices, each `[classes, places]`, added up over its windows.
#[derive(Debug, Clone)]
pub struct WindowAverage {
    sums: Vec<Vec<f32>>,
    counts: Vec<usize>,
    classes: usize,
    places: usize,
    reach: usize,
}

impl WindowAverage {
    /// Nothing added yet, for windows of `window` slices of `classes` maps of `places` values.
    pub fn new(slices: usize, window: usize, [classes, places]: [usize; 2]) -> Self {
        let reach = window / 2;
        Self {
            sums: vec![Vec::new(); slices + 2 * reach],
            counts: vec![0; slices + 2 * reach],
            classes,
            places,
            reach,
        }
    }

    /// Adds what was found in the window around `centre`, for each of its slices; what was found for repeated slices
    /// counts for none (`test.py`).
    pub fn add(&mut self, centre: usize, probabilities: &[f32]) {
        let slices = probabilities.chunks_exact(self.classes * self.places);
        for (slice, found) in slices.enumerate() {
            let sums = &mut self.sums[centre + slice];
            self.counts[centre + slice] += 1;
            if sums.is_empty() {
                *sums = found.to_vec();
            } else {
                for (sum, probability) in sums.iter_mut().zip(found) {
                    *sum += probability;
                }
            }
        }
    }

    /// How many windows there were on each slice, those beyond both ends included.
    pub fn counts(&self) -> &[usize] {
        &self.counts
    }

    /// The sums of a slice, counted from the first one beyond the end.
    pub fn sums(&self, padded: usize) -> &[f32] {
        &self.sums[padded]
    }

    /// The sums of a slice, which are then forgotten; empty where no window was.
    pub fn take(&mut self, slice: usize) -> Vec<f32> {
        std::mem::take(&mut self.sums[slice + self.reach])
    }
}

/// The most probable class at each of `places`, of `[classes, places]`.
pub fn most_probable(probabilities: &[f32], places: usize) -> Vec<u16> {
    let classes = probabilities.len() / places.max(1);
    (0..places)
        .map(|place| {
            let at = |class: usize| probabilities[class * places + place];
            (1..classes).fold(
                0,
                |best, class| if at(class) > at(best) { class } else { best },
            ) as u16
        })
        .collect()
}
