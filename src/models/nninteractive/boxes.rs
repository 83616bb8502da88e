//! Where a result that was found from afar is looked at closely.

use rayon::prelude::*;

use crate::volume::components::{Connectivity, Pieces};

use super::pool::Part;

/// Voxels at a box's sides that count as not covered by it.
const MARGIN: usize = 24;
/// How often candidates are looked for on a finer grid where there are none.
const HALVINGS: usize = 3;

/// Boxes of a patch's size that cover all that is set, by their first voxels relative to the map's. Greedy: from among
/// the set voxels on a grid of about five by five by five the one around which most is covered, again and again.
///
/// Where that leaves voxels over, the authors' code draws some at random; here it goes on with the voxel nearest to the
/// middle of what is the largest piece left. Patches too small for the margin have a smaller one.
///
/// # Panics
/// When the map does not fill `dims`.
pub fn covering_boxes(map: &[u8], dims: [usize; 3], patch: [usize; 3]) -> Vec<[i64; 3]> {
    if map.iter().all(|&m| m == 0) {
        return Vec::new();
    }
    let mut cover = Cover {
        left: map.to_vec(),
        dims,
        patch,
    };
    let mut candidates = candidates(map, dims);
    let mut boxes = Vec::new();
    while !candidates.is_empty() {
        let counts: Vec<usize> = candidates.par_iter().map(|c| cover.count(*c)).collect();
        let most = counts.iter().copied().max().unwrap_or(0);
        let best = counts.iter().position(|&count| count == most).unwrap_or(0);
        boxes.push(cover.take(candidates[best]));
        candidates.retain(|c| cover.is_left(*c));
    }
    while let Some(centre) = cover.middle_of_largest_piece() {
        boxes.push(cover.take(centre));
    }
    boxes
}

/// The set voxels on a grid over the box around all of them.
fn candidates(map: &[u8], dims: [usize; 3]) -> Vec<[usize; 3]> {
    let bounds = crate::models::nnunet::arrays::crop::bounds(map, dims);
    let stride = |d: usize| {
        let extent = bounds[d].len() - 1;
        ((extent as f64 / 4.0).round_ties_even() as usize).max(1)
    };
    let mut strides = [0, 1, 2].map(stride);
    for _ in 0..=HALVINGS {
        let along = |d: usize| bounds[d].clone().step_by(strides[d]);
        let planes = along(0);
        let places = planes.flat_map(|plane| along(1).map(move |row| [plane, row]));
        let places =
            places.flat_map(|[plane, row]| along(2).map(move |column| [plane, row, column]));
        let set = |place: &[usize; 3]| map[offset(*place, dims)] != 0;
        let found: Vec<[usize; 3]> = places.filter(set).collect();
        if !found.is_empty() {
            return found;
        }
        strides = strides.map(|stride| (stride / 2).max(1));
    }
    Vec::new()
}

fn offset([plane, row, column]: [usize; 3], dims: [usize; 3]) -> usize {
    (plane * dims[1] + row) * dims[2] + column
}

struct Cover {
    /// What is not covered yet.
    left: Vec<u8>,
    dims: [usize; 3],
    patch: [usize; 3],
}

impl Cover {
    /// The first voxel of the box around a voxel.
    fn start(&self, centre: [usize; 3]) -> [i64; 3] {
        std::array::from_fn(|d| centre[d] as i64 - (self.patch[d] / 2) as i64)
    }

    /// What the box around a voxel covers: first voxel and the one after the last.
    fn covered(&self, centre: [usize; 3]) -> [[usize; 2]; 3] {
        let start = self.start(centre);
        std::array::from_fn(|d| {
            let side = self.patch[d];
            let margin = MARGIN.min(side.saturating_sub(1) / 2) as i64;
            let clip = |at: i64| at.clamp(0, self.dims[d] as i64) as usize;
            [
                clip(start[d] + margin),
                clip(start[d] + side as i64 - margin),
            ]
        })
    }

    fn rows(&self, centre: [usize; 3]) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let ([planes, rows, columns], dims) = (self.covered(centre), self.dims);
        (planes[0]..planes[1]).flat_map(move |plane| {
            (rows[0]..rows[1]).map(move |row| {
                let start = (plane * dims[1] + row) * dims[2];
                start + columns[0]..start + columns[1]
            })
        })
    }

    fn count(&self, centre: [usize; 3]) -> usize {
        let rows = self.rows(centre).map(|row| &self.left[row]);
        rows.map(|row| row.iter().filter(|&&m| m != 0).count())
            .sum()
    }

    fn take(&mut self, centre: [usize; 3]) -> [i64; 3] {
        for row in self.rows(centre) {
            self.left[row].fill(0);
        }
        self.start(centre)
    }

    fn is_left(&self, place: [usize; 3]) -> bool {
        self.left[offset(place, self.dims)] != 0
    }

    fn middle_of_largest_piece(&self) -> Option<[usize; 3]> {
        let [planes, rows, columns] = self.dims;
        let pieces = Pieces::of(&self.left, [columns, rows, planes], Connectivity::TwentySix);
        let sizes = pieces.sizes();
        let largest = (0..sizes.len()).max_by_key(|&at| (sizes[at], std::cmp::Reverse(at)))?;
        let place = |offset: usize| {
            [
                offset / columns / rows,
                offset / columns % rows,
                offset % columns,
            ]
        };
        let own = || {
            let runs = pieces
                .runs()
                .filter(|(_, label)| *label as usize == largest + 1);
            runs.flat_map(|(run, _)| run.clone())
        };
        let mut sums = [0.0; 3];
        for offset in own() {
            let place = place(offset);
            (0..3).for_each(|d| sums[d] += place[d] as f64);
        }
        let middle = sums.map(|sum| sum / sizes[largest] as f64);
        let away = |offset: &usize| {
            let place = place(*offset);
            (0..3)
                .map(|d| (place[d] as f64 - middle[d]).powi(2))
                .sum::<f64>()
        };
        own().min_by(|a, b| away(a).total_cmp(&away(b))).map(place)
    }
}

/// Where two masks of the same part differ by more than thin sheets: what is at least five voxels thick.
pub fn clearly_different(a: &Part<'_, u8>, b: &Part<'_, u8>) -> Vec<u8> {
    const WINDOW: usize = 5;
    let both = a.values.par_iter().zip(b.values);
    let differs: Vec<u8> = both.map(|(a, b)| u8::from(a != b)).collect();
    let thin = super::pool::extreme(&differs, a.dims, WINDOW, u8::min);
    super::pool::extreme(&thin, a.dims, WINDOW, u8::max)
}
