//! A scan at a task's spacing, and the way back.

use rayon::prelude::*;

use crate::geometry::Affine;
use crate::models::nnunet::arrays::sampling::{Ends, Sampling};
use crate::models::nnunet::arrays::totalseg::zoomed_dims;
use crate::models::nnunet::pipeline::{Axes, StoredScan};
use crate::models::nnunet::stage::Reader;
use crate::models::ops::Spline;

/// Values that all lie within so little are no Hounsfield units, and cutting them to whole numbers, as TotalSegmentator
/// does, would leave nothing of them.
const LEAST_RANGE: f32 = 32.0;

/// A scan as TotalSegmentator gives it to nnU-Net: right, anterior, superior as near as its axes come, at the spacing of a
/// task.
pub struct Working {
    /// The scan.
    pub scan: StoredScan,
    /// Lengths of superior, anterior, right at the scan's own spacing.
    canonical: [usize; 3],
    axes: Axes,
}

impl Working {
    /// Brings a scan to a spacing along right, anterior, superior; without one it keeps its own.
    pub fn of(scan: StoredScan, spacing_mm: Option<[f64; 3]>) -> Self {
        let axes = Axes::of_reader(Reader::ClosestRas, &scan.affine);
        let canonical = axes.of(scan.dims);
        let own_mm = axes.of(scan.spacing_mm);
        let turned = |image: Vec<f32>| axes.apply(image, scan.dims);
        let images: Vec<Vec<f32>> = scan.images.into_iter().map(turned).collect();
        let [right, anterior, superior] = spacing_mm.unwrap_or([0.0; 3]);
        let wanted_mm = match spacing_mm {
            Some(_) => [superior, anterior, right],
            None => own_mm,
        };
        // A scan at the spacing already is not even cut to whole numbers.
        let (images, dims) = if wanted_mm == own_mm {
            (images, canonical)
        } else {
            let zoom = std::array::from_fn(|d| own_mm[d] / wanted_mm[d]);
            let dims = zoomed_dims(canonical, zoom);
            let resampled = |image: Vec<f32>| resampled(&image, canonical, dims);
            (images.into_iter().map(resampled).collect(), dims)
        };
        let [superior, anterior, right] = wanted_mm;
        Self {
            scan: StoredScan {
                images,
                dims,
                spacing_mm: wanted_mm,
                affine: Affine::from_spacing([right, anterior, superior], [0.0; 3]),
            },
            canonical,
            axes,
        }
    }

    /// Labels of the working scan as labels of the scan that it was made of.
    pub fn back(&self, labels: &[u16]) -> Vec<u16> {
        let nearest = [0, 1, 2].map(|d| {
            let (from, to) = (self.scan.dims[d], self.canonical[d]);
            Sampling::new(from, to, Spline::Nearest, Ends::Centres)
        });
        let place = |d: usize, at: usize| nearest[d].taps(at)[0].0;
        let [planes, rows, columns] = self.canonical;
        let [_, height, width] = self.scan.dims;
        let mut found = Vec::with_capacity(planes * rows * columns);
        for plane in 0..planes {
            for row in 0..rows {
                let start = (place(0, plane) * height + place(1, row)) * width;
                found.extend((0..columns).map(|column| labels[start + place(2, column)]));
            }
        }
        self.axes.inverse().apply(found, self.canonical)
    }
}

/// Linear between the voxels around each place, in the very order of sums and products that SciPy's `zoom` has for an array
/// of right, anterior, superior: what lies within a rounding error of a whole number is cut to the one or the other.
fn resampled(image: &[f32], from: [usize; 3], to: [usize; 3]) -> Vec<f32> {
    let axes = [0, 1, 2].map(|d| Sampling::new(from[d], to[d], Spline::Linear, Ends::Centres));
    let low = image.iter().copied().fold(f32::INFINITY, f32::min);
    let high = image.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let is_cut = high - low >= LEAST_RANGE;
    let mut found = vec![0.0; to.iter().product()];
    let rows = found.par_chunks_mut(to[2].max(1)).enumerate();
    rows.for_each(|(row, out)| {
        let superior = axes[0].taps(row / to[1]);
        let anterior = axes[1].taps(row % to[1]);
        for (at, out) in out.iter_mut().enumerate() {
            let mut sum = 0.0;
            for &(r, of_right) in axes[2].taps(at) {
                for &(a, of_anterior) in anterior {
                    for &(s, of_superior) in superior {
                        let value = f64::from(image[(s * from[1] + a) * from[2] + r]);
                        sum += value * of_right * of_anterior * of_superior;
                    }
                }
            }
            *out = if is_cut { sum.trunc() } else { sum } as f32;
        }
    });
    found
}
